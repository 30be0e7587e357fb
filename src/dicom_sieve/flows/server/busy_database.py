"""A busy SQLite is waited for, and a queue that cannot be sent is mended: callers see neither.

Prefect begins a transaction on SQLite by reading and writes later. When another transaction has written meanwhile,
SQLite refuses the write at once, whatever its timeout, and Prefect answers 503. Nothing of the request was stored then.

Where it waits instead, all may stand still for the minute of its timeout: the connection that waits holds a mutex, and
when the event loop's thread happens to collect a statement of that connection as garbage, it waits for the mutex; the
transaction that is waited for can then not go on. Transactions therefore wait for each other before SQLite is asked,
and what is written outside of one, as Prefect writes events, waits for seconds only, and is repeated.
"""

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, nullcontext, suppress
from contextvars import ContextVar
from typing import Any

from prefect.server.api.server import is_client_retryable_exception
from prefect.server.database.configurations import AioSqliteConfiguration
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dicom_sieve.flows.server.bodies import MAKES_A_RUN, replay

SECONDS_BUSY = 60.0
"""Seconds for which a request is repeated, and a transaction waits for its turn."""
MILLISECONDS_IN_SQLITE = 5000
"""Milliseconds for which SQLite itself waits: Prefect's 60,000 are what all stood still for."""
SHORTEST_PAUSE, LONGEST_PAUSE = 0.01, 0.5
"""Seconds between two attempts."""
NOT_SENDABLE = "the run was made, but cannot be sent, and was set aside; accepted: parameters that JSON can hold"
LISTS_RUNS = ("/get_scheduled_flow_runs", "/flow_runs/filter", "/flow_runs/paginate")
"""Ends of the paths by which workers ask for waiting runs, and by which the UI lists runs."""
_WRITES = {"POST", "PUT", "PATCH", "DELETE"}
_has_its_turn: ContextVar[bool] = ContextVar("_has_its_turn", default=False)


class TakingTurns(AioSqliteConfiguration):
    """Prefect's SQLite, with one transaction at a time, in the order in which they ask.

    A transaction within another does not wait for it; and after a minute each goes on, and leaves it to SQLite.
    """

    def __init__(self, connection_url: str) -> None:
        super().__init__(connection_url)
        self._turn = asyncio.Lock()

    def setup_sqlite(self, conn: Any, record: Any) -> None:
        """Set up a new connection as Prefect does, and let it wait for less."""
        super().setup_sqlite(conn, record)
        cursor = conn.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {MILLISECONDS_IN_SQLITE}")
        cursor.close()

    @asynccontextmanager
    async def begin_transaction(self, session: Any, with_for_update: bool = False) -> AsyncGenerator[Any, None]:
        """Wait for one's turn, and enter a transaction."""
        turn = nullcontext() if _has_its_turn.get() else self._in_turn()
        async with turn, super().begin_transaction(session, with_for_update) as transaction:
            yield transaction

    @asynccontextmanager
    async def _in_turn(self) -> AsyncGenerator[None, None]:
        has_it = False
        with suppress(TimeoutError):
            async with asyncio.timeout(SECONDS_BUSY):
                has_it = await self._turn.acquire()
        token = _has_its_turn.set(True)
        try:
            yield
        finally:
            _has_its_turn.reset(token)
            if has_it:
                self._turn.release()


class RetriesWhileBusy:
    """Repeats requests that found the database busy.

    Args:
        app: What is behind.
        is_sqlite: Whether the server's database is: others wait by themselves.
        mend: Sets aside runs that cannot be sent; gives how many.
    """

    def __init__(self, app: ASGIApp, *, is_sqlite: bool, mend: Callable[[], Awaitable[int]]) -> None:
        self._app = app
        self._is_sqlite = is_sqlite
        self._mend = mend

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request on, again and again if need be."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = (await receive()).get("body", b"") if scope["method"] in _WRITES else b""
        await self._until_answered(scope, body, receive, send)

    async def _until_answered(self, scope: Scope, body: bytes, receive: Receive, send: Send) -> None:
        end, pause, is_mended = time.monotonic() + SECONDS_BUSY, SHORTEST_PAUSE, False
        while True:
            sending = _Sending(send)
            try:
                await self._app({**scope}, replay(body, receive), sending)
            except Exception as error:  # whatever it is: it goes on to Prefect's own handler
                if sending.has_begun:
                    raise
                if self._is_sqlite and is_client_retryable_exception(error) and time.monotonic() < end:
                    await asyncio.sleep(random.uniform(pause / 2, pause))  # noqa: S311 - no secret
                    pause = min(2 * pause, LONGEST_PAUSE)
                elif is_mended or not await self._can_mend(scope["path"]):
                    raise
                elif MAKES_A_RUN in scope["path"]:
                    await JSONResponse({"exception_message": NOT_SENDABLE}, 422)(scope, receive, send)
                    return
                else:
                    is_mended = True
            else:
                return

    async def _can_mend(self, path: str) -> bool:
        return (path.endswith(LISTS_RUNS) or MAKES_A_RUN in path) and await self._mend() > 0


class _Sending:
    """Sends, and knows whether an answer has begun."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.has_begun = False

    async def __call__(self, message: Message) -> None:
        self.has_begun = True
        await self._send(message)
