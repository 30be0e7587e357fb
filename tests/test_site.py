"""The site of the documents: built strictly, whole, without a request to another host, and fit to be read."""

import functools
import http.server
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page
from scripts.docs_site.build import build, render
from scripts.docs_site.pages import diagrams, documents, picture_of, place_of
from typer.main import get_command

import dicom_sieve
from dicom_sieve.cli.app import app
from dicom_sieve.contract.parameters import Parameters
from dicom_sieve.flows import result
from tests.support.browser import PATIENCE, chromium
from tests.support.documents import ROOT, read
from tests.support.html_pages import pages_of
from tests.support.loopback import serving

LOOKED_AT = ("index.html", "criteria.html", "reference/commands.html", "reference/python.html")
UNLINKED = {"404.html"}
"""Pages that nothing leads to: a server shows it in place of one that is not there."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs")
    assert build(folder) == 0
    return folder / "site"


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    with serving(functools.partial(Quiet, directory=str(site))) as url:
        yield f"{url}/"


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def browser(address: str) -> Iterator[Browser]:
    """A browser; started when the server is."""
    with chromium() as running:
        yield running


def target_of(link: str, file: Path, site: Path) -> Path | None:
    """Give the file that a link of a page leads to; None: it leads to another host."""
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return None
    path = unquote(parts.path)
    target = site / path.lstrip("/") if path.startswith("/") else (file.parent / path).resolve() if path else file
    return target / "index.html" if target.is_dir() else target


class TestBuild:
    def test_a_link_that_leads_nowhere_fails_it(self, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
        (tmp_path / "pages").mkdir()
        (tmp_path / "pages" / "index.md").write_text("[a page](lost.md) and [a heading](#lost)\n")

        assert render(tmp_path) != 0

        assert "2 issues found" in capfd.readouterr().err

    def test_every_document_is_a_page(self, site: Path) -> None:
        for document in documents():
            assert (site / place_of(document)).with_suffix(".html").exists() or document.endswith("README.md"), document

    def test_every_diagram_is_drawn_as_it_is_written(self) -> None:
        drawn = {f"images/{path.name}" for path in (ROOT / "docs" / "images").glob("diagram-*.svg")}
        assert {picture_of(diagram) for diagram in diagrams()} == drawn, "python -m scripts.diagrams"


class TestLinks:
    def test_all_within_the_site_lead_to_a_page_and_an_anchor(self, site: Path) -> None:
        pages = dict(pages_of(site))
        lost = []
        for file, page in pages.items():
            for link in page.links:
                if (target := target_of(link, file, site)) is None:
                    continue
                anchor = unquote(urlsplit(link).fragment)
                if not target.exists() or (anchor and target in pages and anchor not in pages[target].anchors):
                    lost.append(f"{file.relative_to(site)}: {link}")
        assert lost == []

    def test_all_to_other_hosts_are_well_formed(self, site: Path) -> None:
        links = {link for _, page in pages_of(site) for link in page.links if urlsplit(link).scheme}
        assert len(links) > 5
        for link in links:
            parts = urlsplit(link)
            assert parts.scheme == "https", link
            assert "." in (parts.hostname or ""), link
            assert not set(link) & set(' <>"{}|\\^`'), link

    def test_every_page_can_be_reached_from_the_first(self, site: Path) -> None:
        pages = dict(pages_of(site))
        left, reached = [site / "index.html"], set[Path]()
        while left:
            file = left.pop()
            if file in reached or file not in pages:
                continue
            reached.add(file)
            left += [target for link in pages[file].links if (target := target_of(link, file, site))]
        assert {str(file.relative_to(site)) for file in set(pages) - reached} == UNLINKED

    def test_every_picture_of_the_documents_is_shown(self, site: Path) -> None:
        shown = {target_of(name, file, site) for file, page in pages_of(site) for name in page.loaded}
        pictures = {site / "images" / path.name for path in (ROOT / "docs" / "images").iterdir()}
        assert pictures - shown == set()


class TestReference:
    def test_every_command_stands_in_it_with_its_options(self, site: Path) -> None:
        page = (site / "reference" / "commands.html").read_text()

        def check(command: object, name: str) -> None:
            for key, below in getattr(command, "commands", {}).items():
                assert f'id="{f"{name} {key}".replace(" ", "-")}"' in page
                for parameter in below.params:
                    assert parameter.param_type_name == "argument" or f"<code>{parameter.opts[0]}" in page
                check(below, f"{name} {key}")

        check(get_command(app), "dicom-sieve")

    def test_every_public_name_stands_in_it(self, site: Path) -> None:
        page = (site / "reference" / "python.html").read_text()
        for name in [*dicom_sieve.__all__, *dicom_sieve.ledger.__all__]:
            assert name.startswith("__") or name.isupper() or f"{name}</span>" in page, name

    def test_schemas_can_be_downloaded_and_are_the_code_s(self, site: Path) -> None:
        folder = site / "reference"
        assert json.loads((folder / "clean-dicom.schema.json").read_text()) == Parameters.model_json_schema()
        assert json.loads((folder / "result-1.schema.json").read_text()) == result.json_schema()

    def test_every_field_of_a_request_stands_in_it(self, site: Path) -> None:
        page = (site / "reference" / "contract.html").read_text()
        schema = Parameters.model_json_schema()
        for definition in [schema, *schema["$defs"].values()]:
            for name in definition.get("properties", {}):
                assert f"<td><code>{name}</code></td>" in page, name


@pytest.mark.needs_browser
class TestReading:
    @pytest.fixture
    def page(self, browser: Browser, address: str) -> Iterator[Page]:
        """A page that may ask for nothing of another host."""
        with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
            page, asked = context.new_page(), list[str]()
            page.set_default_timeout(PATIENCE)
            page.on("request", lambda request: asked.append(request.url))
            yield page
            assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []

    def test_no_page_names_another_host_to_load_from(self, site: Path) -> None:
        loaded = {name for _, page in pages_of(site) for name in page.loaded}
        assert len(loaded) > 5
        assert [name for name in loaded if urlsplit(name).scheme not in {"", "data"} or name.startswith("//")] == []

    def test_a_text_is_found_without_the_internet(self, page: Page, address: str) -> None:
        page.goto(f"{address}index.html")
        asked = page.get_by_role("combobox", name="Search")
        while not asked.is_visible():  # what hears the key is loaded behind the page
            page.keyboard.press("Control+k")
            page.wait_for_timeout(500)
        asked.fill("leases instead of locks")
        page.get_by_text("ADR 9").first.wait_for()
        page.keyboard.press("Enter")
        page.wait_for_url("**/adr/0009-*")

    @pytest.mark.parametrize("theme", ["light", "dark"])
    @pytest.mark.parametrize("name", LOOKED_AT)
    def test_axe_finds_nothing_serious(self, page: Page, address: str, name: str, theme: str) -> None:
        page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
        page.goto(address + name)
        found = Axe().run(page).response["violations"]
        assert [
            f"{each['id']}: {node['html'][:160]}"
            for each in found
            if each["impact"] in {"serious", "critical"}
            for node in each["nodes"]
        ] == []

    @pytest.mark.parametrize("name", LOOKED_AT)
    def test_no_page_scrolls_sideways_on_a_telephone(self, page: Page, address: str, name: str) -> None:
        page.set_viewport_size({"width": 390, "height": 800})
        page.goto(address + name)
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_ci_builds_the_site() -> None:
    assert "make docs" in read(".ci/run")
