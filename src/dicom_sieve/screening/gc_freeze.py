"""Less of Python's search for garbage while very many small things are made."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def frozen_gc() -> Iterator[None]:
    """Leave out of the search what lives now: all of the imported modules, which are gone through again and again.

    Where something is left out already, by the process or by another run in it, it stays so: to take all back makes
    the next search go through all of it.
    """
    if gc.get_freeze_count():
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
