"""The form that Prefect's UI makes of the contract: what a manager sees, and that a run started there completes."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page

from dicom_sieve.criteria import Operation
from tests.conftest import S3Server
from tests.flows import planted
from tests.flows.conftest import make_planted_bucket
from tests.support.browser import chromium
from tests.support.prefect_server import SECONDS_TO_ANSWER, PrefectServer, wait_for

pytestmark = pytest.mark.needs_browser

ON_ARTIFACTS = {
    "headers-read": "3 objects listed, 3 of 3 headers read",
    "verdicts": "2 of 3 instances passed in 1 partial series",
    "reasons": "Criterion 1: Modality (0008,0060) is one of CT or PT",
    "attrition": "Attrition, criterion by criterion",
}
FIELDS = [
    ("Input", "Where the objects lie."),
    ("Bucket", "Name of the bucket."),
    ("Prefix", "Only objects whose key begins so. Empty: the whole bucket."),
    ("Region", "As eu-west-1; other servers than AWS use names of their own."),
    ("Endpoint", "URL of the S3 server, as https://localhost:9000. None: AWS itself."),
    ("Credentials", "key_id:access_key, or a block of type AWS Credentials. None: AWS's default chain."),
    ("Criteria", "An instance passes when it meets all of them."),
    ("Output", "Where to publish the manifest. None: nothing is written to S3."),
    ("Damaged objects", "DISCARD: as CORRUPT. JUDGE: by what lies before the damage."),
    ("Preview", "Only tell what a run would say: no verdict is recorded, and the output is not used."),
]


@pytest.fixture(scope="module")
def browser_page() -> Iterator[Page]:
    """A page in Debian's Chromium."""
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1200, "height": 2400})
        page.set_default_timeout(60_000)
        yield page


@pytest.fixture
def form(browser_page: Page, prefect: PrefectServer) -> Page:
    """The page "custom run" of the deployment."""
    address = prefect.url.removesuffix("/api")
    browser_page.goto(f"{address}/deployments/deployment/{prefect.deployment()['id']}/run")
    browser_page.get_by_text("An instance passes when it meets all of them.").wait_for()
    return browser_page


class TestTheForm:
    def test_the_form_shows_its_fields_in_order_with_title_and_description(self, form: Page) -> None:
        text = wait_for(lambda: _with_descriptions(form), "the descriptions", SECONDS_TO_ANSWER)

        places = [(_at(text, title), text.index(described)) for title, described in FIELDS]
        *fields, tick_box = places
        assert [place for field in fields for place in field] == sorted(place for field in fields for place in field)
        assert max(fields[-1]) < min(tick_box)  # whose title stands behind its description

    def test_offers_all_operations_for_a_criterion(self, form: Page) -> None:
        _add(_field(form, "Criteria"))

        options = _open(_field(form, "Operation"))

        assert [option.strip() for option in options.all_inner_texts()] == list(Operation)

    def test_the_form_starts_a_run_that_completes(
        self, form: Page, prefect: PrefectServer, moto_server: S3Server
    ) -> None:
        before = {run["id"] for run in prefect.all_of("/flow_runs/filter")}
        _write(_field(form, "Bucket"), make_planted_bucket(moto_server))
        _write(_field(form, "Region"), "eu-west")
        _field(form, "Endpoint").get_by_text("URL", exact=True).click()
        _write(_field(form, "Endpoint"), moto_server.endpoint)
        _field(form, "Credentials").get_by_text("Keys", exact=True).click()
        _write(_field(form, "Credentials"), planted.CREDENTIALS)
        _add(_field(form, "Criteria"))
        _write_tag(_field(form, "DICOM tag"), "0008", "0060")
        _open(_field(form, "Operation")).get_by_text("IN", exact=True).click()
        _field(form, "Reference").get_by_text("List", exact=True).click()
        _write_list(_field(form, "Reference"), "CT", "PT")
        _field(form, "Criteria").get_by_text("Add item", exact=True).last.click()
        _write_tag(_field(form, "DICOM tag"), "0010", "0030")
        _open(_field(form, "Operation")).get_by_text("GREATER", exact=True).click()
        _write(_field(form, "Reference"), "1900-01-01")

        form.get_by_role("button", name="Submit").click()

        (run,) = wait_for(
            lambda: {flow_run["id"] for flow_run in prefect.all_of("/flow_runs/filter")} - before,
            "the run to be there",
            SECONDS_TO_ANSWER,
        )
        assert prefect.flow_run(run)["parameters"]["criteria"] == [
            {"dicom_tag": ["0008", "0060"], "operation": "IN", "reference": ["CT", "PT"]},
            {"dicom_tag": ["0010", "0030"], "operation": "GREATER", "reference": "1900-01-01"},
        ]
        assert prefect.state(run) == ("Completed", "2 of 3 instances passed in 1 partial series")
        left = prefect.all_of("/artifacts/filter", artifacts={"flow_run_id": {"any_": [run]}})
        shown = [artifact for artifact in left if artifact["type"] != "result"]  # which is for programs
        assert {artifact["key"] for artifact in shown} == set(ON_ARTIFACTS)
        pages = f"{prefect.url.removesuffix('/api')}/v2/artifacts/artifact"
        for shown_artifact in shown:
            form.goto(f"{pages}/{shown_artifact['id']}")
            form.locator("main").get_by_text(ON_ARTIFACTS[shown_artifact["key"]]).first.wait_for()
            if shown_artifact["key"] == "attrition":
                boxes = _boxes(form)
        assert sorted(boxes) == [
            "Judged3instances,1series",
            "Leftaftercriterion12instances,1series",
            "Not:Modality(0008,0060)isoneofCTorPT1instance,0seriesnotmet:1instance,0series",
            "Objectslisted3objects",
            "Passed2instances,1series",
        ]


def _boxes(page: Page) -> list[str]:
    """Give what stands in the boxes of a diagram that was drawn; without spaces, for its lines are apart to the eye.

    It is drawn outside of the page's ``main`` first, taken away and put in whole, so both are asked at one moment.
    """
    texts = """() => {
        const boxes = [...document.querySelectorAll("main svg[id^=mermaid] .node")];
        return boxes.length ? boxes.map(box => box.textContent) : null;
    }"""
    return ["".join(text.split()) for text in page.wait_for_function(texts).json_value()]


def _with_descriptions(form: Page) -> str | None:
    """The form's text, once all of it is there: descriptions come one by one."""
    text = form.locator("form").inner_text()
    return text if all(described in text for _, described in FIELDS) else None


def _at(text: str, title: str) -> int:
    found = re.search(rf"^{title}( \(Optional\))?$", text, re.MULTILINE)
    assert found is not None, title
    return found.start()


def _field(form: Page, title: str) -> Locator:
    """The innermost field of that title."""
    label = form.locator("label").filter(has_text=re.compile(rf"^\s*{title}(\s*\(Optional\))?\s*$"))
    return form.locator(".schema-form-property").filter(has=label).last


def _write(field: Locator, text: str) -> None:
    field.locator("textarea, input").last.fill(text)


def _add(field: Locator) -> None:
    field.get_by_text("Add item", exact=True).last.click()


def _write_tag(field: Locator, *parts: str) -> None:
    for place, part in enumerate(parts):
        _add(field)
        field.locator("textarea").nth(place).fill(part)


def _write_list(field: Locator, *texts: str) -> None:
    for text in texts:
        _add(field)
        field.locator("textarea, input").last.fill(text)


def _open(field: Locator) -> Locator:
    """Open a choice, as one does by keyboard; gives its options."""
    field.locator(".p-select-button__control").press("Space")
    options = field.page.locator(".p-select-option")
    options.first.wait_for()
    return options
