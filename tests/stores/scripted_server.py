"""An HTTP server that answers by a script: real sockets, so that real clients meet what a test wants them to meet."""

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

from dicom_sieve.stores import Retries, S3Access, S3Store, StaticCredentials
from tests.support.loopback import Silent, serving
from tests.support.request_target import path_of

AT_ONCE = Retries(first_pause_seconds=0.0)
"""Repeats without a pause: what is tested is whether, not when."""


@dataclass(frozen=True)
class Answer:
    """One answer.

    Attributes:
        status: Of HTTP; 0 closes the connection without an answer.
        body: What is sent.
        headers: Beside Content-Length.
        announced: Content-Length, if it is to lie.
    """

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    announced: int | None = None


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes = b""

    @property
    def is_range_client(self) -> bool:
        return self.headers["user-agent"].startswith("dicom-sieve/")

    @property
    def signed_for(self) -> str:
        """The credential scope: key id, date, region, service."""
        return self.headers["authorization"].partition("Credential=")[2].partition(", ")[0]


class ScriptedServer:
    """Gives the answers in their order, the last one again and again, and remembers the requests."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.requests: list[Request] = []
        self._answers: list[Answer] = [Answer(500)]
        self._lock = threading.Lock()

    def will_answer(self, *answers: Answer) -> None:
        self._answers = list(answers)

    def take(self, request: Request) -> Answer:
        with self._lock:
            self.requests.append(request)
            return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]

    def store(
        self, bucket: str = "bucket", region: str = "eu-west", prefix: str = "", retries: Retries = AT_ONCE
    ) -> S3Store:
        credentials = StaticCredentials("key-id", "access-key")
        return S3Store(S3Access(bucket, region, self.endpoint, credentials, retries), prefix)


def error(status: int, code: str) -> Answer:
    """Make an error as S3 gives it."""
    return Answer(status, f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>said</Message></Error>".encode())


@contextmanager
def serve(
    tls: ssl.SSLContext | None = None, make: Callable[[str], ScriptedServer] = ScriptedServer
) -> Iterator[ScriptedServer]:
    """Run a scripted server on a free port of this machine, by https where it has a certificate."""

    class Handler(Silent, BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = script.take(Request(self.command, path_of(self.path), headers, body))
            self.close_connection = True
            if answer.status:
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                length = len(answer.body) if answer.announced is None else answer.announced
                self.send_header("Content-Length", str(length))
                self.send_header("Connection", "close")
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(answer.body)

        do_GET = do_HEAD = do_POST = do_PUT = answer  # noqa: N815 - names that http.server calls

    with serving(Handler, tls=tls, tells_errors=False) as url:
        script = make(url)
        yield script
