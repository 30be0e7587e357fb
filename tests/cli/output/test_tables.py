"""Tables on terminals: they fit, and nothing that people copy is cut; piped they are as wide as their cells."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from tests.cli.command import environment_of

UID = "1.2.826.0.1.3680043.8.498.98302081570345125409746320951127814197"
PRINT = f"""
from dicom_sieve.cli.output.text import show_table
row = ("{UID}", 12, "the slices are not evenly spaced; one may be missing")
show_table(("series", "instances", "reason"), [row, row], right=("instances",))
"""


def on_terminal(columns: int, *command: str, home: Path) -> list[str]:
    """Run something on a terminal of this width, and give the lines that it prints."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    environment = {**environment_of(home), "TERM": "xterm"}
    del environment["COLUMNS"]
    process = subprocess.Popen([sys.executable, *command], stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    printed = b""
    try:
        while part := os.read(ours, 65_536):
            printed += part
    except OSError:  # the other side is closed
        pass
    os.close(ours)
    assert process.wait(60) == 0
    return re.sub(r"\x1b\[[0-9;]*m", "", printed.decode()).replace("\r\n", "\n").splitlines()


class TestOnATerminal:
    def test_a_wide_one_has_a_line_a_row(self, tmp_path: Path) -> None:
        assert len(on_terminal(160, "-c", PRINT, home=tmp_path)) == 3

    def test_sentences_wrap_and_uids_stay_whole(self, tmp_path: Path) -> None:
        lines = on_terminal(100, "-c", PRINT, home=tmp_path)

        assert max(map(len, lines)) <= 100
        assert sum(UID in line for line in lines) == 2
        assert len(lines) > 3

    def test_a_narrow_one_has_a_line_a_cell(self, tmp_path: Path) -> None:
        lines = on_terminal(60, "-c", PRINT, home=tmp_path)

        assert lines[:4] == [
            f"series     {UID}",
            "instances  12",
            "reason     the slices are not evenly spaced; one may be missing",
            "",
        ]

    @pytest.mark.parametrize("columns", [60, 80])
    def test_help_fits(self, columns: int, tmp_path: Path) -> None:
        for command in ([], ["screen"], ["compare"]):
            lines = on_terminal(columns, "-m", "dicom_sieve", *command, "--help", home=tmp_path)

            assert max(map(len, lines)) <= columns
            assert [line for line in lines if line.startswith("│") and not line.endswith("│")] == []


def test_piped_it_is_as_wide_as_its_cells_whatever_the_terminal(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PRINT],
        env=environment_of(tmp_path, COLUMNS="60"),
        capture_output=True,
        text=True,
        check=True,
    )

    assert len(done.stdout.splitlines()) == 3
    assert done.stdout.count(UID) == 2
