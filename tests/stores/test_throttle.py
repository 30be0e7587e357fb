"""A server that asks for fewer requests gets fewer, and more again as it answers."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from dicom_sieve.stores.interface import SlowDownError, TransportError
from dicom_sieve.stores.throttle import ANSWERS_FOR_ONE_MORE, COOLDOWN_SECONDS, Throttle


class Watched:
    """A server that answers at once, and how many asked it at the same time."""

    def __init__(self, most: int) -> None:
        self.now = 0.0
        self.under_way = 0
        self.peak = 0
        self.throttle = Throttle(most, lambda: self.now)

    async def ask(self, error: Exception | None = None) -> None:
        async with self.throttle:
            self.under_way += 1
            self.peak = max(self.peak, self.under_way)
            await asyncio.sleep(0)
            self.under_way -= 1
            if error is not None:
                raise error

    async def ask_many(self, count: int, error: Exception | None = None) -> None:
        self.peak = 0
        await asyncio.gather(*(self.ask(error) for _ in range(count)), return_exceptions=True)


def watch(most: int, story: Callable[[Watched], Awaitable[None]]) -> None:
    async def tell() -> None:
        await story(Watched(most))

    asyncio.run(tell())


class TestPace:
    def test_pace_lets_so_many_be_under_way_and_no_more(self) -> None:
        async def story(server: Watched) -> None:
            await server.ask_many(100)
            assert server.peak == 16

        watch(16, story)

    def test_pace_halves_when_the_server_says_slow_down(self) -> None:
        async def story(server: Watched) -> None:
            await server.ask_many(16, SlowDownError("503"))
            await server.ask_many(ANSWERS_FOR_ONE_MORE - 1)
            await server.ask_many(20, TransportError("neither an answer nor a wish"))
            assert server.throttle.allowed == server.peak == 8

        watch(16, story)

    def test_pace_halves_what_is_under_way_at_once_however_much_could_be(self) -> None:
        async def story(server: Watched) -> None:
            await server.ask_many(16, SlowDownError("503"))
            await server.ask_many(20, TransportError("neither an answer nor a wish"))
            assert server.throttle.allowed == server.peak == 8

        watch(128, story)

    def test_pace_halves_once_for_requests_that_were_under_way_together(self) -> None:
        async def story(server: Watched) -> None:
            await server.ask_many(16, SlowDownError("503"))
            assert server.throttle.allowed == 8
            server.now += COOLDOWN_SECONDS
            await server.ask_many(8, SlowDownError("503"))
            assert server.throttle.allowed == 4

        watch(16, story)

    def test_pace_never_stops(self) -> None:
        async def story(server: Watched) -> None:
            for _ in range(10):
                server.now += COOLDOWN_SECONDS
                await server.ask_many(5, SlowDownError("503"))
            await server.ask_many(ANSWERS_FOR_ONE_MORE - 1)
            assert server.throttle.allowed == server.peak == 1

        watch(16, story)

    def test_grows_by_one_after_so_many_answers_and_no_further_than_at_first(self) -> None:
        async def story(server: Watched) -> None:
            await server.ask_many(16, SlowDownError("503"))
            await server.ask_many(3 * ANSWERS_FOR_ONE_MORE)
            assert server.throttle.allowed == 11
            await server.ask_many(100 * ANSWERS_FOR_ONE_MORE)
            assert server.throttle.allowed == server.peak == 16

        watch(16, story)

    def test_pace_keeps_count_through_any_story(self) -> None:
        async def story(server: Watched) -> None:
            for step in range(300):
                server.now += COOLDOWN_SECONDS / 3
                await server.ask_many(step % 23, SlowDownError("429") if step % 7 == 0 else None)
            await server.ask_many(100 * ANSWERS_FOR_ONE_MORE)
            await server.ask_many(100)
            assert server.throttle.allowed == server.peak == 16

        watch(16, story)

    def test_a_request_given_up_while_it_waits_takes_no_slot(self) -> None:
        async def story(server: Watched) -> None:
            async with server.throttle:
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(server.ask(), 0.01)
            await server.ask_many(5)
            assert server.peak == 1

        watch(1, story)
