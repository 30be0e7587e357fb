"""HTTP servers of the tests: on a free port of this machine, in a thread, until the test is over."""

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@contextmanager
def serving(
    handler: Callable[..., BaseHTTPRequestHandler],
    *,
    tls: ssl.SSLContext | None = None,
    tells_errors: bool = True,
) -> Iterator[str]:
    """Run a server, and give its address, without a slash at the end.

    Args:
        handler: Answers.
        tls: A certificate: it is served by https.
        tells_errors: Whether what an answer raises is printed: a client may go, or refuse the certificate.
    """
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    if not tells_errors:
        server.handle_error = lambda *_: None  # type: ignore[method-assign]
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Silent:
    """Of a handler that prints nothing of requests."""

    def log_message(self, *_: Any) -> None:
        """Say nothing."""
