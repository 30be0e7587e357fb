"""The process that draws pictures: what an object's bytes do to a decoder, they do there."""

import logging
import multiprocessing
import resource
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from concurrent.futures import TimeoutError as WaitedTooLongError
from threading import Lock

from dicom_sieve.web.picture import NoPictureError, Reason, draw

MOST_MEMORY = 2 * 1024**3
"""Bytes of addresses that the process may have: what needs more is too large."""
SECONDS = 15.0
"""For one picture."""


class Draughtsman:
    """Draws in one other process, one picture after the other; started when it is first asked."""

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None
        self._lock = Lock()

    def draw(self, data: bytes) -> bytes:
        """Draw an object as PNG.

        Raises:
            NoPictureError: It cannot be drawn, or needs too much time or memory.
        """
        with self._lock:
            try:
                return self._submit(data).result(SECONDS)
            except WaitedTooLongError:
                self._end()
                raise NoPictureError(Reason.TOO_LARGE) from None
            except BrokenExecutor:
                self._end()
                raise NoPictureError(Reason.DAMAGED) from None

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._end()

    def _submit(self, data: bytes) -> "Future[bytes]":
        if self._pool is None:
            self._pool = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), _bound)
        return self._pool.submit(_draw, data)

    def _end(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            processes = list((pool._processes or {}).values())
            pool.shutdown(wait=False, cancel_futures=True)
            for process in processes:
                process.kill()


def _bound() -> None:
    logging.getLogger("pydicom").disabled = True  # it quotes values of patients
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))


def _draw(data: bytes) -> bytes:
    return draw(data)
