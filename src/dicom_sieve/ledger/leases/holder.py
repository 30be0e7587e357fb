"""Who holds a lease: a process, named so that others on the same machine can tell that it is dead.

The name holds the machine's boot id, the process's namespace, its id there and when it started: an id alone is reused.
Where ``/proc`` does not give these, the name does not identify the process, and its leases only expire.
"""

import os
import uuid
from pathlib import Path

PROC = Path("/proc")
_DEAD_STATES = ("Z", "X")
"""Ended, but not yet waited for by its parent. See proc(5)."""


def name_holder() -> str:
    """Name this process, and one lease of it: no two names are equal."""
    token = uuid.uuid4().hex
    try:
        _, started = _state_and_start(os.getpid())
        return f"{_boot_and_namespace()} {os.getpid()} {started} {token}"
    except OSError:
        return token


def is_dead(holder: str) -> bool:
    """Tell whether a holder is dead for certain; False where that cannot be seen from here."""
    *place, number, start, _token = holder.split(" ") if holder.count(" ") == 4 else [""] * 5
    try:
        if " ".join(place) != _boot_and_namespace():
            return False
        os.kill(int(number), 0)  # sends no signal
        state, started = _state_and_start(int(number))
    except ProcessLookupError:
        return True
    except OSError:  # not permitted to see
        return False
    return state in _DEAD_STATES or started != start


def _boot_and_namespace() -> str:
    boot = (PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return f"{boot} {(PROC / 'self/ns/pid').readlink()}"


def _state_and_start(number: int) -> tuple[str, str]:
    """Give a process's state and when it started, in clock ticks since the boot: fields 3 and 22 of its stat."""
    fields = (PROC / str(number) / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    return fields[0], fields[19]
