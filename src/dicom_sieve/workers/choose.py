"""From the settings to the workers that they name."""

import os
from contextlib import nullcontext
from functools import partial

from dicom_sieve.settings import Settings
from dicom_sieve.workers.interface import AnyExecutor, Pool
from dicom_sieve.workers.local import in_pool, process_pool


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


def executor_for(settings: Settings) -> AnyExecutor:
    """Give the executor that the settings name."""
    return in_pool(pool_for(settings), settings.shards_in_flight)
