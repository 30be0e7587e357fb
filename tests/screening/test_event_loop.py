"""Shards share one event loop: each waiting thread gets its own result, error or interruption."""

import asyncio
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Timer

import pytest

from dicom_sieve.stores.event_loop import run_beside_others


async def loop_id() -> int:
    await asyncio.sleep(0)
    return id(asyncio.get_running_loop())


class TestRunBesideOthers:
    def test_all_threads_share_one_loop(self) -> None:
        with ThreadPoolExecutor(8) as pool:
            assert len({*pool.map(lambda _: run_beside_others(loop_id()), range(50))}) == 1

    def test_run_beside_others_work_of_two_threads_goes_on_at_the_same_time(self) -> None:
        met = asyncio.Event()

        async def wait() -> str:
            await asyncio.wait_for(met.wait(), 60)
            return "met"

        async def meet() -> None:
            met.set()

        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(run_beside_others, wait())
            run_beside_others(meet())
            assert waiting.result() == "met"

    @pytest.mark.parametrize("error", [LookupError("this one"), KeyboardInterrupt("this one"), SystemExit("this one")])
    def test_an_error_reaches_who_waits_and_the_loop_goes_on(self, error: BaseException) -> None:
        async def fail() -> None:
            raise error

        async def fail_in_a_task() -> None:
            await asyncio.gather(fail(), asyncio.sleep(0))

        before = run_beside_others(loop_id())
        for work in (fail(), fail_in_a_task()):
            with pytest.raises(type(error), match="this one"):
                run_beside_others(work)
            assert run_beside_others(loop_id()) == before

    def test_run_beside_others_work_is_given_up_when_who_waits_is_interrupted(self) -> None:
        work = Lasting()
        before = signal.signal(signal.SIGUSR1, signal.default_int_handler)
        main = threading.main_thread().ident
        assert main is not None
        interrupting = Timer(0.5, signal.pthread_kill, (main, signal.SIGUSR1))  # by then it waits
        interrupting.start()

        try:
            with pytest.raises(KeyboardInterrupt):
                run_beside_others(work.last())
            interrupting.join()
        finally:
            signal.signal(signal.SIGUSR1, before)

        assert work.ended.wait(60)
        assert work.was_cancelled

    def test_a_process_ends_though_the_loop_runs(self) -> None:
        program = "import asyncio, dicom_sieve.stores.event_loop as one; one.run_beside_others(asyncio.sleep(0))"
        ended = subprocess.run(
            [sys.executable, "-W", "error", "-c", program], capture_output=True, timeout=60, check=True
        )
        assert (ended.stdout, ended.stderr) == (b"", b"")


class Lasting:
    """Work that lasts until it is cancelled."""

    def __init__(self) -> None:
        self.ended = Event()
        self.was_cancelled = False

    async def last(self) -> None:
        """Last too long for any test."""
        try:
            await asyncio.sleep(600)
        except asyncio.CancelledError:
            self.was_cancelled = True
            raise
        finally:
            self.ended.set()
