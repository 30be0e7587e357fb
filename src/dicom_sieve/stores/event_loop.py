"""One event loop for all shards of a process: several would fight for Python's lock at each answer of the store.

With the extra ``dicom-sieve[fast]`` it is uvloop's, which takes a third of the client's CPU time for an object off:
each answer wakes the loop twice.
"""

import asyncio
import atexit
import os
from collections.abc import Coroutine
from functools import cache
from threading import Lock, Thread
from typing import Any, TypeVar

T = TypeVar("T")
_starting = Lock()


def run_beside_others(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in the loop of this process, and wait for it; from any thread but the loop's own."""
    with _starting:
        loop = _loop_of(os.getpid())
    future = asyncio.run_coroutine_threadsafe(work, loop)
    try:
        return future.result()
    finally:
        future.cancel()  # where the waiting thread is interrupted


@cache
def _loop_of(_process: int) -> asyncio.AbstractEventLoop:
    """Start the loop in a thread; a process that was forked off has the loop, but not the thread."""
    loop = _new_loop()
    thread = Thread(target=_run, args=(loop,), name="reads", daemon=True)
    thread.start()
    atexit.register(_end, loop, thread)
    return loop


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        from uvloop import new_event_loop  # noqa: PLC0415 - of an extra
    except ModuleNotFoundError:
        return asyncio.new_event_loop()
    return new_event_loop()


def _run(loop: asyncio.AbstractEventLoop) -> None:
    """Run the loop until it is stopped: what ends programs ends the work that raised it, and nothing else."""
    while True:
        try:
            loop.run_forever()
        except (KeyboardInterrupt, SystemExit):
            continue
        return


def _end(loop: asyncio.AbstractEventLoop, thread: Thread) -> None:
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()
