"""A busy SQLite is waited for, and a queue that cannot be sent is mended: callers see neither.

Prefect begins a transaction on SQLite by reading and writes later. When another transaction has written meanwhile,
SQLite refuses the write at once, whatever its timeout, and Prefect answers 503. Nothing of the request was stored then.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import nullcontext

from prefect.server.api.server import is_client_retryable_exception
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dicom_sieve.flows.server.bodies import MAKES_A_RUN, replay

SECONDS_BUSY = 60.0
"""Seconds for which a request is repeated."""
SHORTEST_PAUSE, LONGEST_PAUSE = 0.01, 0.5
"""Seconds between two attempts."""
NOT_SENDABLE = "the run was made, but cannot be sent, and was set aside; accepted: parameters that JSON can hold"
LISTS_RUNS = ("/get_scheduled_flow_runs", "/flow_runs/filter", "/flow_runs/paginate")
"""Ends of the paths by which workers ask for waiting runs, and by which the UI lists runs."""
_WRITES = {"POST", "PUT", "PATCH", "DELETE"}


class RetriesWhileBusy:
    """Repeats requests that found the database busy; runs are made one at a time.

    Args:
        app: What is behind.
        is_sqlite: Whether the server's database is: others wait by themselves.
        mend: Sets aside runs that cannot be sent; gives how many.
    """

    def __init__(self, app: ASGIApp, *, is_sqlite: bool, mend: Callable[[], Awaitable[int]]) -> None:
        self._app = app
        self._is_sqlite = is_sqlite
        self._mend = mend
        self._one_at_a_time = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request on, again and again if need be."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = (await receive()).get("body", b"") if scope["method"] in _WRITES else b""
        makes_a_run = self._is_sqlite and MAKES_A_RUN in scope["path"]
        async with self._one_at_a_time if makes_a_run else nullcontext():
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
