"""A proxy between an S3 client and its server that spoils some of what passes, in every way that networks do; seeded.

It speaks enough of HTTP/1.1 for that: connections that stay open, bodies with a length and in chunks, HEAD, and
``Expect: 100-continue``. Without faults every byte passes as it came.
"""

import asyncio
import random
import socket
import struct
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any
from urllib.parse import urlsplit

from tests.support.request_target import path_of


class Fault(Enum):
    """What may happen to a request."""

    ERROR_500 = "answered 500"
    SLOW_DOWN_503 = "answered 503, SlowDown"
    TOO_MANY_429 = "answered 429"
    NOT_SATISFIABLE_416 = "answered 416"
    XML_ERROR_IN_200 = "answered 200, with an error in XML"
    STALL = "kept waiting longer than clients wait"
    RESET_IN_HEADERS = "reset while the headers are sent"
    RESET_IN_BODY = "reset in the middle of the body"
    SAYS_MORE = "told a longer Content-Length than the body has"
    SAYS_LESS = "given less of the body, with a Content-Length that says so"
    WHOLE_FOR_RANGE = "given the whole object instead of a range"
    WRONG_RANGE = "told another Content-Range"
    DRIP = "answered a byte at a time"
    LOST_ANSWER = "let through, but its answer lost"


INVENTED = {
    Fault.ERROR_500: (500, "InternalError"),
    Fault.SLOW_DOWN_503: (503, "SlowDown"),
    Fault.TOO_MANY_429: (429, "TooManyRequests"),
    Fault.NOT_SATISFIABLE_416: (416, "InvalidRange"),
    Fault.XML_ERROR_IN_200: (200, "InternalError"),
}
"""Answers that the server never gave: the request does not get through."""

OF_RANGES = {Fault.WHOLE_FOR_RANGE, Fault.WRONG_RANGE}
OF_BODIES = OF_RANGES | {Fault.RESET_IN_BODY, Fault.SAYS_MORE, Fault.SAYS_LESS, Fault.DRIP}
DRIP_SECONDS = 0.0005
DRIPPED_BYTES = 256
"""The rest of a body that drips comes at once: it is what a client does meanwhile that counts."""


@dataclass(frozen=True)
class Message:
    """A request or an answer.

    Attributes:
        start: Its first line.
        headers: Names and values as they came, in order.
        body: As it came: with its chunks, where it has them.
    """

    start: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def get(self, name: str) -> str | None:
        return next((value for header_name, value in self.headers if header_name.lower() == name.lower()), None)

    def without(self, *names: str) -> "Message":
        dropped = {name.lower() for name in names}
        return replace(self, headers=tuple(name for name in self.headers if name[0].lower() not in dropped))

    def having(self, name: str, value: object) -> "Message":
        return replace(self.without(name), headers=(*self.without(name).headers, (name, str(value))))

    def head(self) -> bytes:
        lines = [self.start, *(f"{name}: {value}" for name, value in self.headers), "", ""]
        return "\r\n".join(lines).encode("latin-1")

    @property
    def method(self) -> str:
        return self.start.split(" ", 1)[0]

    @property
    def path(self) -> str:
        return path_of(self.start.split(" ")[1])


@dataclass
class FaultProxy:
    """The proxy, and what passed through it.

    Attributes:
        upstream: URL of the server behind it.
        probability: Of a fault, for each request that one can happen to.
        faults: Those that may happen.
        seed: Of the draws, which are made in the order in which requests arrive.
        stall_seconds: How long a stalled request waits before its connection closes.
        is_dead: Every connection is reset at its next request: the server is not there.
        before: Called with method and path before a request is passed on, in a thread of its own.
        planned: Faults of the next requests, before any are drawn; None for a request that passes.
        requests: Method and path of every request.
        happened: How often each fault happened.
        endpoint: URL of the proxy.
    """

    upstream: str
    probability: float = 0.0
    faults: tuple[Fault, ...] = tuple(Fault)
    seed: int = 1
    stall_seconds: float = 5.0
    is_dead: bool = False
    before: Callable[[str, str], object] | None = None
    planned: deque[Fault | None] = field(default_factory=deque)
    requests: list[tuple[str, str]] = field(default_factory=list)
    happened: Counter[Fault] = field(default_factory=Counter)
    endpoint: str = ""

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def draw(self, request: Message) -> Fault | None:
        """Say what happens to a request."""
        if self.planned:
            return self.planned.popleft()
        if self._random.random() >= self.probability:
            return None
        possible = set(self.faults)
        if request.method != "GET":
            possible -= OF_BODIES
        if request.get("Range") is None:
            possible -= OF_RANGES
        if request.method == "HEAD":
            possible -= {Fault.XML_ERROR_IN_200}
        return self._random.choice([fault for fault in self.faults if fault in possible]) if possible else None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        behind = _Upstream(self.upstream)
        try:
            while (request := await _read_request(reader, writer)) is not None:
                self.requests.append((request.method, request.path))
                if self.is_dead:
                    _reset(writer)
                    return
                fault = self.draw(request)
                if fault is not None:
                    self.happened[fault] += 1
                if not await self._answer(request, fault, behind, writer):
                    return
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client gave up
        finally:
            behind.close()
            writer.close()

    async def _answer(
        self, request: Message, fault: Fault | None, behind: "_Upstream", writer: asyncio.StreamWriter
    ) -> bool:
        """Answer a request; tell whether the connection can be used again."""
        if fault is Fault.STALL:
            await asyncio.sleep(self.stall_seconds)
            return False
        if fault in INVENTED:
            return await _send(writer, _invented(*INVENTED[fault], request))
        if self.before is not None:
            await asyncio.to_thread(self.before, request.method, request.path)
        if fault is Fault.WHOLE_FOR_RANGE:
            request = request.without("Range")
        answer = await behind.ask(request)
        if fault in {Fault.LOST_ANSWER, Fault.RESET_IN_HEADERS, Fault.RESET_IN_BODY}:
            sent = {Fault.LOST_ANSWER: b"", Fault.RESET_IN_HEADERS: answer.head()[:40]}
            writer.write(sent.get(fault, answer.head() + answer.body[: len(answer.body) // 2]))
            await writer.drain()
            await asyncio.sleep(0.002)  # or the reset overtakes the bytes
            _reset(writer)
            return False
        if fault is Fault.DRIP:
            for place in range(min(DRIPPED_BYTES, len(answer.body))):
                writer.write(answer.head() + answer.body[:1] if not place else answer.body[place : place + 1])
                await writer.drain()
                await asyncio.sleep(DRIP_SECONDS)
            writer.write(answer.body[DRIPPED_BYTES:] if answer.body else answer.head())
            await writer.drain()
            return True
        if fault is not None:
            answer = _spoiled(answer, fault)
        return await _send(writer, answer) and fault is not Fault.SAYS_MORE


@contextmanager
def fault_proxy(upstream: str, **how: Any) -> Iterator[FaultProxy]:
    """Run a proxy before a server, in a thread with an event loop of its own."""
    proxy = FaultProxy(upstream, **how)
    loop = asyncio.new_event_loop()
    connections: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = loop.create_task(proxy.serve(reader, writer))
        connections.add(task)
        task.add_done_callback(connections.discard)

    async def end() -> None:
        server.close()
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
        await loop.shutdown_default_executor()

    server = loop.run_until_complete(asyncio.start_server(accept, "127.0.0.1", 0, limit=1 << 20))
    proxy.endpoint = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield proxy
    finally:
        asyncio.run_coroutine_threadsafe(end(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


class _Upstream:
    """A connection to the server, opened when it is needed."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._address = (parts.hostname, parts.port)
        self._connection: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, request: Message) -> Message:
        if self._connection is not None:
            with suppress(ConnectionError, asyncio.IncompleteReadError):  # closed by the server since
                return await self._ask(request, *self._connection)
            self.close()
        self._connection = await asyncio.open_connection(*self._address, limit=1 << 20)
        return await self._ask(request, *self._connection)

    async def _ask(self, request: Message, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Message:
        writer.write(request.head() + request.body)
        await writer.drain()
        head = await _read_head(reader)
        status = int(head.start.split(" ")[1])
        has_body = request.method != "HEAD" and status not in {204, 304}
        answer = replace(head, body=await _read_body(head, reader, is_answer=True)) if has_body else head
        if (answer.get("Connection") or "").lower() == "close":
            self.close()
        return answer

    def close(self) -> None:
        if self._connection is not None:
            self._connection[1].close()
            self._connection = None


async def _read_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Message | None:
    try:
        head = await _read_head(reader)
    except asyncio.IncompleteReadError:
        return None
    if (head.get("Expect") or "").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        head = head.without("Expect")
    return replace(head, body=await _read_body(head, reader, is_answer=False))


async def _read_head(reader: asyncio.StreamReader) -> Message:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = (line.partition(":") for line in head[1:-2])
    return Message(head[0], tuple((name, value.strip()) for name, _, value in headers))


async def _read_body(head: Message, reader: asyncio.StreamReader, *, is_answer: bool) -> bytes:
    if "chunked" in (head.get("Transfer-Encoding") or "").lower():
        return await _read_chunks(reader)
    length = head.get("Content-Length")
    if length is not None:
        return await reader.readexactly(int(length))
    return await reader.read() if is_answer else b""


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    """Read a body in chunks, and keep it so (RFC 9112, 7.1)."""
    raw = b""
    while True:
        size = await reader.readuntil(b"\r\n")
        raw += size
        if int(size.split(b";")[0], 16):
            raw += await reader.readexactly(int(size.split(b";")[0], 16) + 2)
            continue
        while (line := await reader.readuntil(b"\r\n")) != b"\r\n":
            raw += line
        return raw + b"\r\n"


def _invented(status: int, code: str, request: Message) -> Message:
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>invented</Message></Error>".encode()
    headers = (("Content-Type", "application/xml"), ("Content-Length", str(len(body))))
    return Message(f"HTTP/1.1 {status} Invented", headers, b"" if request.method == "HEAD" else body)


def _spoiled(answer: Message, fault: Fault) -> Message:
    """Give an answer that says something else than the server did; one without a length is left as it is."""
    if answer.get("Content-Length") is None or (fault is Fault.SAYS_LESS and not answer.body):
        return answer
    if fault is Fault.SAYS_MORE:
        return answer.having("Content-Length", len(answer.body) + 7)
    if fault is Fault.SAYS_LESS:
        less = answer.body[: len(answer.body) // 2]
        return replace(answer.having("Content-Length", len(less)), body=less)
    if fault is Fault.WRONG_RANGE and answer.get("Content-Range"):
        length = len(answer.body)
        return answer.having("Content-Range", f"bytes {length}-{2 * length - 1}/{3 * length}")
    return answer


async def _send(writer: asyncio.StreamWriter, answer: Message) -> bool:
    writer.write(answer.head() + answer.body)
    await writer.drain()
    return "close" not in (answer.get("Connection") or "").lower()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close a connection with RST instead of FIN."""
    sock: socket.socket = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.close()
