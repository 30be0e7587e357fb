"""Texts of pages are in one place for translation: none is outside it, and English alone needs no catalog."""

import ast
import re
import struct
from collections.abc import Iterator
from gettext import NullTranslations
from html.parser import HTMLParser
from pathlib import Path

import pytest
from pydicom.datadict import DicomDictionary  # type: ignore[attr-defined]
from scripts import page_texts
from starlette.routing import Match

from dicom_sieve import Ledger, open_ledger
from dicom_sieve.criteria import CompiledGroup, CompiledItem, Finding, advise, compile_criteria
from dicom_sieve.criteria.reading import load_criteria
from dicom_sieve.dicom.dictionary import Attribute, find_attribute
from dicom_sieve.dicom.vr.registry import VRS
from dicom_sieve.dicom.vr.value_type import PRESENCE
from dicom_sieve.headers import Defect
from dicom_sieve.importers import IMPORTERS
from dicom_sieve.reports import make_report
from dicom_sieve.reports.markdown import citation
from dicom_sieve.reports.words import spoken
from dicom_sieve.web import app
from dicom_sieve.web.address import Given
from dicom_sieve.web.app import make_pages
from dicom_sieve.web.names import OFFERED_MEASURES, measure_name, parts_of, plain_name
from dicom_sieve.web.pages import environment
from dicom_sieve.web.people import Role
from dicom_sieve.web.picture import Reason
from dicom_sieve.web.texts import ENGLISH, FOLDER, Languages, gettext, installed, ngettext
from dicom_sieve.web.words import DEFECTS, FINDINGS, STATES
from tests.web import every_page
from tests.web.every_page import Visit
from tests.web.site import HEADER, ROLES, Site, site_of

PLACEHOLDER = re.compile(r"(%\(\w+\)s)")
SHOWN = {"title", "placeholder", "aria-label", "alt", "data-tell", "data-away", "data-head"}
"""Attributes that people see, or hear."""
NO_LETTERS = " \n\t0123456789.,:;·()[]–−-+%/×"  # noqa: RUF001 - as pages have them


class Pseudo(NullTranslations):
    """A language in which every text stands between signs; what is put into a text stands outside them."""

    def gettext(self, message: str) -> str:
        return "⟦" + PLACEHOLDER.sub(r"⟧\1⟦", message) + "⟧"

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return self.gettext(msgid1 if n == 1 else msgid2)


class Untranslated(HTMLParser):
    """Finds the texts of a page that stand outside the signs of `Pseudo` and have small letters.

    Values of objects, names of runs and the like are in capitals in the ledger of these tests.
    """

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.depth = 0
        self._tag = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._tag = tag
        for name, value in attrs:
            is_button = name == "value" and ("type", "submit") in attrs
            if value and (name in SHOWN or is_button):
                assert self._read(value, 0) == 0, value

    def handle_endtag(self, tag: str) -> None:
        self._tag = ""

    def handle_data(self, data: str) -> None:
        if self._tag != "textarea":
            self.depth = self._read(data, self.depth)

    def _read(self, text: str, depth: int) -> int:
        outside = ""
        for character in text:
            depth += (character == "⟦") - (character == "⟧")
            outside += character if depth == 0 else "\0"
        parts = (part.strip(NO_LETTERS + "⟧") for part in outside.split("\0"))
        self.found += [part for part in parts if re.search("[a-z]", part)]
        return depth


def untranslated(page: str) -> list[str]:
    """Give the texts of a page that are not translated."""
    reader = Untranslated()
    reader.feed(page)
    assert reader.depth == 0
    return reader.found


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    with open_ledger(f"sqlite:///{tmp_path_factory.mktemp('texts') / 'ledger.db'}") as opened:
        yield opened


@pytest.fixture(scope="module")
def pages(ledger: Ledger, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Visit, str]]:
    """Every page in the pseudo-language."""
    folder = tmp_path_factory.mktemp("places")
    with open_ledger("sqlite://") as nothing, site_of(ledger) as site, site_of(nothing) as empty:
        for each in (site, empty):
            each.context.languages = Languages({ENGLISH: Pseudo()})
        return [
            (visit, page.replace(str(folder), "/FOLDER"))
            for visit, page in every_page.every_page(site, folder / "FULL", empty)
        ]


def core(text: str) -> str:
    return text.strip(NO_LETTERS)


def all_items(items: tuple[CompiledItem, ...]) -> Iterator[CompiledItem]:
    for item in items:
        yield item
        if isinstance(item, CompiledGroup):
            yield from all_items(item.items)


def language_of_criteria() -> set[str]:
    """Give what criteria are said in: their sentences and the parts of these, names of attributes and measures."""
    attributes = [each for tag in DicomDictionary if isinstance(each := find_attribute(tag), Attribute)]
    said = {plain_name(each) for each in attributes} | {each.keyword for each in attributes}
    said |= {measure_name(measure) for measure in OFFERED_MEASURES}
    said |= {f"measured: {measure}" for measure in OFFERED_MEASURES}
    said |= {words for relations in (PRESENCE, *(vr.relations for vr in VRS.values())) for words in relations.values()}
    cards = [value for value in vars(every_page).values() if isinstance(value, dict) and "operation" in value]
    for given in (*([card] for card in cards), every_page.ALL, [every_page.GROUP, *every_page.KEEP], LATE_OR_ABSENT):
        try:
            items = compile_criteria(load_criteria(given))
        except ValueError:  # one that has no value yet
            continue
        said |= {advice.text for advice in advise(items)}
        for parts in map(parts_of, all_items(items)):
            said |= {parts.sentence, parts.subject, parts.subject.lower(), parts.relation, parts.value, parts.tail}
    return set(map(core, said))


LATE_OR_ABSENT: list[Given] = [{**every_page.LATE, "if_absent": "MET"}]


def said_by_reports(ledger: Ledger) -> set[str]:
    """Give what reports say of the runs: headlines, warnings, citations."""
    said: set[str] = set()
    for run_id in ("FIRST", "SECOND", "ONLY"):
        report = make_report(ledger.run(run_id))
        said |= {report.title, report.damaged or "", citation(report), *report.warnings}
    return set(map(core, said))


STAYS = {
    "names of people and their roles, which settings name, too": [*ROLES, *(role.name.lower() for role in Role)],
    "names of tools, products, formats, units and blocks": [
        *IMPORTERS,
        ", ".join(IMPORTERS),
        "dicom-sieve",
        "mm",
        "KiB",
        "bytes",
        "azure-key",
        "hospital",
    ],
    "names and addresses of places": ["images/ct", "s3://images/ct.*", "https://s3.example.org", "file"],
    "names of what is open": [r"\w+ · dicom-sieve", "(run|saved):[A-Z]+@?", r"[0-9a-f-]{7,}"],
    "examples of what is typed, which is read in English": ["us-east", "thin-axial-ct", "years?", "mm and 3 mm"],
    "values as lists and reports show them": ["Axial", "absent", "to", r"to \d+ years"],
    "what the object says": [re.escape(core(defect.describe())) for defect in Defect]
    + ["The object is DICOM, but damaged .*"],
    "errors of what lies below: the command line and REST say the same": [
        r"no (run|criteria) '\w+' in this ledger; .*",
        r"the ledger holds no .*",
        r"cannot list .*",
        r"Prefect's server does not answer \(ConnectError",
        r"criteria\[\d\]\..*",
        r"(attribute|reference|NAME): .*; accepted: .*",
        r"accepted: .*",
        r"Expecting property name .*",
        r"NONE: no Defined Term of .*",
        r"SidecarFilename .*",
        r"Series description contains T1 .*",
        r"Modality is MR",
    ],
}
"""What is not translated, beside the language of criteria and what reports say: by its reason, as patterns."""


class TestNoTextIsOutside:
    def test_every_page_is_translated_but_for_what_stays_english(
        self, pages: list[tuple[Visit, str]], ledger: Ledger
    ) -> None:
        known = language_of_criteria() | said_by_reports(ledger)
        patterns = [re.compile(pattern) for several in STAYS.values() for pattern in several]

        def stays(text: str) -> bool:
            parts = [core(part) for part in re.split(", and |; then ", text)]
            if text in known or all(part in known for part in parts):
                return True
            keyword = re.fullmatch(r"(\w+)( [A-Z]{2}| \([0-9A-F,]+)", text)
            return (keyword is not None and keyword[1] in known) or any(each.fullmatch(text) for each in patterns)

        found = {text: visit.address for visit, page in pages for text in untranslated(page) if not stays(text)}

        assert found == {}

    def test_every_page_was_looked_at(self, pages: list[tuple[Visit, str]], ledger: Ledger) -> None:
        with site_of(ledger) as site:
            own = make_pages(site.context).routes
        routers = [module.router for module in vars(app).values() if hasattr(module, "router")]
        routes = [
            each for each in (*own, *(each for router in routers for each in router.routes)) if hasattr(each, "path")
        ]
        looked_at = [(visit.address.partition("?")[0], "GET" if visit.form is None else "POST") for visit, _ in pages]
        beside = {
            "/static",
            "/health",
            "/health/live",
            "/health/ready",
            "/metrics",
            "/",
            "/static/charts.css",
            "/runs/{run_id}/trace",
            "/sign-out",
        }  # say nothing
        beside |= {"/runs/{run_id}/stop", "/language"}  # lead elsewhere

        missing = [
            route.path
            for route in routes
            if route.path not in beside
            and not any(
                route.matches({"type": "http", "method": method, "path": path})[0] is Match.FULL
                for path, method in looked_at
            )
        ]

        assert missing == []

    @pytest.mark.parametrize(
        "path", [path for folder in page_texts.TEMPLATES for path in sorted(folder.glob("*.html"))]
    )
    def test_no_template_has_a_text_that_is_not_marked(self, path: Path) -> None:
        if path.name == "report.html":
            return  # a report is a document of its run, the same for everyone
        source = re.sub(r"{%-?\s*trans\b.*?endtrans\s*[-+]?%}|{#.*?#}", "", path.read_text(), flags=re.DOTALL)
        tags = re.sub(r"<(/?){{.*?}}", r"<\1b", source)
        plain = re.sub(r"{{.*?}}|{%.*?%}", "", tags, flags=re.DOTALL)

        texts = [
            text for text in untranslated(plain) if text not in {"dicom-sieve", "us-east", "years", "thin-axial-ct"}
        ]

        assert texts == []

    def test_no_expression_of_a_template_has_a_text_that_is_not_marked(self) -> None:
        sources = "".join(_sources("*.html"))
        expressions = re.findall(r"{{.*?}}|{%.*?%}", sources, flags=re.DOTALL)
        unmarked = (re.sub(r'\b(_|ngettext)\("[^"]*"(, "[^"]*")?', "", each) for each in expressions)

        strings = {text for each in unmarked for text in re.findall(r"[\"']([^\"']*)[\"']", each)}

        assert {text for text in strings if re.search("[a-z]{2,} [a-z]+", text)} == {
            "as it is",
            "dicom-sieve criteria show %s",
        }

    def test_templates_translate_literals(self) -> None:
        calls = re.findall(r"\b(?:_|ngettext)\((?!\")[^)]*", "".join(_sources("*.html")))

        assert calls == []

    def test_the_script_shows_no_text_of_its_own(self) -> None:
        script = (page_texts.MODULES / "static" / "pages.js").read_text(encoding="utf-8")

        strings = re.findall(r'"[^"\n]*"|`[^`]*`', re.sub(r"/\*.*?\*/|//.*", "", script, flags=re.DOTALL))

        assert [each for each in strings if re.search(r"[A-Z][a-z]+ [a-z]+ ", each)] == []

    def test_the_pseudo_language_finds_what_is_not_marked(self) -> None:
        page = f'<p title="left">{Pseudo().gettext("a %(b)s") % {"b": "glued"}}<b>Bare</b> CT</p>'

        assert untranslated(page) == ["left", "glued", "Bare"]


def _sources(pattern: str) -> Iterator[str]:
    for folder in page_texts.TEMPLATES:
        paths = (path for path in sorted(folder.glob(pattern)) if path.name != "report.html")
        yield from (path.read_text(encoding="utf-8") for path in paths)


class TestTheTemplateOfCatalogs:
    def test_is_current(self) -> None:
        written = page_texts.TARGET.read_text(encoding="utf-8")

        assert written == page_texts.catalog_template(), "make texts writes it"

    def test_texts_in_attributes_and_tags_are_as_a_page_takes_them(self) -> None:
        for message, _ in page_texts.messages().values():
            assert faults_of(message[0], message[-1]) == [], message

    def test_no_text_begins_or_ends_with_a_space(self) -> None:
        assert [text for text in page_texts.messages() if text != text.strip()] == []


def faults_of(message: str, translation: str) -> list[str]:
    """Tell what is wrong with a translation: pages take it as it is, so it has the tags of its text, and no others."""
    faults = []
    if sorted(set(PLACEHOLDER.findall(translation))) != sorted(set(PLACEHOLDER.findall(message))):
        faults.append("placeholders")
    if sorted(re.findall(r"<[^>]*>", translation)) != sorted(re.findall(r"<[^>]*>", message)):
        faults.append("tags")
    if re.search(r'"|<(?!/?[a-z]+>)|&(?!\w+;)', translation):
        faults.append("signs")
    return faults


class TestCatalogs:
    def test_are_current_and_without_faults(self) -> None:
        plurals = {message[0]: message[-1] for message, _ in page_texts.messages().values()}

        for catalog in installed().values():
            for key, text in vars(catalog).get("_catalog", {}).items():
                message = key if isinstance(key, str) else key[0]
                assert message in ("", *plurals), "make texts brings it up to date"
                assert not message or faults_of(plurals[message], text) == [], (message, text)

    @pytest.mark.parametrize(
        ("translation", "faults"),
        [
            ("<b>%(count)s</b> Bilder", []),
            ("<b>%(number)s</b> Bilder", ["placeholders"]),
            ("%(count)s Bilder", ["tags"]),
            ("<b>%(count)s</b> Bilder<script>", ["tags"]),
            ('<b>%(count)s</b> "Bilder"', ["signs"]),
            ("<b>%(count)s</b> < Bilder & mehr", ["signs"]),
        ],
    )
    def test_faults_are_told(self, translation: str, faults: list[str]) -> None:
        assert faults_of("<b>%(count)s</b> images", translation) == faults

    def test_english_needs_none(self, tmp_path: Path) -> None:
        assert list(installed(tmp_path)) == [ENGLISH]
        assert gettext("100 %% of %(what)s", what="it") == "100 % of it"
        assert [ngettext("%(num)s slice", "%(num)s slices", number) for number in (1, 2)] == ["1 slice", "2 slices"]


GERMAN = {
    "": "Content-Type: text/plain; charset=UTF-8\nPlural-Forms: nplurals=2; plural=(n != 1);\n",
    "English": "Deutsch",
    "Places": "Orte",
    "no pixels": "keine Pixel",
    "%(place)s is not listed yet: a run lists it.": "%(place)s ist noch nicht gelistet.",
    "%(count)s instance without a value.\0%(count)s instances without a value.": (
        "%(count)s Bild ohne Wert.\0%(count)s Bilder ohne Wert."
    ),
}


def compiled(catalog: dict[str, str]) -> bytes:
    """Compile a catalog, as ``msgfmt`` does (GNU gettext's MO format)."""
    pairs = sorted((key.encode(), text.encode()) for key, text in catalog.items())
    begin, tables, data = 28 + 16 * len(pairs), b"", b""
    for column in (0, 1):
        for pair in pairs:
            tables += struct.pack("<II", len(pair[column]), begin + len(data))
            data += pair[column] + b"\0"
    head = struct.pack("<7I", 0x950412DE, 0, len(pairs), 28, 28 + 8 * len(pairs), 0, begin)
    return head + tables + data


@pytest.fixture
def german(ledger: Ledger, pages: object, tmp_path: Path) -> Iterator[Site]:
    """The pages, where a German catalog is installed."""
    folder = tmp_path / "de" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    (folder / "pages.mo").write_bytes(compiled(GERMAN))
    with site_of(ledger) as site:
        site.context.languages = Languages(installed(tmp_path))
        yield site


class TestLanguages:
    def ask(self, site: Site, address: str, accepted: str = "", cookie: str = "") -> str:
        headers = {HEADER: "mona", "accept-language": accepted, "cookie": cookie}
        return str(site._client.get(address, headers=headers).text)

    @pytest.mark.parametrize(
        ("accepted", "language"),
        [
            ("de", "de"),
            ("de-AT, en;q=0.5", "de"),
            ("fr, DE;q=0.8, en;q=0.5", "de"),
            ("en-GB, de", "en"),
            ("de;q=0.1, en", "en"),
            ("de;q=0, fr", "en"),
            ("*", "en"),
            ("", "en"),
            ("de;q=x", "en"),
            (",;q=1," * 1000, "en"),
        ],
    )
    def test_are_those_that_the_browser_accepts(self, german: Site, accepted: str, language: str) -> None:
        page = self.ask(german, "/places", accepted)

        assert f'<html lang="{language}"' in page
        assert (">Orte</h1>" in page) == (language == "de")

    def test_what_somebody_chose_goes_before(self, german: Site) -> None:
        assert '<html lang="en"' in self.ask(german, "/places", "de", "language=en")
        assert '<html lang="de"' in self.ask(german, "/places", "en", "language=de")
        assert '<html lang="de"' in self.ask(german, "/places", "de", "language=../../de")

    def test_are_chosen_by_a_button_that_names_the_others(self, german: Site) -> None:
        assert 'value="de" lang="de">Deutsch</button>' in self.ask(german, "/places")
        assert 'value="en" lang="en">English</button>' in self.ask(german, "/places", "de")

        answer = german.post("/language", {"language": "de", "to": "/places"})

        assert answer.headers["location"] == "/places"
        assert answer.headers["set-cookie"].startswith("language=de;")
        other = german.post("/language", {"language": "<script>", "to": "//evil.example"})
        assert other.headers["set-cookie"].startswith("language=en;")
        assert other.headers["location"] == "/"

    def test_texts_with_values_and_numbers_are_translated(self, german: Site) -> None:
        values = self.ask(german, "/explore?place=1&attribute=SeriesDescription", "de")

        assert "AWAY ist noch nicht gelistet." in self.ask(german, "/explore?place=3", "de")
        assert re.search(r"<p>[1-9][0-9]+ Bilder ohne Wert\.</p>", values)

    def test_a_value_in_a_text_is_escaped(self) -> None:
        template = environment().from_string('{{ _("%(a)s is %(b)s", a=a, b=b) }}')

        assert template.render(a="<script>", b="'") == "&lt;script&gt; is &#39;"

    def test_a_picture_that_cannot_be_drawn_says_so(self, german: Site) -> None:
        box = self.ask(german, "/runs/FIRST/picture/NONE", "de")

        assert "keine Pixel" in box

    def test_without_a_catalog_there_is_nothing_to_choose(self, ledger: Ledger) -> None:
        with site_of(ledger) as site:
            page = self.ask(site, "/places", "de", "language=de")

        assert '<html lang="en"' in page
        assert "/language" not in page


class TestWords:
    def test_findings_and_defects_are_called_as_reports_call_them(self) -> None:
        assert {finding: spoken(finding) for finding in Finding} == FINDINGS
        assert {defect: spoken(defect) for defect in Defect} == DEFECTS
        assert all(state == words for state, words in STATES.items())

    def test_reasons_of_pictures_are_in_catalogs(self) -> None:
        assert set(Reason) <= set(page_texts.messages())

    def test_constants_are_marked_with_literals(self) -> None:
        for path in page_texts.MODULES.glob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id.startswith("later"):
                    assert all(isinstance(each, ast.Constant) for each in node.args), (path.name, node.lineno)


def test_the_template_lies_in_the_package() -> None:
    assert page_texts.TARGET.parent == FOLDER
    assert page_texts.TARGET.exists()
