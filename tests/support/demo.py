"""A demo as a user runs it, and what it printed."""

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from dicom_sieve.demo.bucket import SERIES
from tests.cli.command import environment_of

MOST_LINES = 40


class Demo(NamedTuple):
    """A demo that has ended."""

    home: Path
    output: str
    environment: Mapping[str, str]

    @property
    def end(self) -> list[str]:
        """What it ends with."""
        lines = self.output.splitlines()
        return lines[next(number for number, line in enumerate(lines) if line.startswith("RUN ")) :]

    @property
    def commands(self) -> list[str]:
        """What it says to go on with."""
        lines = self.output.splitlines()
        return [line for line in lines[lines.index("go on in a shell:") + 1 :] if line.startswith("  ")]

    def in_shell(self, *commands: str) -> str:
        """Run lines as a user pastes them; the first that fails ends it."""
        shell = ["bash", "-e", "-c", "\n".join(commands)]
        return subprocess.run(shell, env=self.environment, check=True, capture_output=True, text=True).stdout


def clean_environment(home: Path) -> dict[str, str]:
    """Give an environment in which nothing of ours or of Prefect's is set."""
    return {name: value for name, value in environment_of(home).items() if not name.startswith("PREFECT_")}


def run_demo(home: Path, *program: str, without_sources: bool = False) -> Demo:
    """Run it to its end.

    Args:
        home: Of its user; it is made in a folder there.
        program: What stands before its name.
        without_sources: Whether only what is installed can be imported.
    """
    environment = clean_environment(home)
    if without_sources:
        environment.pop("PYTHONPATH", None)
    command = [*program, "demo", "--folder", str(home / "demo")]
    done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return Demo(home, done.stdout, environment)


def check_end(demo: Demo) -> None:
    """Check that it ends in few lines with verdicts, series, one trace."""
    assert len(demo.end) <= MOST_LINES
    assert max(map(len, demo.end[: demo.end.index("go on in a shell:")])) <= 100
    text = "\n".join(demo.end)
    for words in (" objects: 179 passed, ", "SERIES 3 WHOLE, 1 PARTIAL, 40 NONE", "TRACE of 'odd/"):
        assert words in text
    assert all(series.name in text for series in SERIES)


def check_commands(demo: Demo) -> None:
    """Check that five commands work as printed, each in a shell of its own."""
    first, *commands = demo.commands
    assert first.startswith("  export DICOM_SIEVE_DATABASE_URL=")
    assert len(commands) == 5
    assert all(demo.in_shell(first, command) for command in commands)
    assert (demo.home / "demo" / "report.html").exists()
