"""Criteria, Compare, Import and Places in a browser: nothing serious for axe, nothing sideways, two tabs, a file."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from dicom_sieve import Ledger, open_ledger
from dicom_sieve.ledger.writing.named_criteria import save_criteria
from dicom_sieve.screening import Screening, screen
from dicom_sieve.web.address import pack
from tests.screening.screenings import one_of
from tests.support.browser import chromium
from tests.web import chest
from tests.web.made import CT_OR_MR, context_of
from tests.web.server import Manager, serving

pytestmark = pytest.mark.needs_browser
SAVE = f"/criteria/save?place=1&criteria={pack([CT_OR_MR])}&name=kept&version=2"
PAGES = (
    "/criteria",
    "/criteria/kept?place=1",
    SAVE,
    "/compare?place=1",
    "/import",
    "/places",
    "/places/add",
    "/history",
)
LOOKS = [("light", 1280, 900), ("dark", 390, 844)]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    with open_ledger(f"sqlite:///{Path(tmp_path_factory.mktemp('kept')) / 'ledger.db'}") as ledger:
        for number, codes in enumerate((("CT",), ("CT", "MR"))):
            saved, _ = save_criteria(ledger.engine, "kept", one_of(*codes), "why")
            screen(Screening(f"run-{number}", chest.store(), saved.items(), named=saved.named), ledger)
        yield ledger


@pytest.fixture(scope="module")
def address(kept: Ledger) -> Iterator[str]:
    with serving(context_of(kept, password=None)) as running:
        yield running


@pytest.fixture(scope="module")
def browser(address: str) -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.mark.parametrize(("scheme", "width", "height"), LOOKS)
def test_pages_can_be_read_by_everyone_and_are_no_wider_than_their_window(
    browser: Browser, address: str, scheme: str, width: int, height: int
) -> None:
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]
    manager, axe = Manager(page, address), Axe()
    for path in PAGES:
        manager.open(path)
        assert manager.findings(axe) == [], path
        assert not manager.scrolls_sideways(), path
    assert (manager.said, manager.asked) == ([], [])
    page.close()


def test_of_two_tabs_the_second_sees_what_the_first_saved(browser: Browser, address: str, kept: Ledger) -> None:
    second = Manager(browser.new_page(), address)
    newest = kept.criteria("kept").version
    changed = [{**CT_OR_MR, "reference": ["MR"]}]
    second.open(f"/criteria/save?place=1&criteria={pack(changed)}&name=kept&version={newest}")
    save_criteria(kept.engine, "kept", one_of("CT", "US"))

    second.click(second.page.get_by_role("button", name="Save"))

    assert second.page.get_by_text(f"Version {newest + 1} was saved elsewhere.").is_visible()
    assert second.page.locator("ins").inner_text() == "Modality is MR"
    second.click(second.page.get_by_role("button", name=f"Save as version {newest + 2} all the same"))
    assert kept.criteria("kept").version == newest + 2
    assert second.page.get_by_role("heading", name=f"Version {newest + 2}").is_visible()
    second.page.close()


def test_a_file_that_is_chosen_is_read_into_the_text(browser: Browser, address: str, tmp_path: Path) -> None:
    manager = Manager(browser.new_page(), address)
    file = tmp_path / "config.json"
    file.write_text('{"descriptions": [{"id": "t1", "criteria": {"SeriesDescription": "*t1*"}}]}')
    manager.open("/import?place=1")

    manager.page.set_input_files("input[type=file]", file)
    manager.page.wait_for_function("() => document.getElementById('text').value !== ''")
    manager.click(manager.page.get_by_role("button", name="Read it"))
    manager.click(manager.page.get_by_role("link", name="Use them"))

    assert manager.page.url.startswith(f"{address}/build?place=1&criteria=")
    assert "Series description" in manager.page.locator(".cards").inner_text()
    manager.page.close()
