"""SIGTERM and SIGHUP end the work in order, so that no patients' images are left behind."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

SIGNALS = (signal.SIGTERM, signal.SIGHUP)


class EndedBySignal(SystemExit):
    """The process received SIGTERM or SIGHUP.

    Args:
        number: Of the signal. The exit code is 128 more, as shells have it.
    """

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)
        self.number = number

    def __str__(self) -> str:
        return f"stopped by {signal.Signals(self.number).name}"


@contextmanager
def ending_in_order() -> Iterator[None]:
    """Let SIGTERM and SIGHUP raise `EndedBySignal` in the main thread, so that what is open is closed and removed.

    Only signals that would end the process at once are changed: a handler of the program's own, and signals that it
    ignores, stay as they are. Outside of the main thread nothing is changed. All is as before at the end.
    """
    changed = []
    if threading.current_thread() is threading.main_thread():
        changed = [number for number in SIGNALS if signal.getsignal(number) is signal.SIG_DFL]
    for number in changed:
        signal.signal(number, _end)
    try:
        yield
    finally:
        for number in changed:
            signal.signal(number, signal.SIG_DFL)


def _end(number: int, _frame: FrameType | None) -> NoReturn:
    for other in SIGNALS:
        if signal.getsignal(other) is _end:
            signal.signal(other, signal.SIG_IGN)  # a second one would break off the ending itself
    raise EndedBySignal(number)
