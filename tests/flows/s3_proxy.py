"""An S3 server that stands before another one, counts what it is asked, and answers as a broken one would on demand."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx

from tests.support.request_target import path_of

HOP_BY_HOP = {"connection", "transfer-encoding", "keep-alive", "content-length", "host", "content-encoding"}


@dataclass(frozen=True)
class Answer:
    """What to answer instead of passing a request on.

    Attributes:
        status: HTTP's.
        code: S3's.
        quotes: Text of the message; servers repeat key ids and signatures there.
    """

    status: int
    code: str
    quotes: str = ""

    def body(self) -> bytes:
        text = f"<Error><Code>{self.code}</Code><Message>{self.quotes}</Message></Error>"
        return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}'.encode()


@dataclass(frozen=True)
class Asked:
    """One request."""

    method: str
    path: str
    authorization: str

    @property
    def is_read(self) -> bool:
        """Whether it reads an object, rather than listing."""
        return self.method == "GET" and "list-type" not in self.path


Rule = Callable[[Asked], Answer | None]
"""Says what to answer; None passes the request on."""


@dataclass
class S3Proxy:
    """The proxy.

    Attributes:
        endpoint: Its URL.
        requests: Every request.
        rule: What to answer.
    """

    endpoint: str
    requests: list[Asked] = field(default_factory=list)
    rule: Rule = lambda _: None


def hold_reads(proxy: S3Proxy, within: str, seconds: float) -> tuple[threading.Event, threading.Event]:
    """Hold back reads of objects whose paths have a text in them.

    Returns:
        What is set when one is held, and what lets them go; after some seconds they go by themselves.
    """
    reached, let_go = threading.Event(), threading.Event()

    def hold(asked: Asked) -> None:
        if asked.is_read and within in asked.path and not let_go.is_set():
            reached.set()
            let_go.wait(seconds)

    proxy.rule = hold
    return reached, let_go


@contextmanager
def s3_proxy(behind: str) -> Iterator[S3Proxy]:
    """Run a proxy before a server."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.proxy = S3Proxy(f"http://127.0.0.1:{server.server_port}")  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        with httpx.Client(base_url=behind, timeout=30) as server.client:  # type: ignore[attr-defined]
            yield server.proxy  # type: ignore[attr-defined]
            server.shutdown()
    finally:
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        proxy: S3Proxy = self.server.proxy  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        asked = Asked(self.command, path_of(self.path), self.headers.get("Authorization", ""))
        proxy.requests.append(asked)
        if answer := proxy.rule(asked):
            self._send(answer.status, {"Content-Type": "application/xml"}, answer.body())
            return
        headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
        given = self.server.client.request(self.command, path_of(self.path), headers=headers, content=body)  # type: ignore[attr-defined]
        self._send(given.status_code, dict(given.headers), given.content)

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = _answer  # noqa: N815 - the names that http.server calls

    def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in HOP_BY_HOP | {"date", "server"}:
                self.send_header(name, value)
        length = headers.get("content-length", "0") if self.command == "HEAD" else str(len(body))
        self.send_header("Content-Length", length)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_request(self, code: object = "-", size: object = "-") -> None:
        """Say nothing."""
