"""A process for each worker, which has one task at a time: one that is killed takes no other task with it.

For tasks that take minutes and may take all of a machine's memory. Where a pool of `concurrent.futures` breaks as a
whole, here the task is done again by a new process, once.
"""

import multiprocessing
import os
import pickle
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import Any

from dicom_sieve import logs
from dicom_sieve.errors import WorkersError
from dicom_sieve.workers.interface import Result, Task
from dicom_sieve.workers.resources import Slot

ATTEMPTS = 2
"""Number of processes that one task may end."""
SECONDS_TO_END = 5.0


@contextmanager
def own_processes(slots: Sequence[Slot], work: Callable[[Task], Result]) -> Iterator[Callable[[Task], Result]]:
    """Give a function that runs another in a process of its own, and waits for it; threads may call it together.

    Processes are spawned when they are first needed: a program that uses this guards its main module by ``if __name__
    == "__main__"``. When the context is left they are killed, whatever they do; they end with this process, too.

    Args:
        slots: A process each.
        work: Goes to each process once. It, tasks and results are pickled; the errors of this package come back as
            they are.

    Raises:
        WorkersError: What is sent cannot be pickled; or, of a task, its process was killed, `ATTEMPTS` times.
    """
    try:
        sent = pickle.dumps(work)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise WorkersError(
            f"the computation cannot be sent to another process ({type(error).__name__})",
            "name its functions at the top of a module; a lambda or a function within another has no name",
        ) from None
    pool = _Pool(slots, sent)
    try:
        yield pool.run
    finally:
        pool.close()


class _Pool:
    def __init__(self, slots: Sequence[Slot], sent: bytes) -> None:
        self._sent = sent
        self._idle = SimpleQueue[_Worker]()
        self._all = [_Worker(slot) for slot in slots]
        for worker in self._all:
            self._idle.put(worker)
        self._is_closed = threading.Event()

    def run(self, task: Any) -> Any:
        worker = self._idle.get()
        try:
            for _ in range(ATTEMPTS):
                if self._is_closed.is_set():
                    break
                with suppress(EOFError, ConnectionError):  # it was killed
                    ended = worker.run(self._sent, task)
                    if isinstance(ended, BaseException):
                        raise ended
                    return ended
            if self._is_closed.is_set():
                raise WorkersError(f"{task} was stopped", "start it again")
            raise WorkersError(
                f"the process that worked on {task} was killed, {ATTEMPTS} times",
                "it may need more memory than there is: compute on fewer at the same time",
            )
        finally:
            self._idle.put(worker)

    def close(self) -> None:
        self._is_closed.set()
        for worker in self._all:
            worker.kill()


class _Worker:
    """One process, started when it is needed."""

    def __init__(self, slot: Slot) -> None:
        self._slot = slot
        self._process: Any = None
        self._ours: Connection | None = None
        self._starting = threading.Lock()
        self._is_closed = False

    def run(self, sent: bytes, task: Any) -> Any:
        connection = self._connect(sent)
        try:
            connection.send(task)
            return connection.recv()
        except (EOFError, ConnectionError):
            self._forget()
            raise

    def kill(self) -> None:
        with self._starting:
            self._is_closed = True
            process = self._process
        if process is not None:
            process.kill()
            process.join(SECONDS_TO_END)

    def _connect(self, sent: bytes) -> Connection:
        with self._starting:
            if self._is_closed:
                raise EOFError
            if self._ours is None:
                context = multiprocessing.get_context("spawn")
                self._ours, theirs = context.Pipe()
                arguments = (theirs, sent, self._slot.environment)
                self._process = context.Process(target=_serve, args=arguments, name="dicom-sieve-worker")
                self._process.start()
                theirs.close()
            return self._ours

    def _forget(self) -> None:
        with self._starting:
            if self._ours is not None:
                self._ours.close()
            if self._process is not None:
                self._process.kill()
                self._process.join(SECONDS_TO_END)
            self._ours = self._process = None


def _serve(connection: Connection, sent: bytes, environment: dict[str, str]) -> None:
    """Do one task after the other, in a process of its own, until nobody asks."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all; who started this one ends it
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.environ.update(environment)
    logs.set_up()
    work: Callable[[Any], Any] = pickle.loads(sent)  # noqa: S301 - pickled by the process that started this one
    with suppress(EOFError, ConnectionError):
        while True:
            task = connection.recv()
            try:
                ended = work(task)
            except Exception as error:
                ended = error
            connection.send(ended)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os.kill(os.getpid(), signal.SIGKILL)
