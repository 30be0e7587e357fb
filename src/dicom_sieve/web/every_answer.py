"""What every answer says to the browser: pages, files, downloads, refusals and failures alike."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Of every answer: nothing from elsewhere, no inline script or style, in no frame, and kept by no cache."""
STATIC = "/static/"
"""Files of the package, which hold no value: a browser keeps them, and asks whether they changed."""


class EveryAnswer:
    """Says it, around all else: an answer that is made before or behind the application has it, too.

    Args:
        app: What answers.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on, and say it with the answer."""
        is_static = str(scope.get("path", "")).startswith(STATIC)

        async def say(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = "no-cache" if is_static and name == "Cache-Control" else value
            await send(message)

        await self.app(scope, receive, say)
