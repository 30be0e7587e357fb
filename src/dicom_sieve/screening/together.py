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
        in_thread: Whether a thread writes, and who gives pieces goes on meanwhile, unless that many wait again; else
            who gives a piece writes what is due.

    Raises:
        BaseException: What `write` raised in the thread, when the next piece comes, or at the end.
    """
    batch = _Batch(write, most, seconds)
    thread = threading.Thread(target=batch.write_all, name="together", daemon=True) if in_thread else None
    write_or_wait = batch.write_due if thread is None else batch.wait_until_taken

    def add(things: Sequence[T]) -> None:
        batch.add(things)
        write_or_wait()

    if thread is not None:
        thread.start()
    try:
        yield add
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
        self._ready: list[list[T]] = []
        self._due = 0.0
        self._has_ended = False
        self._error: BaseException | None = None

    def add(self, things: Sequence[T]) -> None:
        """Let things wait, and set apart what it is time to write."""
        with self._changed:
            self._raise()
            if not self._waiting:
                self._due = time.monotonic() + self._seconds
            self._waiting.extend(things)
            if self._waiting and (len(self._waiting) >= self._most or time.monotonic() >= self._due):
                self._ready.append(self._take())
            self._changed.notify_all()

    def write_due(self) -> None:
        """Write what it is time for."""
        while self._ready:
            self._write(self._ready.pop(0))

    def wait_until_taken(self) -> None:
        """Wait until the thread has begun with all that it is time for."""
        with self._changed:
            while self._ready and self._error is None:
                self._changed.wait()
            self._raise()

    def write_all(self) -> None:
        """Write what has waited long enough, or is as much as is written at once, until the end."""
        try:
            while things := self._next():
                self._write(things)
        except BaseException as error:
            with self._changed:
                self._error = error
                self._ready.clear()
                self._changed.notify_all()

    def end(self) -> None:
        """Let `write_all` end, with what it is time for."""
        with self._changed:
            self._has_ended = True
            self._changed.notify_all()

    def write_rest(self) -> None:
        """Write what waits still."""
        self._raise()
        self.write_due()
        if self._waiting:
            self._write(self._take())

    def _next(self) -> list[T]:
        """Give what is to be written now, when it is time; nothing at the end."""
        with self._changed:
            while not self._ready:
                left = self._due - time.monotonic()
                if self._has_ended:
                    return []
                if not self._waiting:
                    self._changed.wait()
                elif left > 0:
                    self._changed.wait(left)
                else:
                    self._ready.append(self._take())
            self._changed.notify_all()
            return self._ready.pop(0)

    def _take(self) -> list[T]:
        """Give what waits; what cannot be written is not tried again."""
        things, self._waiting = self._waiting, []
        return things

    def _raise(self) -> None:
        if self._error is not None:
            error, self._error = self._error, None
            raise error
