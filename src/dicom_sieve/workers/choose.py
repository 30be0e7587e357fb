"""From the settings to the workers that they name."""

import os
from contextlib import nullcontext
from dataclasses import replace
from functools import partial

from dicom_sieve.settings import Settings
from dicom_sieve.workers.interface import AnyExecutor, Pool
from dicom_sieve.workers.local import in_pool, process_pool
from dicom_sieve.workers.processes import own_processes
from dicom_sieve.workers.resources import Resources, slots_here


def worker_processes(tasks_in_flight: int) -> int:
    """Tell how many processes are worth starting: one a core, and never more than tasks may be in flight."""
    return min(tasks_in_flight, len(os.sched_getaffinity(0)))


def pool_for(settings: Settings) -> Pool:
    """Give the workers that the settings name."""
    here = worker_processes(settings.shards_in_flight)
    match settings.task_runner:
        case "threads":
            return nullcontext  # the caller is the worker
        case "processes":
            return partial(process_pool, here)
        case "ray":
            from dicom_sieve.workers.ray import ray_pool  # noqa: PLC0415 - an extra, and slow to import

            return partial(ray_pool, settings.ray_address, here)


def runner_for(settings: Settings, needed: Resources, most: int, *, own_process: bool) -> tuple[Pool | None, int]:
    """Give workers for tasks of minutes, None where threads of the caller are; and how many may be in flight.

    Args:
        settings: Name the workers.
        needed: By each task.
        most: Tasks that are asked for at the same time.
        own_process: Whether tasks at the same time must be in different processes.

    Raises:
        WorkersError: This machine does not have what a task needs.
    """
    if settings.task_runner == "ray":
        from dicom_sieve.workers.ray import ray_pool  # noqa: PLC0415 - as above

        if settings.ray_address:  # machines may be added that have what is needed
            return partial(ray_pool, settings.ray_address, 0, needed=needed), most
        count = len(slots_here(needed, most))
        return partial(ray_pool, "", count * needed.cpus, needed=replace(needed, memory_gib=0)), count
    slots = slots_here(needed, most)
    is_here = settings.task_runner == "threads" and not needed.gpus and (not own_process or len(slots) == 1)
    return (None if is_here else partial(own_processes, slots)), len(slots)


def executor_for(settings: Settings) -> AnyExecutor:
    """Give the executor that the settings name."""
    return in_pool(pool_for(settings), settings.shards_in_flight)
