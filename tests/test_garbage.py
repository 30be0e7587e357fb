"""How often Python searches for garbage in processes of our own."""

import gc
import subprocess
import sys

import pytest

from dicom_sieve import garbage

PROGRAM = """
import atexit, gc
atexit.register(lambda: print(gc.get_threshold()[0], gc.get_freeze_count() > 1000, len(gc.get_objects()) < 1000))
from dicom_sieve import garbage
garbage.search_seldom()
garbage.search_seldom()
print(gc.isenabled(), gc.get_freeze_count())
"""


def test_a_process_of_ours_searches_seldom_and_not_at_its_end() -> None:
    ended = subprocess.run([sys.executable, "-c", PROGRAM], check=True, capture_output=True, text=True)

    assert ended.stdout.splitlines() == ["True 0", f"{garbage.THINGS_BETWEEN} True True"]


@pytest.mark.parametrize("entry", ["dicom_sieve", "dicom_sieve.web", "dicom_sieve.flows.server"])
def test_an_entry_says_so_before_it_imports_what_is_large(entry: str) -> None:
    program = f"""
import atexit, gc, runpy, sys
from dicom_sieve import garbage
def look():
    print([name for name in ("prefect", "sqlalchemy", "typer") if name in sys.modules])
    sys.exit()
garbage.search_seldom = look
sys.argv[1:] = []
runpy.run_module({entry!r}, run_name="__main__")
"""
    ended = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)

    assert ended.stdout == "[]\n"


def test_what_lived_before_is_left_out_for_a_while() -> None:
    was = gc.get_freeze_count()
    gc.unfreeze()
    try:
        with garbage.frozen():
            assert gc.get_freeze_count() > 1000
            with garbage.frozen():
                pass
            assert gc.get_freeze_count() > 1000
        assert gc.get_freeze_count() == 0
    finally:
        if was:
            gc.freeze()
