"""The report as people meet it: in a browser, on a phone, on paper, read out; and whatever the bucket holds, inert."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from markdown_it import MarkdownIt
from playwright.sync_api import Browser, Page, ViewportSize

from dicom_sieve import Ledger, open_ledger
from dicom_sieve.criteria import Criterion, Operation
from dicom_sieve.ledger.reading.report import Duplicates
from dicom_sieve.objects import Location
from dicom_sieve.reports import Report, make_report, render
from dicom_sieve.reports.figures import Amount
from dicom_sieve.screening import Screening, screen
from tests.reports.reported import HOSTILE, screen_made
from tests.screening.screenings import ct, mr
from tests.support.browser import chromium
from tests.support.simulated_store import SimulatedStore

pytestmark = pytest.mark.needs_browser

PHONE: ViewportSize = {"width": 360, "height": 740}
DESK: ViewportSize = {"width": 1100, "height": 900}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
HOSTILE_CODE = '<img src=x onerror="alert(1)">'
HOSTILE_SERIES = '"><script>alert(1)</script>|`x`'
PLACEHOLDER = f"1.{'7' * (len(HOSTILE_SERIES) - 2)}"
HOSTILE_BUCKET = "[x](http://evil.example) <b>&amp;\x1b[31m"


@pytest.fixture(scope="module")
def ledger_of_page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    """A ledger in which the made bucket was screened."""
    with open_ledger(f"sqlite:///{tmp_path_factory.mktemp('page') / 'ledger.db'}") as ledger:
        screen_made(ledger)
        yield ledger


@pytest.fixture(scope="module")
def report(ledger_of_page: Ledger) -> Report:
    """Of the made bucket, with every value shown."""
    return make_report(ledger_of_page.run("made"), min_cell=1)


@pytest.fixture(scope="module")
def file(report: Report, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report as a file of HTML."""
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(render(report, "html"), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Report]:
    """A report of a bucket that was made to harm who looks at it."""
    store = SimulatedStore(location=Location("https://simulated", HOSTILE_BUCKET))
    for number in range(6):
        made = ct(PLACEHOLDER, f"1.{number}", ImageType=[HOSTILE_CODE, HOSTILE])
        store.put(f"{HOSTILE}{number}", made.replace(PLACEHOLDER.encode(), HOSTILE_SERIES.encode()))
    made = mr(PLACEHOLDER, "1.9", ImageType=[HOSTILE_CODE])
    store.put("other", made.replace(PLACEHOLDER.encode(), HOSTILE_SERIES.encode()))
    criteria = [
        Criterion(dicom_tag=("0008", "0008"), operation=Operation.EQUALS, reference=HOSTILE_CODE),
        Criterion(dicom_tag=("0008", "0060"), operation=Operation.IN, reference=["CT", "</TITLE><SCRIPT>X"]),
    ]
    with open_ledger(f"sqlite:///{tmp_path_factory.mktemp('hostile') / 'ledger.db'}") as ledger:
        screen(Screening("hostile", store, criteria), ledger)
        yield make_report(ledger.run("hostile"), min_cell=1)


@pytest.fixture(scope="module")
def browser(file: Path, hostile: Report, wide: Path) -> Iterator[Browser]:
    """A browser; started when all is screened: Playwright keeps an event loop in this thread."""
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of long values: codes and UIDs of 64 characters, a long key, many criteria, counts of 10,000,000."""
    bucket = "bucket-" + "b" * 56
    store = SimulatedStore(location=Location("https://simulated", bucket, f"{'k' * 120}/"))
    codes = [f"{letter * 60}{number:04}" for number, letter in enumerate("ABCDEFGH")]
    for number, code in enumerate(codes):
        series, study = f"1.{'7' * 61}{number % 4}", f"1.{'8' * 61}{number}"
        values = {"ImageType": [code], "BodyPartExamined": code, "PatientSex": code, "StudyDate": "20230101"}
        made = ct(series, f"1.{number}", StudyInstanceUID=study, PatientAge="045Y", **values)
        store.put(f"{'k' * 120}/{number}", made)
    tags = [("0008", "0008"), ("0018", "0015"), ("0008", "0060"), ("0008", "0020"), ("0010", "1010"), ("0010", "0040")]
    asked = [codes[:7], codes[:5], ["CT", *codes], None, None, codes]
    criteria = [
        Criterion(dicom_tag=tag, operation=Operation.IN, reference=references)
        if references
        else Criterion(
            dicom_tag=tag, operation=Operation.GREATER, reference="2022-01-01" if tag[0] == "0008" else "018Y"
        )
        for tag, references in zip(tags, asked, strict=True)
    ]
    directory = tmp_path_factory.mktemp("wide")
    with open_ledger(f"sqlite:///{directory / 'ledger.db'}") as ledger:
        screen(Screening("wide", store, criteria[:2]), ledger)
        partial = make_report(ledger.run("wide"), min_cell=1)
        screen(Screening("all", store, criteria), ledger)
        made_report = make_report(ledger.run("all"), min_cell=1)
    many = Amount(9_999_999, 9_999_999, 9_999_999, 12_345_678, 2**50)
    figures = replace(
        made_report.figures, looked_at=many, judged=many, passed=many, selections=partial.figures.selections
    )
    report = replace(
        made_report, figures=figures, partial=partial.partial, duplicates=Duplicates(12_345_678, 9_999_999)
    )
    path = directory / "report.html"
    path.write_text(render(report, "html"), encoding="utf-8")
    return path


TOO_WIDE = """() => [...document.querySelectorAll("table, table *, main *")].filter(element => {
    const box = element.getBoundingClientRect(), page = document.documentElement.clientWidth;
    const scrolls = element instanceof HTMLElement &&
        element.clientWidth > 0 && element.scrollWidth > element.clientWidth + 1;
    if (element.matches(".vh")) return false;
    return scrolls || (!element.closest("svg") && box.width > 0 && (box.right > page + 1 || box.left < -1));
}).map(one => `${one.tagName}.${one.className}: ${one.textContent.slice(0, 40)}`)"""


class Opened:
    """A page, with what it said and asked for."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.said: list[str] = []
        self.asked: list[str] = []
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("dialog", lambda dialog: self.said.append(dialog.message))
        page.on("request", lambda request: self.asked.append(request.url))

    def show(self, file: Path) -> "Opened":
        self.page.goto(file.as_uri())
        return self


@pytest.fixture(params=["light", "dark"])
def opened(request: pytest.FixtureRequest, browser: Browser, file: Path) -> Iterator[Opened]:
    with browser.new_context(color_scheme=request.param, viewport=DESK, bypass_csp=False) as context:
        yield Opened(context.new_page()).show(file)


class TestThePage:
    def test_the_page_opens_without_a_word_and_asks_for_nothing(
        self, opened: Opened, file: Path, report: Report
    ) -> None:
        assert opened.page.title() == report.title == opened.page.locator("h1").inner_text()
        assert (opened.said, opened.asked) == ([], [file.as_uri()])
        assert opened.page.evaluate("document.scripts.length") == 0

    def test_the_page_is_in_the_colours_of_day_and_night(self, browser: Browser, file: Path) -> None:
        papers = {}
        for scheme in SCHEMES:
            with browser.new_context(color_scheme=scheme) as context:
                page = Opened(context.new_page()).show(file).page
                papers[scheme] = page.evaluate("getComputedStyle(document.body).backgroundColor")

        brightness = {scheme: sum(map(int, re.findall(r"\d+", paper)[:3])) for scheme, paper in papers.items()}
        assert brightness["light"] > 700
        assert brightness["dark"] < 120

    @pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
    @pytest.mark.parametrize("scheme", SCHEMES)
    def test_breaks_no_rule_of_accessibility(
        self, browser: Browser, file: Path, scheme: Literal["light", "dark"], size: ViewportSize
    ) -> None:
        # axe is a script, and the page's policy allows none: only here it is bypassed.
        with browser.new_context(color_scheme=scheme, viewport=size, bypass_csp=True) as context:
            results = Axe().run(Opened(context.new_page()).show(file).page)

        assert [(violation["id"], violation["nodes"][0]["html"]) for violation in results.response["violations"]] == []
        assert len(results.response["passes"]) > 15

    def test_the_report_fits_a_phone(self, browser: Browser, file: Path) -> None:
        with browser.new_context(viewport=PHONE) as context:
            page = Opened(context.new_page()).show(file).page

            assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
            [drawing] = [drawing for drawing in page.locator("svg.attrition").all() if drawing.is_visible()]
            letters = drawing.locator("text").first.bounding_box()
            assert letters is not None
            assert letters["height"] > 12  # as drawn: it can be read

    @pytest.mark.parametrize("width", [320, 360, 390])
    def test_no_table_scrolls_sideways_on_a_phone(self, browser: Browser, wide: Path, width: int) -> None:
        with browser.new_context(viewport={"width": width, "height": 844}) as context:
            page = Opened(context.new_page()).show(wide).page

            tables = page.locator("table")
            assert tables.count() == 11
            assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
            assert page.evaluate(TOO_WIDE) == []

    def test_the_page_prints_on_a4(self, browser: Browser, file: Path) -> None:
        with browser.new_context() as context:
            printed = Opened(context.new_page()).show(file).page.pdf(prefer_css_page_size=True)

        boxes = re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", printed)
        assert {(round(float(width)), round(float(height))) for width, height in boxes} == {(595, 842)}
        assert 2 <= len(boxes) <= 6

    def test_no_text_of_the_drawing_leaves_its_box(self, opened: Opened) -> None:
        outside = opened.page.evaluate(
            """() => [...document.querySelectorAll("svg.attrition.wide text")].filter(text => {
                const [box, frame] = [text.getBBox(), text.ownerSVGElement.viewBox.baseVal];
                const boxes = [...text.ownerSVGElement.querySelectorAll("rect")].map(drawn => drawn.getBBox());
                const rect = boxes.find(drawn =>
                    drawn.x <= box.x && drawn.y <= box.y &&
                    drawn.x + drawn.width >= box.x + box.width &&
                    drawn.y + drawn.height >= box.y + box.height);
                return rect === undefined || box.x + box.width > frame.width;
            }).map(text => text.textContent)"""
        )
        assert outside == []

    def test_the_drawing_says_what_the_table_says(self, opened: Opened, report: Report) -> None:
        texts = opened.page.locator("svg.attrition.wide text").all_text_contents()
        tables = opened.page.locator("#attrition ~ table.fun").all()
        left = [table.locator("tbody tr:not(.g) td:last-child").all_text_contents() for table in tables]

        assert texts[-2:] == ["Passed", f"{left[0][-1]} instances, {left[1][-1]} series"]
        judged, steps = report.figures.judged, report.figures.steps
        assert left == [
            [str(judged.instances), *(str(step.instances) for step in steps)],
            [str(judged.series), *(str(step.series) for step in steps)],
        ]


class TestHostileValues:
    def test_hostile_values_are_text_in_html(self, browser: Browser, hostile: Report, tmp_path: Path) -> None:
        path = tmp_path / "report.html"
        path.write_text(render(hostile, "html"), encoding="utf-8")
        with browser.new_context(bypass_csp=True) as context:  # what gets through would run
            opened = Opened(context.new_page()).show(path)

            assert (opened.said, opened.asked) == ([], [path.as_uri()])
            assert opened.page.locator("script, img, b, a").count() == 0
            text = opened.page.locator("main").inner_text()
        assert HOSTILE_CODE.upper() in text  # as codes are compared
        assert HOSTILE_SERIES in text
        assert "</TITLE><SCRIPT>X" in text

    def test_hostile_values_are_text_in_markdown(self, hostile: Report) -> None:
        markdown = render(hostile, "markdown")
        reader = MarkdownIt("commonmark", {"html": True}).enable("table")

        tokens = [part for token in reader.parse(markdown) for part in (token, *(token.children or []))]

        assert "\x1b" not in markdown
        found = {token.type for token in tokens}
        assert not found & {"html_block", "html_inline", "link_open", "image", "em_open", "code_inline", "code_block"}
        texts = {token.content for token in tokens if token.type == "inline"}
        read = {"".join(part.content for part in token.children or []) for token in tokens if token.type == "inline"}
        assert len(texts) > 30
        assert HOSTILE_SERIES in read
        assert HOSTILE_CODE.upper() in read

    def test_hostile_values_are_text_in_mermaid(self, hostile: Report) -> None:
        [drawing] = re.findall(r"```mermaid\n(.*?)```", render(hostile, "markdown"), re.DOTALL)

        for label in re.findall(r'\["(.*)"\]', drawing):
            assert re.fullmatch(r"[\w ,.:()/#;-]*", label.replace("<br/>", " "), re.ASCII), label

    def test_hostile_values_are_data_in_json(self, hostile: Report) -> None:
        text = render(hostile, "json")

        assert text.isascii()
        assert json.loads(text)["series"]["partial"][0]["series_instance_uid"] == HOSTILE_SERIES
