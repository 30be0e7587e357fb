"""What comes in pieces is written together: when there is enough of it, or after some seconds (ADR 61)."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Generic, TypeVar

T = TypeVar("T")


@contextmanager
def written_together(
    write: Callable[[Sequence[T]], None], *, most: int, seconds: float, in_thread: bool
) -> Iterator[Callable[[Sequence[T]], None]]:
    """Give what takes pieces; the last are written as it ends, with an error, too.

    Args:
        write: Writes things. It is called by one thread at a time.
        most: With as many things, they are written at once.
        seconds: How long a thing waits, at most.
        in_thread: Whether a thread looks after that; else only what takes the next piece does.

    Raises:
        BaseException: What `write` raised in the thread, when the next piece comes, or at the end.
    """
    batch = _Batch(write, most, seconds)
    thread = threading.Thread(target=batch.watch, name="together", daemon=True) if in_thread else None
    if thread is not None:
        thread.start()
    try:
        yield batch.add
    finally:
        batch.end()
        if thread is not None:
            thread.join()
        batch.write_rest()


class _Batch(Generic[T]):
    def __init__(self, write: Callable[[Sequence[T]], None], most: int, seconds: float) -> None:
        self._write, self._most, self._seconds = write, most, seconds
        self._changed = threading.Condition()
        self._waiting: list[T] = []
        self._due = 0.0
        self._has_ended = False
        self._error: BaseException | None = None

    def add(self, things: Sequence[T]) -> None:
        """Let things wait, and write if it is time."""
        with self._changed:
            self._raise()
            if not self._waiting:
                self._due = time.monotonic() + self._seconds
            self._waiting.extend(things)
            if len(self._waiting) >= self._most or time.monotonic() >= self._due:
                self._write_waiting()
            self._changed.notify()

    def watch(self) -> None:
        """Write what has waited long enough, until the end."""
        with self._changed:
            while not self._has_ended:
                if not self._waiting:
                    self._changed.wait()
                elif (left := self._due - time.monotonic()) > 0:
                    self._changed.wait(left)
                else:
                    try:
                        self._write_waiting()
                    except BaseException as error:
                        self._error = error
                        return

    def end(self) -> None:
        """Let `watch` end."""
        with self._changed:
            self._has_ended = True
            self._changed.notify()

    def write_rest(self) -> None:
        """Write what waits still."""
        self._raise()
        self._write_waiting()

    def _write_waiting(self) -> None:
        things, self._waiting = self._waiting, []  # what cannot be written is not tried again
        if things:
            self._write(things)

    def _raise(self) -> None:
        if self._error is not None:
            error, self._error = self._error, None
            raise error
