"""A relay on loopback between obstore and https endpoints that no setting lists (ADR 23).

obstore resolves names by itself, and follows redirects to anywhere. Here it is given a proxy (RFC 9110, 9.3.6): each
endpoint has its own password, which opens a tunnel to this endpoint alone, at addresses that were checked just before.
The traffic is TLS, end to end: the relay sees no credentials.
"""

import asyncio
import base64
import os
import secrets
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import cast

from dicom_sieve.stores.endpoints import EndpointRules, RefusedEndpointError

LONGEST_HEAD = 8_192
_REFUSED = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_UNREACHED = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_OPEN = b"HTTP/1.1 200 OK\r\n\r\n"


@dataclass(frozen=True, slots=True)
class _Target:
    host: str
    port: int
    rules: EndpointRules


class Relay:
    """The relay of a process: a thread with its own event loop.

    Attributes:
        port: TCP port on loopback that it listens on.
    """

    def __init__(self) -> None:
        self._targets: dict[bytes, _Target] = {}
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        threading.Thread(target=self._loop.run_forever, name="relay", daemon=True).start()
        self.port: int = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()

    def way_to(self, target: _Target) -> str:
        """Give the URL of a proxy that leads to a target alone."""
        user, password = "obstore", secrets.token_hex(32)
        authorization = b"Basic " + base64.b64encode(f"{user}:{password}".encode())
        self._targets[authorization.lower()] = target  # names of headers and schemes are of either case
        return f"http://{user}:{password}@127.0.0.1:{self.port}"

    def open(self, head: bytes, asking: "_Asking") -> None:
        """Open the requested tunnel, or refuse it."""
        task = self._loop.create_task(self._open(head, asking))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _listen(self) -> int:
        server = await self._loop.create_server(lambda: _Asking(self), "127.0.0.1", 0)
        port: int = server.sockets[0].getsockname()[1]
        return port

    async def _open(self, head: bytes, asking: "_Asking") -> None:
        target = self._find(head)
        if target is None:
            asking.refuse(_REFUSED)
            return
        try:
            addresses = await self._loop.run_in_executor(None, target.rules.resolve, target.host, target.port)
        except (RefusedEndpointError, OSError):
            asking.refuse(_REFUSED)
            return
        for address in addresses:
            with suppress(OSError):
                await self._loop.create_connection(lambda: _Answering(asking), address, target.port)
                return
        asking.refuse(_UNREACHED)

    def _find(self, head: bytes) -> _Target | None:
        """Give the target whose password was given, if it is the one that is asked for."""
        first, *lines = head.split(b"\r\n")
        headers = dict(line.lower().split(b": ", 1) for line in lines if b": " in line)
        target = self._targets.get(headers.get(b"proxy-authorization", b""))
        if target is None:
            return None
        host = f"[{target.host}]" if ":" in target.host else target.host
        return target if first.lower().startswith(f"connect {host}:{target.port} ".encode()) else None


class _Half(asyncio.Protocol):
    """One side of a tunnel: what it receives, the other sends."""

    other: "_Half | None" = None
    transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self.other is not None:
            self.other.transport.write(data)

    def eof_received(self) -> None:
        """Close the connection, as asyncio does with None; `connection_lost` closes the other."""

    def connection_lost(self, exc: Exception | None) -> None:
        if self.other is not None:
            self.other.transport.close()

    def pause_writing(self) -> None:
        if self.other is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None:
            self.other.transport.resume_reading()


class _Asking(_Half):
    """The client's side: it first names its target."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._head = b""
        self._is_asked = False

    def data_received(self, data: bytes) -> None:
        if self.other is not None:
            self.other.transport.write(data)
            return
        self._head += data
        if len(self._head) > LONGEST_HEAD or self._is_asked:
            self.refuse(_REFUSED)
        elif self._head.endswith(b"\r\n\r\n"):
            self._is_asked = True
            self._relay.open(self._head, self)

    def refuse(self, answer: bytes) -> None:
        """Answer, and close."""
        self.transport.write(answer)
        self.transport.close()


class _Answering(_Half):
    """The server's side."""

    def __init__(self, asking: _Asking) -> None:
        self._asking = asking

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if self._asking.transport.is_closing():  # the client has given up
            self.transport.close()
            return
        self.other, self._asking.other = self._asking, self
        self._asking.transport.write(_OPEN)


_OF_PROCESS: dict[int, Relay] = {}
_STARTING = threading.Lock()


def way_through_relay(host: str, port: int, rules: EndpointRules) -> str:
    """Give the URL of a proxy that leads to an endpoint alone; the first call of a process starts the relay."""
    with _STARTING:
        relay = _OF_PROCESS.get(os.getpid())
        if relay is None:
            relay = _OF_PROCESS[os.getpid()] = Relay()
    return relay.way_to(_Target(host, port, rules))
