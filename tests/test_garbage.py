"""How often Python searches for garbage in processes of our own."""

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


def test_a_process_that_runs_a_flow_says_so_before_it_imports_what_is_large() -> None:
    program = """
import gc, sys
from dicom_sieve import garbage
said = garbage.search_seldom
def look():
    print([name for name in ("pyarrow", "sqlalchemy", "boto3") if name in sys.modules])
    said()
garbage.search_seldom = look
import dicom_sieve.flows.screen
print("pyarrow" in sys.modules, gc.get_threshold()[0])
"""
    ended = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)

    assert ended.stdout.splitlines() == ["[]", f"True {garbage.THINGS_BETWEEN}"]


def test_what_lived_before_is_left_out_for_a_while() -> None:
    assert counts_of("with garbage.left_out(): look()", "look()") == [True, False]


def test_it_stays_so_where_another_run_or_the_process_left_it_out() -> None:
    nested = "with garbage.left_out():\n with garbage.left_out(): look()\n look()"

    assert counts_of(nested, "look()") == [True, True, False]
    assert counts_of("garbage.leave_out()", nested, "look()") == [True, True, True]


def counts_of(*statements: str) -> list[bool]:
    """Tell, in a process of its own, whether much is left out each time that it looks."""
    begin = "import gc\nfrom dicom_sieve import garbage\nlook = lambda: print(gc.get_freeze_count() > 1000)"
    program = "\n".join((begin, *statements))
    ended = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    return [line == "True" for line in ended.stdout.splitlines()]
