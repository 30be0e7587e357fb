"""Connections of one event loop to one endpoint: to checked addresses alone (ADR 23), and kept open."""

import asyncio
import ssl
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import cast

from dicom_sieve.stores.endpoints import EndpointRules
from dicom_sieve.stores.retries import Retries
from dicom_sieve.stores.s3.answers import Answer, AnswerParser, UnclearAnswerError

IDLE_SECONDS = 20.0
"""A connection that carries nothing for this time is closed: servers do so, too, and routers forget it."""


class SlowAnswerError(Exception):
    """The answer took longer than a request may."""


class BrokenConnectionError(Exception):
    """The connection ended before the answer did."""


class UnansweredError(BrokenConnectionError):
    """The connection ended before the answer began."""


class Connection(asyncio.Protocol):
    """A connection, open or closed."""

    _transport: asyncio.Transport

    def __init__(self) -> None:
        self._parser = AnswerParser()
        self._waiter: asyncio.Future[Answer] | None = None

    @property
    def is_open(self) -> bool:
        """Whether it can carry a request."""
        return not self._transport.is_closing()

    async def ask(self, request: bytes, *, longest: int, seconds: float) -> Answer:
        """Send a request, and wait for its answer; whatever comes in place of one, the connection is closed.

        Args:
            request: All of it.
            longest: Bytes of the longest body that is wanted.
            seconds: Until all of the answer is there.

        Raises:
            SlowAnswerError: It is not.
            BrokenConnectionError: The connection ended.
            UnclearAnswerError: Something else came.
        """
        if not self.is_open:  # as where something came before it was asked for
            raise UnansweredError
        loop = asyncio.get_running_loop()
        self._parser.expect(longest)
        self._waiter = loop.create_future()
        timer = loop.call_later(seconds, self._fail, SlowAnswerError())
        try:
            self._transport.write(request)
            return await self._waiter
        except BaseException:
            self.close()
            raise
        finally:
            timer.cancel()
            self._waiter = None

    def close(self) -> None:
        """Close it, without a farewell."""
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note that it is open."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Take a part of the answer; what comes without a request, or behind the answer, closes the connection."""
        if self._waiter is None or self._waiter.done():
            self.close()
            return
        try:
            answer = self._parser.feed(data)
        except UnclearAnswerError as error:
            self._fail(error)
            return
        if answer is not None:
            if self._parser.is_last:
                self.close()
            self._waiter.set_result(answer)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell who waits; the error's text may hold anything."""
        self._fail(BrokenConnectionError() if self._parser.is_begun else UnansweredError())

    def _fail(self, error: Exception) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(error)


@dataclass(frozen=True, slots=True)
class Target:
    """What connections lead to.

    Attributes:
        host: Name or address.
        port: TCP port.
        rules: Which addresses may be connected to.
        tls: What a certificate is checked with; None for plain http.
        retries: Timeouts.
    """

    host: str
    port: int
    rules: EndpointRules
    tls: ssl.SSLContext | None
    retries: Retries


class Connections:
    """The connections of the running event loop to a target.

    There are as many as there were requests at a time. They are closed when nothing was asked for a while, and before
    the loop is.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        self._loop = asyncio.get_running_loop()
        self._idle: list[Connection] = []
        self._unused_since = 0
        self._lookup: asyncio.Future[tuple[str, ...]] | None = None
        self._dead: set[str] = set()
        self._end: AsyncGenerator[None] | None = None
        self._sweep: asyncio.TimerHandle | None = None

    async def ask(self, request: bytes, longest: int) -> Answer:
        """Send a request on a connection that is free, or on a new one.

        A server closes a connection that carries nothing when it wants to, perhaps just before it is asked. So a
        request that no byte answers on a connection that was open is sent once more, on a new one.

        Raises:
            OSError: No connection opens, in time or at all.
            RefusedEndpointError: The endpoint is not to be asked.
            SlowAnswerError: The answer takes too long.
            BrokenConnectionError: The connection ended.
            UnclearAnswerError: Something else came.
        """
        connection = self._take()
        if connection is not None:
            try:
                return await self._exchange(connection, request, longest)
            except UnansweredError:
                pass
        return await self._exchange(await self._open(), request, longest)

    def close(self) -> None:
        """Close those that carry nothing."""
        while self._idle:
            self._idle.pop().close()

    async def _exchange(self, connection: Connection, request: bytes, longest: int) -> Answer:
        answer = await connection.ask(request, longest=longest, seconds=self._target.retries.request_timeout_seconds)
        if connection.is_open:
            self._idle.append(connection)
            if self._sweep is None:
                self._sweep_later()
        return answer

    def _take(self) -> Connection | None:
        """Give the connection that was used last."""
        while self._idle:
            connection = self._idle.pop()
            self._unused_since = min(self._unused_since, len(self._idle))
            if connection.is_open:
                return connection
        return None

    def _sweep_later(self) -> None:
        self._unused_since = len(self._idle)
        self._sweep = self._loop.call_later(IDLE_SECONDS, self._close_unused)

    def _close_unused(self) -> None:
        """Close those at the bottom, which nobody took since the last time."""
        unused, self._idle = self._idle[: self._unused_since], self._idle[self._unused_since :]
        for connection in unused:
            connection.close()
        self._sweep = None
        if self._idle:
            self._sweep_later()

    async def _open(self) -> Connection:
        """Open a connection to an address that was checked just then; those that took none before come last."""
        if self._end is None:
            self._end = self._close_with_loop()
            await anext(self._end)
        target = self._target
        async with asyncio.timeout(target.retries.connect_timeout_seconds):
            addresses = sorted(await self._resolve(), key=self._dead.__contains__)
            fault: OSError | None = None
            for address in addresses:
                try:
                    async with asyncio.timeout(target.retries.connect_timeout_seconds / len(addresses)):
                        return await self._connect(address)
                except OSError as error:  # TimeoutError is one
                    self._dead.add(address)
                    fault = error
        self._dead.clear()
        raise fault or OSError("no address")

    async def _connect(self, address: str) -> Connection:
        target = self._target
        name = target.host.removesuffix(".") if target.tls else None
        _, connection = await self._loop.create_connection(
            Connection, address, target.port, ssl=target.tls, server_hostname=name
        )
        return connection

    async def _resolve(self) -> tuple[str, ...]:
        """Resolve and check; connections that open at the same time share it."""
        if self._lookup is None or self._lookup.done():
            target = self._target
            self._lookup = self._loop.run_in_executor(None, target.rules.resolve, target.host, target.port)
        return await asyncio.shield(self._lookup)

    async def _close_with_loop(self) -> AsyncGenerator[None]:
        """Wait for the end of the loop: it ends its generators before it is closed."""
        try:
            yield
        finally:
            self.close()
