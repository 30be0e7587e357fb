"""Take the pictures that the documents show: the report of a run on the demo's bucket, the pages, and Prefect's.

They need Chromium (Debian's package); ``python -m scripts.screenshots`` writes them into ``docs/images``.
"""

import os
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser
from tests.support.browser import chromium
from tests.support.prefect_server import prefect_server
from tests.support.simulated_store import SimulatedStore
from tests.web import chest
from tests.web.made import CT_OR_MR, build_address, context_of
from tests.web.server import serving

from dicom_sieve import open_ledger
from dicom_sieve.criteria import Criterion
from dicom_sieve.criteria.reading import load_criteria
from dicom_sieve.demo import CRITERIA
from dicom_sieve.demo.bucket import objects
from dicom_sieve.flows.artifacts import ATTRITION, describe_attrition
from dicom_sieve.reports import Report, make_report, render
from dicom_sieve.screening import Screening, screen

BUILT: list[dict[str, Any]] = [
    {"measure": "AGE", "operation": "AT_LEAST", "reference": "018Y"},
    CT_OR_MR,
    {"dicom_tag": ["0008", "0020"], "operation": "GREATER", "reference": "2016-12-31"},
    {
        "any": [
            {"dicom_tag": ["0018", "0015"], "operation": "IN", "reference": ["CHEST", "THORAX"]},
            {"dicom_tag": ["0008", "103E"], "operation": "CONTAINS", "reference": ["chest", "thorax"]},
        ]
    },
    {"dicom_tag": ["0018", "0050"], "operation": "AT_MOST", "reference": "3 mm"},
]
IMAGES = Path(__file__).parent.parent / "docs" / "images"


def main() -> None:
    """Take them."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        report = _report(folder)
        page = folder / "report.html"
        page.write_text(render(report, "html"), encoding="utf-8")
        os.environ["DICOM_SIEVE_REQUIRE_REAL"] = "1"
        with chromium() as browser:
            _photograph_report(browser, page)
            _photograph_pages(browser, folder)
            _photograph_artifact(browser, report, folder)


def _report(folder: Path) -> Report:
    with open_ledger(f"sqlite:///{folder / 'ledger.db'}") as ledger:
        criteria = [Criterion.model_validate(given) for given in CRITERIA]
        outcome = screen(Screening("1d0a2dfe", SimulatedStore(dict(objects())), criteria), ledger)
        return make_report(ledger.run(outcome.run_id))


def _photograph_report(browser: Browser, page: Path) -> None:
    with browser.new_context(viewport={"width": 820, "height": 1240}, color_scheme="light") as context:
        opened = context.new_page()
        opened.goto(page.as_uri())
        opened.screenshot(path=IMAGES / "report.png")
        opened.locator("section:has(> #values)").screenshot(path=IMAGES / "report-values.png")


def _photograph_pages(browser: Browser, folder: Path) -> None:
    criteria = load_criteria([CT_OR_MR])
    with open_ledger(f"sqlite:///{folder / 'pages.db'}") as ledger:
        screen(Screening("first", chest.store(), criteria), ledger)
        with (
            serving(context_of(ledger, password=None)) as address,
            browser.new_context(viewport={"width": 1320, "height": 920}, color_scheme="light") as context,
        ):
            opened = context.new_page()
            opened.goto(address + build_address(1, BUILT, open="2", name="Adult chest, thin"))
            opened.screenshot(path=IMAGES / "build.png")


def _photograph_artifact(browser: Browser, report: Report, folder: Path) -> None:
    with (
        prefect_server(folder) as server,
        browser.new_context(viewport={"width": 1180, "height": 980}, color_scheme="light") as context,
    ):
        content = {"key": "attrition", "type": "markdown", "data": describe_attrition(report), "description": ATTRITION}
        artifact = server.api.post("/artifacts/", json=content).raise_for_status().json()
        opened = context.new_page()
        opened.goto(f"{server.url.removesuffix('/api')}/v2/artifacts/artifact/{artifact['id']}")
        opened.locator("main svg[id^=mermaid] .node").first.wait_for()
        opened.screenshot(path=IMAGES / "prefect-attrition.png")


if __name__ == "__main__":
    main()
