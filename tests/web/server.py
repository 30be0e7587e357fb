"""The pages as a real server, in a thread of this process; and somebody who uses them in a browser, and is counted."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from playwright.sync_api import Locator, Page

from dicom_sieve.web.app import make_app
from dicom_sieve.web.context import Context

SECONDS_TO_START = 60
REST = 60_000
"""Milliseconds that a page may take on a busy machine before a test gives up."""


@contextmanager
def serving(context: Context) -> Iterator[str]:
    """Serve the pages on a free port; gives their address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = uvicorn.Config(make_app(context), host="127.0.0.1", port=port, log_level="warning", access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    end = time.monotonic() + SECONDS_TO_START
    while not server.started and time.monotonic() < end:
        time.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(SECONDS_TO_START)


class Manager:
    """Somebody at the pages: every click, tick, choice and typed word counts as one action.

    Attributes:
        page: Of the browser.
        actions: So far.
        said: What the console said.
        asked: What was asked of other servers.
    """

    def __init__(self, page: Page, base: str) -> None:
        self.page, self.base, self.actions = page, base, 0
        self.said: list[str] = []
        self.asked: list[str] = []
        page.set_default_timeout(REST)
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("request", lambda request: self._note(request.url))

    def _note(self, url: str) -> None:
        if not url.startswith(self.base):
            self.asked.append(url)

    def open(self, path: str) -> None:
        """Open a page; that is where one is, and no action."""
        self.page.goto(self.base + path)

    def settled(self) -> None:
        """Wait until what was asked is shown."""
        self.page.wait_for_function("() => !document.querySelector('main.slow')")
        self.page.wait_for_load_state("networkidle")

    def click(self, what: Locator) -> None:
        """Click, or tick."""
        what.click()
        self.actions += 1
        self.settled()

    def choose(self, what: Locator, value: str) -> None:
        """Choose from a list."""
        what.select_option(value)
        self.actions += 1
        self.settled()

    def type(self, what: Locator, text: str) -> None:
        """Type a word, and go on."""
        what.fill(text)
        what.press("Enter")
        self.actions += 1
        self.settled()

    def add(self, name: str) -> None:
        """Click an attribute on the left."""
        self.click(self.page.locator("#attrs button", has=self.page.get_by_text(name, exact=True)).first)

    def tick(self, value: str) -> None:
        """Tick a value of the open card."""
        self.click(self.page.locator("label.row", has=self.page.get_by_text(value, exact=True)))

    def big(self) -> str:
        """Give the big number."""
        return str(self.page.locator(".big").inner_text())

    def scrolls_sideways(self) -> bool:
        """Tell whether the page is wider than its window."""
        return bool(self.page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))

    def findings(self, axe: Any) -> list[str]:
        """Give what axe finds that is serious."""
        found = axe.run(self.page).response["violations"]
        return [
            f"{each['id']}: {node['html'][:120]}"
            for each in found
            if each["impact"] in {"serious", "critical"}
            for node in each["nodes"]
        ]
