"""What workers are asked, and how. Generic over the task and its result; both are pickled where processes do it.

``str(task)`` stands in errors and in Prefect: it names the task, and holds no value of a patient.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")


class Executor(Protocol[Task, Result]):
    """Runs a function over tasks of one kind and gives what it returned, in the order of the tasks.

    The tasks are made while they are asked for, so only a bounded number may be in flight.
    """

    def __call__(self, work: Callable[[Task], Result], tasks: Iterable[Task], /) -> Iterator[Result]:
        """Run it."""
        ...


class AnyExecutor(Protocol):
    """An executor for tasks of any kind."""

    def __call__(self, work: Callable[[Task], Result], tasks: Iterable[Task], /) -> Iterator[Result]:
        """Run it."""
        ...


class Pool(Protocol):
    """Workers: on entering, a function is exchanged for one that has them run it, and waits for it."""

    def __call__(self, work: Callable[[Task], Result], /) -> AbstractContextManager[Callable[[Task], Result]]:
        """Start them, or be connected to them."""
        ...
