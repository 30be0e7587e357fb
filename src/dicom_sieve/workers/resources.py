"""What one task needs of a machine, and how many of these one machine can do at the same time."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dicom_sieve.errors import WorkersError

GIB = 1024**3
VISIBLE_DEVICES = "CUDA_VISIBLE_DEVICES"
_DEVICES = Path("/dev")


@dataclass(frozen=True, slots=True)
class Resources:
    """What one task needs while it runs.

    Attributes:
        cpus: Cores.
        gpus: Whole GPUs, which no other task has at the same time.
        memory_gib: Of memory; 0: not known, and not looked at.
    """

    cpus: int = 1
    gpus: int = 0
    memory_gib: float = 0.0


@dataclass(frozen=True, slots=True)
class Slot:
    """The place of one worker on a machine.

    Attributes:
        devices: Names of the GPUs that are its own; None: it is told of none.
    """

    devices: tuple[str, ...] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """Variables that tell programs of its GPUs."""
        return {} if self.devices is None else {VISIBLE_DEVICES: ",".join(self.devices)}


def slots_here(needed: Resources, most: int) -> list[Slot]:
    """Give the places of workers on this machine.

    Args:
        needed: By each.
        most: That are asked for.

    Raises:
        WorkersError: Not even one has what it needs.
    """
    devices = devices_here() if needed.gpus else []
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIB
    possible = {
        f"{needed.cpus} cores; there are {_cores()}": _cores() // max(needed.cpus, 1),
        f"{needed.gpus} GPUs; there are {len(devices)}": len(devices) // needed.gpus if needed.gpus else most,
        f"{needed.memory_gib:g} GiB of memory; there are {memory:.0f}": (
            int(memory // needed.memory_gib) if needed.memory_gib else most
        ),
    }
    for lacking, number in possible.items():
        if number < 1:
            raise WorkersError(
                f"this machine does not have what a series needs: {lacking}",
                "compute on another one, or on Ray: DICOM_SIEVE_TASK_RUNNER=ray",
            )
    count = min(most, *possible.values())
    if not needed.gpus:
        return [Slot()] * count
    return [Slot(tuple(devices[place * needed.gpus : (place + 1) * needed.gpus])) for place in range(count)]


def devices_here() -> Sequence[str]:
    """Name the GPUs that this process may use: as it was told, else those of NVIDIA's driver."""
    told = os.environ.get(VISIBLE_DEVICES)
    if told is not None:
        return [name.strip() for name in told.split(",") if name.strip() not in {"", "-1"}]
    return sorted((path.name.removeprefix("nvidia") for path in _DEVICES.glob("nvidia[0-9]*")), key=int)


def _cores() -> int:
    return len(os.sched_getaffinity(0))
