"""A process in which tests run dies: the suite names the test, does the rest elsewhere, and ends."""

import subprocess
import sys
from pathlib import Path

FILES = 8
CONFTEST = """
from tests.support.distribution import Distribution

def pytest_xdist_make_scheduler(config, log):
    return Distribution(config, log)
"""
PASSES = """
import pytest

@pytest.mark.parametrize("number", range(5))
def test_passes(number):
    pass
"""
CRASHES = """
import os

def test_before():
    pass

def test_crash():
    os._exit(1)

def test_after():
    pass
"""


def test_a_process_that_dies_costs_the_test_that_it_was_in(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    for number in range(FILES):
        (tmp_path / f"test_{number}.py").write_text(CRASHES if number == FILES - 3 else PASSES)

    options = ["-p", "no:cacheprovider", "-o", "addopts=", "--numprocesses=2", "--dist=loadscope"]
    command = [sys.executable, "-m", "pytest", *options, "--rootdir", str(tmp_path), str(tmp_path)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert f"{5 * (FILES - 1) + 2} passed" in ended.stdout
    assert "1 failed" in ended.stdout
    assert "crashed while running 'test_5.py::test_crash'" in ended.stdout
