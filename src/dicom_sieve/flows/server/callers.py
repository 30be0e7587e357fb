"""Who may call: only under a name of the server's own, and from a page only if the page is the server's own.

A browser calls for whichever page is open in it. The name in ``Host`` is foreign when a page has its own domain
resolve to this server (DNS rebinding). ``Origin`` is foreign when a page calls us from another place: CORS keeps it
from reading the answer, but not from having the request carried out.
"""

from collections.abc import Collection
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose

ANY = "*"
LOOPBACK_NAMES = frozenset({"localhost"})
WEBSOCKET_REFUSED = 1008
"""RFC 6455, section 7.4.1: a policy is violated."""


class OwnNamesOnly:
    """Refuses requests whose ``Host`` or ``Origin`` is foreign.

    Args:
        app: What is behind the door.
        names: Host names of the server, beside ``localhost``. Addresses are always accepted: no page can have one of
            them as the name of its own domain.
        origins: Of pages elsewhere that may call, as ``https://prefect.example.org``; ``*``: any.
    """

    def __init__(self, app: ASGIApp, names: Collection[str], origins: Collection[str]) -> None:
        self._app = app
        self._names = frozenset(name.lower().rstrip(".") for name in names) | LOOPBACK_NAMES
        self._origins = frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse it, or hand it on."""
        problem = self._find_problem(Headers(scope=scope)) if scope["type"] in {"http", "websocket"} else None
        if problem is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await WebSocketClose(WEBSOCKET_REFUSED)(scope, receive, send)
        else:
            await JSONResponse({"exception_message": problem}, 403)(scope, receive, send)

    def _find_problem(self, headers: Headers) -> str | None:
        hosts, origin = headers.getlist("host"), headers.get("origin")
        if len(hosts) != 1 or not self._is_own(host_of(hosts[0])):
            return "the Host header names another server; a name of this one is added with --allow-host"
        if origin is None or {origin, ANY} & self._origins or urlsplit(origin).netloc == hosts[0]:
            return None
        return "the request comes from a page of another server"

    def _is_own(self, host: str) -> bool:
        return host in self._names or is_address(host)


def host_of(header: str) -> str:
    """Give the name in a ``Host`` header, without port and brackets; empty where it has none.

    Examples:
        >>> host_of("Localhost:4200"), host_of("[::1]:4200"), host_of("evil.example.org@localhost")
        ('localhost', '::1', '')
    """
    if "@" in header or "/" in header:
        return ""
    try:
        return (urlsplit(f"//{header}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def is_address(host: str) -> bool:
    """Tell whether a host is an IP address rather than a name."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
