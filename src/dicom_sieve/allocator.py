"""How the C library keeps memory that was freed: in few pools, and ready to be used again.

By default each thread has a pool of its own, which keeps what is freed; and what is large goes back to the system at
once, which gives it again page by page, each filled with zeros. Of the facts of ten million images a sixth of the time
was this.
"""

import ctypes
from contextlib import suppress

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
"""Of ``malloc.h``."""
ARENAS = 2
MOST_KEPT = 64 << 20
"""Bytes that are free at the end of a pool, above which they go back to the system."""
LARGEST_KEPT = 32 << 20
"""Bytes of an allocation, from which on it is taken from the system, and given back to it, by itself."""


def tune_allocator() -> None:
    """Let all threads of this process share pools that keep memory; for processes of ours alone.

    Without glibc nothing is set.
    """
    with suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_ARENA_MAX, ARENAS)
        mallopt(M_MMAP_THRESHOLD, LARGEST_KEPT)
        mallopt(M_TRIM_THRESHOLD, MOST_KEPT)
