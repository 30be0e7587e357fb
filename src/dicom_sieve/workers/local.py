"""Work on this machine: one task after the other, in threads, in processes. One after the other is the debugger."""

import multiprocessing
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import islice
from typing import Any, TypeVar

from dicom_sieve import logs
from dicom_sieve.workers.interface import AnyExecutor, Pool, Result, Task

Submitted = TypeVar("Submitted")


def one_by_one(work: Callable[[Task], Result], tasks: Iterable[Task], /) -> Iterator[Result]:
    """Run tasks one after the other, where the caller is."""
    return map(work, tasks)


def in_threads(workers: int) -> AnyExecutor:
    """Give an executor that runs N tasks at the same time in threads."""

    def run(work: Callable[[Task], Result], tasks: Iterable[Task], /) -> Iterator[Result]:
        with ThreadPoolExecutor(workers, thread_name_prefix="index") as pool:
            # One more than there are threads: a thread that ends before the task whose turn it is goes on.
            yield from in_flight(lambda task: pool.submit(work, task), Future.result, tasks, workers + 1)

    return run


def in_pool(pool: Pool, tasks_in_flight: int) -> AnyExecutor:
    """Give an executor that hands N tasks at the same time to a pool's workers."""

    def run(work: Callable[[Task], Result], tasks: Iterable[Task], /) -> Iterator[Result]:
        with pool(work) as remote:
            yield from in_threads(tasks_in_flight)(remote, tasks)

    return run


def in_processes(workers: int) -> AnyExecutor:
    """Give an executor that runs N tasks at the same time, each in a process: for all cores of one machine."""
    return in_pool(partial(process_pool, workers), workers + 1)  # one more, so that no process waits for the next


@contextmanager
def process_pool(workers: int, work: Callable[[Task], Result]) -> Iterator[Callable[[Task], Result]]:
    """Give a function that runs another in one of N processes, and waits for it.

    The function goes to each process once, with the store that it holds, whose clients then serve all tasks there;
    tasks and results are pickled. Processes are spawned: a program that uses this guards its main module by
    ``if __name__ == "__main__"``.
    """
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _install, (work,)) as pool:

        def run_in_process(task: Task) -> Result:
            result: Result = pool.submit(_work_on, task).result()
            return result

        yield run_in_process


_installed: list[Callable[[Any], Any]] = []


def _install(work: Callable[[Any], Any]) -> None:
    logs.set_up()
    _installed[:] = [work]


def _work_on(task: Any) -> Any:
    return _installed[0](task)


def in_flight(
    submit: Callable[[Task], Submitted], result: Callable[[Submitted], Result], tasks: Iterable[Task], most: int
) -> Iterator[Result]:
    """Keep a bounded number of tasks in flight, and give their results in order.

    Args:
        submit: Starts one and gives its future.
        result: Waits for a future.
        tasks: Asked for one when there is room.
        most: How many may be in flight.
    """
    waiting = iter(tasks)
    submitted = deque(submit(task) for task in islice(waiting, most))
    while submitted:
        ended = result(submitted.popleft())
        submitted.extend(submit(task) for task in islice(waiting, 1))  # before the caller takes time over the result
        yield ended
