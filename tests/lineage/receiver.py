"""A receiver of OpenLineage events, over real sockets: it takes them, refuses them, or does not answer."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.support.loopback import Silent, serving


@dataclass
class Receiver:
    """A running receiver.

    Attributes:
        url: Where it is.
        status: What it answers; None: nothing, until the test is over.
        events: What came, in its order.
        came: Set when the first one has come.
    """

    url: str
    status: int | None = 200
    events: list[dict[str, Any]] = field(default_factory=list)
    came: threading.Event = field(default_factory=threading.Event)
    is_over: threading.Event = field(default_factory=threading.Event)


@contextmanager
def receiving(status: int | None = 200) -> Iterator[Receiver]:
    """Receive events."""

    class Handler(Silent, BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.events.append({"path": self.path, **json.loads(body)})
            receiver.came.set()
            if receiver.status is None:
                receiver.is_over.wait()
                self.close_connection = True
                return
            self.send_response(receiver.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

    with serving(Handler) as url:
        receiver = Receiver(url, status)
        try:
            yield receiver
        finally:
            receiver.is_over.set()
