"""Pools of memory that threads share: by default each thread has its own, which keeps what is freed."""

import ctypes
from contextlib import suppress

M_ARENA_MAX, ARENAS = -8, 2
"""Of ``malloc.h``."""


def limit_arenas() -> None:
    """Let all threads of this process share two pools; for processes of ours alone. Without glibc nothing is set."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, ARENAS)
