"""A proxy before a PACS that counts what passes, and spoils what a test wants spoiled."""

import http.client
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from urllib.parse import urlsplit

from tests.support.loopback import Silent, serving

_PASSED_ON = ("Accept", "Authorization", "Content-Type")


@dataclass
class CountingProxy:
    """What passed.

    Attributes:
        root: URL of the proxy.
        requests: Method and path of each request, in their order.
        answers: Bytes of the answer to each path, all together.
        spoil: Gives another status for a path; 0 breaks the connection off, None lets it pass.
    """

    root: str
    requests: list[str] = field(default_factory=list)
    answers: dict[str, int] = field(default_factory=dict)
    spoil: Callable[[str], int | None] = lambda _: None

    @property
    def of_metadata(self) -> list[str]:
        """The requests for metadata."""
        return [request for request in self.requests if request.endswith("/metadata")]

    def forget(self) -> None:
        """Begin to count again."""
        self.requests.clear()
        self.answers.clear()


@contextmanager
def count_requests(root: str, tls: ssl.SSLContext | None = None) -> Iterator[CountingProxy]:
    """Run a proxy before a server, given by its URL; by https where it has a certificate."""
    parts, lock = urlsplit(root), threading.Lock()

    class Handler(Silent, BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # else headers and body are packets of their own, and wait for each other

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            with lock:
                proxy.requests.append(f"{self.command} {self.path}")
            status = proxy.spoil(self.path)
            if status is not None:
                self.close_connection = True
                if status:
                    self._send(status, "text/plain", b"")
                return
            passed_on = {name: self.headers[name] for name in _PASSED_ON if name in self.headers}
            connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
            connection.request(self.command, self.path, body or None, passed_on)
            answer = connection.getresponse()
            data = answer.read()
            connection.close()
            with lock:
                proxy.answers[self.path] = proxy.answers.get(self.path, 0) + len(data)
            self._send(answer.status, answer.headers.get("Content-Type", ""), data)

        def _send(self, status: int, kind: str, data: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
            self.wfile.flush()

        do_GET = do_POST = answer  # noqa: N815 - names that http.server calls

    with serving(Handler, tls=tls) as url:
        proxy = CountingProxy(url)
        yield proxy
