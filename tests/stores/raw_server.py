"""A server on raw sockets: it sends what bytes the test says, when the test says it."""

import socket
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from dicom_sieve.stores import Retries, S3Access, S3Store, StaticCredentials

Does = Callable[[socket.socket], object]
"""What is done on a connection in place of an answer. When it gives False, the connection is closed."""


@dataclass
class RawServer:
    """It answers requests in their order, whatever they ask; the last answer stays.

    Attributes:
        endpoint: Its URL.
        answers: What comes next: bytes, or what is done.
        at_once: What a connection is sent before it asks.
        requests: Heads of requests, as they came.
        connections: How many were opened.
        closed: How many of them the client closed.
    """

    endpoint: str = ""
    answers: deque[bytes | Does] = field(default_factory=deque)
    at_once: bytes = b""
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    closed: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def will_answer(self, *answers: bytes | Does) -> None:
        self.answers = deque(answers)

    def store(self, retries: Retries, endpoint: str = "") -> S3Store:
        credentials = StaticCredentials("key-id", "access-key")
        return S3Store(S3Access("bucket", "eu-west", endpoint or self.endpoint, credentials, retries))

    def serve(self, connection: socket.socket) -> None:
        """Answer the requests of a connection."""
        connection.sendall(self.at_once)
        while (head := _read_head(connection)) is not None:
            self.requests.append(head)
            answer = self.answers.popleft() if len(self.answers) > 1 else self.answers[0]
            if isinstance(answer, bytes):
                connection.sendall(answer)
            elif answer(connection) is False:
                return
        self.closed.release()


def _read_head(connection: socket.socket) -> bytes | None:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        part = connection.recv(65_536)
        if not part:
            return None
        head += part
    return head


@contextmanager
def raw_server() -> Iterator[RawServer]:
    """Run such a server on a free port of this machine."""
    server = RawServer()
    accepted: list[socket.socket] = []
    threads: list[threading.Thread] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server.endpoint = f"http://127.0.0.1:{listening.getsockname()[1]}"

        def serve(connection: socket.socket) -> None:
            with connection, suppress(OSError):
                server.serve(connection)

        def accept() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    server.connections += 1
                    accepted.append(connection)
                    threads.append(threading.Thread(target=serve, args=(connection,)))
                    threads[-1].start()

        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield server
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            accepting.join()
            for connection in accepted:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join()
