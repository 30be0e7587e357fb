"""SIGTERM and SIGHUP end the work in order, so that no patients' images are left behind."""

import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import FrameType
from typing import Any, NoReturn

SIGNALS = (signal.SIGTERM, signal.SIGHUP)
OF_PREFECT = "TerminationSignal"
"""What Prefect's handler of SIGTERM raises in the process of a flow run; it has the number as ``signal``."""
SECONDS_UNTIL_AGAIN = 0.05


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

    Python ignores an exception in the callback of a weak reference, or where an object is deleted. What is raised there
    is raised again: the signal is sent once more.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    changed = [number for number in SIGNALS if signal.getsignal(number) is signal.SIG_DFL]
    for number in changed:
        signal.signal(number, _end)
    before = sys.unraisablehook
    sys.unraisablehook = partial(_send_again, before)
    try:
        yield
    finally:
        sys.unraisablehook = before
        for number in changed:
            signal.signal(number, signal.SIG_DFL)


def let_go(error: BaseException) -> None:
    """Close what an interruption left open; called before a transaction ends, and before anything is written about it.

    A signal may come between a context manager and its ``with``, which then does not close it: the frames of the
    exception's traceback keep it open, with its file, lock or transaction, as long as the exception is dealt with.

    Args:
        error: What is dealt with. Errors that are no interruptions are left as they are.
    """
    seen = None if isinstance(error, Exception) else error
    while seen is not None:
        traceback.clear_frames(seen.__traceback__)
        seen = seen.__context__


def _send_again(before: Callable[[Any], Any], unraisable: Any) -> None:
    """Send the signal again of which the exception was ignored; all else is told as before."""
    ignored = unraisable.exc_value
    if isinstance(ignored, EndedBySignal):
        number = ignored.number
        signal.signal(number, _end)
    elif type(ignored).__name__ == OF_PREFECT:
        number = ignored.signal
    else:
        before(unraisable)
        return
    again = threading.Timer(SECONDS_UNTIL_AGAIN, os.kill, (os.getpid(), number))
    again.daemon = True
    again.start()


def _end(number: int, _frame: FrameType | None) -> NoReturn:
    for other in SIGNALS:
        if signal.getsignal(other) is _end:
            signal.signal(other, signal.SIG_IGN)  # a second one would break off the ending itself
    raise EndedBySignal(number)
