"""Result in a browser: a manager finds out why an image was dropped, with keyboard, on a phone, by day and by night."""

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
import uvicorn
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, ViewportSize

from dicom_sieve import open_ledger
from dicom_sieve.criteria.reading import load_criteria
from dicom_sieve.demo.bucket import objects
from dicom_sieve.screening import Screening, screen
from dicom_sieve.settings import load_settings
from dicom_sieve.stores.directory import DirectoryStore
from dicom_sieve.web.app import make_app
from dicom_sieve.web.context import Context
from dicom_sieve.web.people import Proxy, Sessions
from dicom_sieve.web.prefect_api import PrefectApi
from tests.support.browser import chromium

pytestmark = pytest.mark.needs_browser
DESK: ViewportSize = {"width": 1440, "height": 1000}
PHONE: ViewportSize = {"width": 360, "height": 740}
RUN = "/runs/seen"
CRITERIA = [
    {"dicom_tag": ["0008", "0060"], "operation": "IN", "reference": ["CT", "MR"]},
    {"dicom_tag": ["0008", "0020"], "operation": "GREATER", "reference": "2020-12-31"},
]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Pages over a directory of real images."""
    folder = tmp_path_factory.mktemp("seen")
    for key, data in objects():
        if not key.endswith("/") and key.startswith(("ct-", "mr-", "us-", "pydicom/CT_", "pydicom/MR_")):
            path: Path = folder / "images" / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    with open_ledger(f"sqlite:///{folder / 'ledger.db'}") as ledger:
        screen(Screening("seen", DirectoryStore(folder / "images"), load_criteria(CRITERIA)), ledger)
        context = Context(ledger, PrefectApi(""), Sessions(None), Proxy(), load_settings())
        listening = socket.create_server(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(make_app(context), log_level="error"))
        serving = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        serving.start()
        while not server.started:
            time.sleep(0.05)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        serving.join()
        context.close()
        context.prefect.close()


@pytest.fixture(scope="module")
def browser(address: str) -> Iterator[Browser]:
    """A browser; started when all is screened: Playwright keeps an event loop in this thread."""
    with chromium() as running:
        yield running


def rules_broken(page: Page) -> list[tuple[str, str]]:
    violations = Axe().run(page).response["violations"]
    return [(each["id"], each["nodes"][0]["html"]) for each in violations]


def until(page: Page, expression: str) -> None:
    """Wait until something is so. The page's policy allows no code of ours that waits in it."""
    ends_at = time.monotonic() + 20
    while not page.evaluate(expression):
        assert time.monotonic() < ends_at, expression
        page.wait_for_timeout(50)


def ready(page: Page, address: str) -> None:
    page.goto(address)
    until(page, "!document.querySelector('[data-again]')")


class TestResult:
    def test_a_manager_finds_out_why_an_image_was_dropped(self, browser: Browser, address: str) -> None:
        said: list[str] = []
        with browser.new_context(viewport=DESK) as context:
            page = context.new_page()
            page.on("console", lambda message: said.append(message.text))
            ready(page, f"{address}{RUN}")
            page.get_by_role("link", name="All", exact=False).filter(has_text="All ").click()
            page.wait_for_url("**show=all**")
            page.get_by_role("link", name="Modality", exact=True).click()
            page.wait_for_url("**sort=Modality**")
            assert page.locator("th[aria-sort=ascending]").inner_text().startswith("Modality")
            page.get_by_label("Modality", exact=True).select_option("US")
            page.wait_for_url("**modality=US**")
            until(page, "document.querySelectorAll('tr.r a.d').length > 0")
            assert "US" in page.locator("tr.r").first.inner_text()
            page.locator("tr.r a.d").first.click()
            page.wait_for_selector(".drawer")
            assert page.get_by_role("heading", name="Discarded by criterion 1 alone").is_visible()
            assert page.evaluate("document.activeElement.className") == "drawer"
            until(page, "document.querySelector('.shown').naturalWidth > 0")
            before = page.url
            page.keyboard.press("j")
            page.wait_for_url(lambda url: url != before)
            page.keyboard.press("Escape")
            page.wait_for_selector(".drawer", state="detached")
            page.go_back()
            page.wait_for_selector(".drawer")

            assert said == []

    def test_an_image_is_found_by_its_uid_in_three_actions(self, browser: Browser, address: str) -> None:
        with browser.new_context(viewport=DESK) as context:
            page = context.new_page()
            ready(page, f"{address}{RUN}?show=all&modality=US")
            page.locator("tr.r a.d").first.click()
            uid = page.locator(".drawer dd").nth(1).inner_text()
            ready(page, f"{address}/runs")
            page.get_by_role("link", name="seen").click()
            page.get_by_label("Find by description or UID").fill(uid)
            page.keyboard.press("Enter")
            page.wait_for_selector(".drawer")

            assert uid in page.locator(".drawer").inner_text()

    def test_near_misses_lead_to_their_series(self, browser: Browser, address: str) -> None:
        with browser.new_context(viewport=DESK) as context:
            page = context.new_page()
            ready(page, f"{address}{RUN}")
            page.locator(".near a").first.click()
            page.wait_for_url("**show=near**")
            until(page, "document.querySelector('.seg a[aria-current] b').textContent !== '0'")

            assert page.locator("#series").bounding_box()["y"] < DESK["height"]  # type: ignore[index]

    def test_all_of_it_works_without_script(self, browser: Browser, address: str) -> None:
        with browser.new_context(viewport=DESK, java_script_enabled=False) as context:
            page = context.new_page()
            page.goto(f"{address}{RUN}?show=all")
            page.get_by_label("Modality", exact=True).select_option("MR")
            page.get_by_role("button", name="Show").click()
            page.locator("tr.r a.d").first.click()

            assert page.locator(".drawer h2").inner_text()

    @pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
    @pytest.mark.parametrize("scheme", ["light", "dark"])
    def test_breaks_no_rule_of_accessibility(
        self, browser: Browser, address: str, scheme: Literal["light", "dark"], size: ViewportSize
    ) -> None:
        # axe is a script, and the page's policy allows none: only here it is bypassed.
        with browser.new_context(color_scheme=scheme, viewport=size, bypass_csp=True) as context:
            page = context.new_page()
            for path in ("/runs", f"{RUN}?show=all", f"{RUN}?view=pictures", f"{RUN}?show=all&object=us-heart-2023"):
                ready(page, f"{address}{path}")
                assert rules_broken(page) == []
                assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
            page.goto(f"{address}{RUN}?show=all&modality=US")
            page.locator("tr.r a.d").first.click()
            page.wait_for_selector(".drawer table")
            assert rules_broken(page) == []
