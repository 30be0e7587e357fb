"""Python's search for garbage: seldom in processes of our own, and not while very many small things are made.

By default it begins after 700 things that hold others, and goes through all that lives again and again while modules
are imported, and twice when a process ends: of 4.5 s in which Prefect's server is imported, 1.9 were this.
"""

import atexit
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event

THINGS_BETWEEN = 10_000
"""More than this changes nothing that can be measured."""
_left_out = Event()


def search_seldom() -> None:
    """Let this process search less often, and not at its end; for processes of ours alone. Twice is as once."""
    gc.set_threshold(THINGS_BETWEEN, *gc.get_threshold()[1:])
    atexit.unregister(gc.freeze)
    atexit.register(gc.freeze)


def leave_out() -> None:
    """Leave out of the search what lives now, as long as the process does: a full search of it takes 60 ms."""
    gc.collect()
    gc.freeze()
    _left_out.set()


@contextmanager
def left_out() -> Iterator[None]:
    """Leave out of the search what lives now: all of the imported modules, which are gone through again and again.

    Where something is left out already, by the process or by another run in it, it stays so: to take all back makes
    the next search go through all of it. Python is not asked for that: it would count all of them.
    """
    if _left_out.is_set():
        yield
        return
    gc.freeze()
    _left_out.set()
    try:
        yield
    finally:
        _left_out.clear()
        gc.unfreeze()
