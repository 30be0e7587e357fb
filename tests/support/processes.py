"""What the kernel tells of processes."""

import os
import signal
from pathlib import Path


def state_of(number: int) -> str:
    """Give a process's state in one letter: T is stopped, Z has ended. See proc(5)."""
    for line in Path(f"/proc/{number}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("State:"):
            return line.split()[1]
    raise LookupError(f"process {number} has no state")


def descendants(number: int) -> list[int]:
    """Give the processes that a process started, and those that they did."""
    parents: dict[int, int] = {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = file.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:  # it ended while we looked
            continue
        parents[int(file.parent.name)] = int(fields[1])
    found, new = [], [number]
    while new:
        new = [child for child, parent in parents.items() if parent in new]
        found += new
    return found


def command_of(number: int) -> str:
    """Give the words that a process was started with; empty where it has ended."""
    try:
        return Path(f"/proc/{number}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def kill(*numbers: int) -> None:
    """End processes as a crash does."""
    for number in numbers:
        try:
            os.kill(number, signal.SIGKILL)
        except ProcessLookupError:  # with its parent
            continue
