"""A manager's tasks in a real browser: what can be chosen is not typed, and criteria are those one writes by hand.

The numbers of actions are those of the design (docs/for-managers.md): a choice in a list counts one.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from dicom_sieve import Ledger, open_ledger
from dicom_sieve.criteria.reading import load_criteria
from dicom_sieve.screening import Screening, preview_known, screen
from dicom_sieve.web.address import Given
from tests.support.browser import chromium
from tests.web import chest
from tests.web.made import CT_OR_MR, build_address, context_of, criteria_of
from tests.web.server import Manager, serving

pytestmark = pytest.mark.needs_browser
ADULT: Given = {"measure": "AGE", "operation": "AT_LEAST", "reference": "018Y"}
CHEST: Given = {"dicom_tag": ["0018", "0015"], "operation": "IN", "reference": ["CHEST", "THORAX"]}
AFTER_2020: Given = {"dicom_tag": ["0008", "0020"], "operation": "GREATER", "reference": "2020-12-31"}
THIN: Given = {"dicom_tag": ["0018", "0050"], "operation": "AT_MOST", "reference": "3 mm"}
IS_AXIAL: Given = {"measure": "PLANE", "operation": "IN", "reference": ["AXIAL"]}
NO_LOCALIZER: Given = {"dicom_tag": ["0008", "103E"], "operation": "NOT_CONTAINS", "reference": ["localizer"]}


@pytest.fixture(scope="module")
def screened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    with open_ledger(f"sqlite:///{Path(tmp_path_factory.mktemp('chest')) / 'ledger.db'}") as ledger:
        screen(Screening("first", chest.store(), load_criteria([CT_OR_MR])), ledger)
        screen(Screening("thin", chest.store(), load_criteria([CT_OR_MR, THIN])), ledger)
        yield ledger


@pytest.fixture(scope="module")
def address(screened: Ledger) -> Iterator[str]:
    with serving(context_of(screened, password=None)) as running:
        yield running


@pytest.fixture(scope="module")
def browser(address: str) -> Iterator[Browser]:
    """A browser; started when the server is."""
    with chromium() as running:
        yield running


@pytest.fixture
def manager(browser: Browser, address: str) -> Iterator[Manager]:
    page = browser.new_page(viewport={"width": 1440, "height": 1000})
    made = Manager(page, address)
    yield made
    page.close()
    assert made.said == []
    assert made.asked == [], "nothing is asked of another server"


def passed(ledger: Ledger, criteria: list[Given]) -> int:
    """What the command line says would pass."""
    counts = preview_known(chest.PLACE, load_criteria(criteria), ledger).counts
    return int(counts["passed"])


def test_1_adults_ct_or_mr_of_the_chest_after_2020(manager: Manager, screened: Ledger) -> None:
    manager.open("/places")
    manager.click(manager.page.get_by_role("link", name="challenge-tech"))
    manager.add("Age of the patient")
    manager.add("Modality")
    manager.tick("CT")
    manager.tick("MR")
    manager.add("Body part examined")
    manager.tick("CHEST")
    manager.tick("THORAX")
    manager.add("Study date")
    manager.click(manager.page.get_by_role("button", name="2021: "))
    criteria = criteria_of(manager.page.url)
    manager_saw = manager.big()
    manager.click(manager.page.get_by_role("link", name="Start run"))

    assert criteria == [ADULT, CT_OR_MR, CHEST, AFTER_2020]
    assert manager_saw == f"{passed(screened, criteria):,}"
    assert manager_saw != "0"
    assert manager.actions == 11
    assert manager.page.get_by_role("button", name="Start", exact=True).is_visible(), "the twelfth"


def test_2_thin_axial_series_without_localizers(manager: Manager, screened: Ledger) -> None:
    manager.open("/places")
    manager.click(manager.page.get_by_role("link", name="challenge-tech"))
    manager.add("Slice thickness")
    manager.choose(manager.page.get_by_label("How it is compared"), "AT_MOST")
    manager.type(manager.page.get_by_label("Value in mm"), "3")
    manager.add("Plane of the series")
    manager.tick("AXIAL")
    manager.add("Series description")
    manager.choose(manager.page.get_by_label("How it is compared"), "NOT_CONTAINS")
    manager.type(manager.page.get_by_label("A word to add"), "localizer")
    criteria = criteria_of(manager.page.url)

    assert criteria == [THIN, IS_AXIAL, NO_LOCALIZER]
    assert manager.big() == f"{passed(screened, criteria):,}"
    assert manager.actions == 9, "with Start run, and Start, these are eleven"


def test_3_one_series_of_each_patient_the_thinnest(manager: Manager, screened: Ledger) -> None:
    manager.open(build_address(1, [CT_OR_MR]))
    manager.choose(manager.page.get_by_label("What is kept"), "PATIENT")
    criteria = criteria_of(manager.page.url)

    choose = {"choose": {"one": "SERIES", "per": "PATIENT", "prefer": [{"lowest": ["0018", "0050"]}]}}
    assert criteria == [CT_OR_MR, choose]
    assert manager.big() == f"{passed(screened, criteria):,}"
    assert manager.actions <= 4


def test_4_the_body_part_or_the_description_says_chest(manager: Manager, screened: Ledger) -> None:
    manager.open("/build?place=1")
    manager.add("Body part examined")
    manager.tick("CHEST")
    manager.add("Series description")
    manager.type(manager.page.get_by_label("A word to add"), "chest")
    manager.click(manager.page.locator("article").nth(1).locator("summary"))
    manager.click(manager.page.get_by_role("button", name="Group with the one above").last)
    criteria = criteria_of(manager.page.url)

    of_part = {**CHEST, "reference": ["CHEST"]}
    said = {"dicom_tag": ["0008", "103E"], "operation": "CONTAINS", "reference": ["chest"]}
    assert criteria == [{"any": [of_part, said]}]
    assert manager.big() == f"{passed(screened, criteria):,}"
    assert manager.actions <= 6


def test_5_what_has_no_description_passes(manager: Manager, screened: Ledger) -> None:
    manager.open(build_address(1, [NO_LOCALIZER]))
    before = manager.big()
    manager.click(manager.page.get_by_role("button", name="Let them pass"))
    criteria = criteria_of(manager.page.url)

    assert criteria == [{**NO_LOCALIZER, "if_absent": "MET"}]
    assert manager.big() == f"{passed(screened, criteria):,}"
    assert int(manager.big().replace(",", "")) > int(before.replace(",", ""))
    assert manager.actions == 1


def test_6_what_one_criterion_alone_discards(manager: Manager) -> None:
    manager.open(build_address(1, [CT_OR_MR, THIN, AFTER_2020]))
    near = manager.page.locator(".near a").first
    said = near.locator(".w").inner_text().partition(" series")[0]
    manager.click(near)

    assert manager.page.locator("tbody tr.r").count() == int(said)
    assert manager.actions == 1


def test_7_why_an_image_was_dropped_whose_uid_is_known(manager: Manager, screened: Ledger) -> None:
    [uid] = [row.sop_instance_uid for row in screened.run("thin").discarded() if row.sop_instance_uid][:1]
    manager.open("/runs")
    manager.click(manager.page.get_by_role("link", name="thin", exact=True))
    manager.page.get_by_label("Find by description or UID").wait_for()
    manager.type(manager.page.get_by_label("Find by description or UID"), str(uid))
    drawer = manager.page.locator(".drawer")

    assert "Slice thickness is at most 3 mm" in drawer.inner_text()
    assert str(uid) in drawer.inner_text()
    assert manager.actions <= 3


def test_8_what_changed_since_last_month_s_run(manager: Manager, screened: Ledger) -> None:
    manager.open("/runs")
    manager.click(manager.page.get_by_role("link", name="thin", exact=True))
    manager.click(manager.page.get_by_role("link", name="Compare").last)
    passed = {name: int((screened.run(name).row.counts or {})["passed"]) for name in ("first", "thin")}

    assert f"{passed['first'] - passed['thin']} instances go out" in manager.page.locator("main").inner_text()
    assert manager.actions <= 3


def test_9_a_bound_of_a_run_is_loosened(manager: Manager, screened: Ledger) -> None:
    manager.open("/runs")
    again = manager.page.get_by_role("row", name="thin").get_by_role("link", name="Change and run again")
    manager.click(again)
    manager.click(manager.page.locator("#open-1"))
    manager.type(manager.page.get_by_label("Value in mm"), "5")
    criteria = criteria_of(manager.page.url)

    assert criteria == [CT_OR_MR, {**THIN, "reference": "5 mm"}]
    assert manager.big() == f"{passed(screened, criteria):,}"
    assert manager.actions == 3, "with Start run, and Start, these are five"


def test_10_list_report_and_citation_are_handed_on(manager: Manager, screened: Ledger) -> None:
    manager.open("/runs/thin")
    hand_on = manager.page.locator("summary", has_text="Hand on")
    files = {}
    for name in ("Series shown, CSV", "Report, HTML"):
        if not manager.page.get_by_role("link", name=name).is_visible():
            hand_on.click()
            manager.actions += 1
        with manager.page.expect_download() as download:
            manager.page.get_by_role("link", name=name).click()
        manager.actions += 1
        files[name] = download.value.path().read_text(encoding="utf-8")

    passed_in = [row for row in screened.run("thin").series() if row.passed]
    assert len(files["Series shown, CSV"].splitlines()) == 1 + len(passed_in)
    assert "Slice thickness" in files["Report, HTML"] or "SliceThickness" in files["Report, HTML"]
    assert "dicom-sieve" in manager.page.locator(".cite").inner_text()
    assert manager.actions <= 4


class TestKeyboard:
    def test_alone_it_adds_chooses_moves_and_closes(self, manager: Manager) -> None:
        page = manager.page
        manager.open(build_address(1, [CT_OR_MR, THIN]))
        page.keyboard.press("/")
        page.keyboard.type("body part")
        assert page.locator("#attrs li:visible").count() == 1
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        manager.settled()
        assert page.evaluate("document.activeElement.closest('.choose') !== null"), "the focus is in what was opened"
        page.keyboard.press("Escape")
        manager.settled()
        page.wait_for_function("document.activeElement.id === 'open-2'")
        page.keyboard.press("Alt+ArrowUp")
        manager.settled()
        page.locator("#open-2").focus()
        page.keyboard.press("Alt+ArrowRight")
        manager.settled()
        page.locator("#open-1\\.1").focus()
        page.keyboard.press("Alt+ArrowLeft")
        manager.settled()
        page.locator("#open-1\\.0").focus()
        page.keyboard.press("Delete")
        manager.settled()

        assert criteria_of(page.url) == [CT_OR_MR, THIN]

    def test_undo_goes_all_the_way_back_and_back_works(self, manager: Manager) -> None:
        manager.open("/build?place=1")
        first = manager.page.url
        manager.add("Modality")
        manager.tick("CT")
        undo = manager.page.get_by_role("button", name="Undo")
        manager.click(undo)
        assert criteria_of(manager.page.url) == [{**CT_OR_MR, "reference": []}]
        manager.page.go_back()
        manager.page.wait_for_url(first)
        manager.settled()
        manager.page.wait_for_selector("text=No criterion yet")
        assert undo.is_disabled()


class TestEveryPage:
    ADDRESSES = (
        "/places",
        "/explore?place=1&attribute=Modality",
        "/explore?place=1&attribute=StudyDate",
        build_address(1, []),
        build_address(1, [CT_OR_MR, THIN, {"any": [CHEST, NO_LOCALIZER]}], open="0"),
        build_address(1, [AFTER_2020, {**THIN, "reference": ""}], open="0", tab="json"),
        "/start?place=1&criteria=" + build_address(1, [CT_OR_MR]).partition("criteria=")[2],
    )

    @pytest.mark.parametrize("theme", ["light", "dark"])
    @pytest.mark.parametrize("path", ADDRESSES)
    def test_has_no_serious_finding_of_axe(self, manager: Manager, path: str, theme: str) -> None:
        manager.page.context.add_cookies([{"name": "theme", "value": theme, "url": manager.base}])
        manager.open(path)

        assert manager.findings(Axe()) == []

    @pytest.mark.parametrize("path", ADDRESSES)
    def test_fits_a_phone(self, manager: Manager, path: str) -> None:
        manager.page.set_viewport_size({"width": 360, "height": 740})
        manager.open(path)

        assert not manager.scrolls_sideways()

    def test_works_without_script(self, browser: Browser, address: str) -> None:
        context = browser.new_context(java_script_enabled=False)
        page = context.new_page()
        page.goto(f"{address}/build?place=1")
        page.locator("#attrs button", has_text="Modality").first.click()
        page.locator("label.row", has_text="CT").first.click()
        page.get_by_role("button", name="Apply").first.click()

        assert criteria_of(page.url) == [{**CT_OR_MR, "reference": ["CT"]}]
        context.close()
