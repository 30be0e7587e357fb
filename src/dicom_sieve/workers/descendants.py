"""Processes that others start for us, and that would outlive us."""

import os
import signal
import time
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from shutil import rmtree

PROC = Path("/proc")
SECONDS_TO_SWEEP = 10.0


def descendants_that_name(text: str) -> list[int]:
    """Give this process's descendants whose command line has a text, or that of an ancestor of theirs below us.

    Only Linux tells; elsewhere there are none.
    """
    children = defaultdict[int, list[int]](list)
    for status in PROC.glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended meanwhile
            parent = int(status.read_text().rpartition(")")[2].split()[1])
            children[parent].append(int(status.parent.name))
    found: list[int] = []
    todo = [(child, False) for child in children[os.getpid()]]
    while todo:
        number, named = todo.pop()
        named = named or text in _command_of(number)
        found.extend([number] * named)
        todo.extend((child, named) for child in children[number])
    return found


def sweep(folder: str, left: Iterable[int] = ()) -> None:
    """End the descendants that name a folder, and remove it: again and again, while anything is written there.

    Args:
        folder: Where they write.
        left: More processes that write there, of any owner.
    """
    until = time.monotonic() + SECONDS_TO_SWEEP
    running = set(left)
    while (Path(folder).exists() or running) and time.monotonic() < until:
        running.update(descendants_that_name(folder))
        kill(running)
        rmtree(folder, ignore_errors=True)  # what is killed may write to the end of what it is doing
        running = {number for number in running if _command_of(number)}
        if running:
            time.sleep(0.02)


def kill(numbers: Iterable[int]) -> None:
    """End processes at once; those that have ended are left out."""
    for number in numbers:
        with suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)


def _command_of(number: int) -> str:
    try:
        return (PROC / str(number) / "cmdline").read_text()
    except OSError:  # it has ended meanwhile
        return ""
