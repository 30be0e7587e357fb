"""Whatever objects, keys, people and Prefect say: pages show it as text, and downloads hold no formula."""

import csv
import html
import io
import json
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import pyarrow.parquet as pq
import pytest

from dicom_sieve import open_ledger
from dicom_sieve.criteria.reading import load_criteria
from dicom_sieve.ledger.writing.named_criteria import save_criteria
from dicom_sieve.objects import Location
from dicom_sieve.screening import Screening, screen
from dicom_sieve.web.address import Given, pack
from tests.screening.screenings import ct
from tests.security.attacked_pages import LISTING, PASSWORD, RUNNING, Attacked, attacked, crawl, fill
from tests.support.simulated_store import SimulatedStore
from tests.web.site import HEADER

MARK = "zq9"
"""What is looked for: as the name of an element or an attribute it came from outside."""
TEXTS = (
    f"<{MARK} {MARK}=1>",
    f"\"><{MARK} {MARK}='1'>",
    f"' {MARK}=x onmouseover=alert(1) y='",
    f"</title></textarea></script></style><{MARK}>",
    f"<svg><{MARK} onload=alert(1)></svg>",
    f"--><{MARK}><!--",
    f"&lt;{MARK}&gt;&#60;{MARK}&#62;",
    "{{ 7 * 1931 }}{% for a in b %}${7*1931}#{7*1931}",
    f"javascript:alert('{MARK}')",
    f"\u202e\u2066{MARK}\u200f",
)
FORMULAS = ("=1+1", "+1", "-1", "@SUM(A1)", "=cmd|'/C calc'!A0")
WHERE = Location("https://s3.example.org", "hospital", f"<{MARK}>/{{{{7*1931}}}}/'\"")
CRITERIA: list[Given] = [
    {"dicom_tag": ["0008", "103e"], "operation": "NOT_IN", "reference": list(TEXTS[:-1])},
    {"any": [{"dicom_tag": ["0008", "0060"], "operation": "IN", "reference": ["CT"]}], "name": TEXTS[0]},
    {"dicom_tag": ["0018", "0015"], "operation": "IN", "reference": ["CHEST"]},
]


class Elements(HTMLParser):
    """The elements of a page, with their attributes, as a browser reads them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in attrs}))


def check_page(page: str, address: str) -> None:
    elements = Elements(page).found
    for tag, attributes in elements:
        assert MARK not in tag, address
        assert not [name for name in attributes if MARK in name or name.startswith("on") or name == "style"], address
        for name in ("href", "src", "action"):
            assert attributes.get(name, "/").startswith(("/", "#", "?")), f"{address}: {attributes}"
            assert not attributes.get(name, "/").startswith("//"), f"{address}: {attributes}"
    assert [attributes["src"] for tag, attributes in elements if tag == "script"] == ["/static/pages.js"], address
    assert "13517" not in page, address


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attacked]:
    store = SimulatedStore(location=WHERE)
    for number, text in enumerate((*TEXTS, *FORMULAS)):
        values = {"SeriesDescription": text, "StudyDescription": text, "ProtocolName": text, "PatientID": text}
        values["SpecificCharacterSet"] = "ISO_IR 192"
        for copy in range(6):  # as many as viewers are shown
            key = f"{WHERE.prefix}/{text}/{number}.{copy}.dcm"
            store.put(key, ct(f"1.9.{number + 1}", f"1.9.{number + 1}.{copy}", **values))
    with (
        open_ledger(f"sqlite:///{tmp_path_factory.mktemp('hostile') / 'ledger.db'}") as ledger,
        attacked(ledger) as made,
    ):
        saved, _ = save_criteria(ledger.engine, "kept", load_criteria(CRITERIA), TEXTS[0])
        save_criteria(ledger.engine, "kept", load_criteria(CRITERIA[1:]), TEXTS[1])
        screen(Screening("first", store, saved.items(), named=saved.named), ledger)
        screen(Screening("=second", store, load_criteria(CRITERIA[1:])), ledger)
        for run_id in (RUNNING, LISTING):
            made.prefect.flow_runs[run_id] |= {"name": TEXTS[0], "state": {"message": TEXTS[1]}}
            said = {"description": TEXTS[3], "data": 10.0, "flow_run_id": run_id}
            made.prefect.progress_of[run_id] = said
        yield made


def addresses() -> list[str]:
    packed = pack(CRITERIA)
    hostile = [quote(text, safe="") for text in TEXTS]
    return [
        "/runs",
        "/places",
        "/history",
        "/criteria/kept?place=1",
        f"/runs/{RUNNING}",
        f"/listing/{LISTING}",
        "/runs/first?show=all",
        "/runs/first?show=all&view=pictures",
        "/runs/%3Dsecond?show=all",
        *(f"/runs/first?show=all&series=1.9.{number}" for number in range(1, 12, 3)),
        f"/near?place=1&criteria={packed}",
        f"/start?place=1&criteria={packed}",
        f"/criteria/save?place=1&criteria={packed}",
        "/compare?place=1&a=run:first&b=run:%3Dsecond",
        *(f"/build?place=1&criteria={packed}&open={card}" for card in ("0", "1", "1.0", "2")),
        f"/build?place=1&criteria={packed}&tab=json",
        *(f"/explore?place=1&attribute={name}" for name in ("SeriesDescription", "ProtocolName", "PatientID")),
        *(f"/runs/first?find={text}&modality={text}&show=all&sort={text}" for text in hostile),
        *(f"/build?place=1&criteria={packed}&open=0&search={text}&name={text}&version={text}" for text in hostile[:5]),
        *(f"/explore?place=1&attribute={text}&search={text}" for text in hostile[:5]),
        *(f"/compare?place=1&a={text}&b={text}&change={text}" for text in hostile[:5]),
        *(f"/runs?place={text}&criteria={text}&from={text}" for text in hostile[:5]),
        *(f"/{path}/{text}" for text in hostile[:6] for path in ("runs", "criteria", "listing", "none")),
        *(f"/sign-in?to={text}" for text in hostile),
    ]


class TestPages:
    @pytest.mark.parametrize("name", ["mona", "vera"])
    def test_no_element_or_attribute_comes_from_outside(self, site: Attacked, name: str) -> None:
        shown = ""
        with site.client(name) as client:
            for address, answer in crawl(client, addresses(), 150):
                if answer.headers.get("content-type", "").startswith("text/html") and "hand-on" not in address:
                    check_page(answer.text, address)
                    shown += answer.text
                assert answer.status_code < 500, address

        assert html.escape(TEXTS[0]) in shown  # else nothing was tried

    def test_a_person_of_any_name_is_shown_as_text(self, site: Attacked) -> None:
        with site.client() as client:
            client.post("/sign-in", data={"name": TEXTS[0], "password": PASSWORD})
            page = client.get("/places").text
            token = page.partition('name="token" value="')[2].partition('"')[0]
            client.post("/criteria/save", data={"token": token, "criteria": pack(CRITERIA), "name": "of-a-person"})
            pages = [
                client.get(address).text for address in ("/places", "/history", "/criteria", "/criteria/of-a-person")
            ]

        for page in pages:
            assert html.escape(TEXTS[0]) in page
            check_page(page, "")

    @pytest.mark.parametrize("text", TEXTS)
    def test_what_a_form_says_comes_back_as_text(self, site: Attacked, text: str) -> None:
        forms = {
            "/places/add": {"bucket": text, "endpoint": text, "prefix": text, "region": text, "credentials": text},
            "/start": {"place": "1", "criteria": pack(CRITERIA), "name": text, "credentials": text, "saved": text},
            "/criteria/save": {"criteria": pack(CRITERIA), "name": text, "note": text, "version": text, "place": text},
            "/build": {"place": "1", "do": "json:", "json": text, "name": text},
            "/import": {"tool": text, "text": text, "rule": text, "place": text},
        }
        with site.client("adam") as client:
            for path, form in forms.items():
                answer = client.post(path, data={**form, "token": site.token("adam")})
                assert answer.status_code == 400, path
                check_page(answer.text, path)

    def test_marks_of_direction_end_with_what_holds_them(self) -> None:
        css = (Path(__file__).parents[2] / "src/dicom_sieve/web/static/pages.css").read_text(encoding="utf-8")
        [rule] = [line for line in css.splitlines() if "unicode-bidi: isolate" in line]

        assert {name.strip() for name in rule.partition("{")[0].split(",")} >= {
            "a",
            "b",
            "code",
            "label",
            "small",
            "span",
        }


class TestDownloads:
    def rows(self, site: Attacked, name: str) -> list[list[str]]:
        answer = site.client("mona").get(f"/runs/%3Dsecond/hand-on/{name}?show=all")
        assert answer.status_code == 200
        return list(csv.reader(io.StringIO(answer.text)))

    @pytest.mark.parametrize("name", ["series.csv", "instances.csv"])
    def test_no_cell_is_a_formula_or_holds_a_mark_that_is_not_seen(self, site: Attacked, name: str) -> None:
        cells = [cell for row in self.rows(site, name) for cell in row]

        assert [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))] == []
        assert [cell for cell in cells if not cell.isprintable()] == []
        assert any(MARK in cell for cell in cells)

    def test_lists_hold_what_objects_say(self, site: Attacked) -> None:
        descriptions = {row[2] for row in self.rows(site, "series.csv")}

        assert {f"'{text}" for text in FORMULAS} | {TEXTS[0], TEXTS[1]} <= descriptions

    def test_a_file_for_programs_holds_it_as_it_is(self, site: Attacked) -> None:
        answer = site.client("mona").get("/runs/first/hand-on/series.parquet?show=all")
        descriptions = pq.read_table(io.BytesIO(answer.content))["series_description"].to_pylist()

        assert {*TEXTS, *FORMULAS} == set(descriptions)
        assert json.loads(site.client("mona").get("/runs/first/hand-on/criteria.json").text) == CRITERIA

    def test_a_report_is_shown_by_no_page_and_holds_no_element_of_outside(self, site: Attacked) -> None:
        answer = site.client("mona").get("/runs/first/hand-on/report.html")

        assert answer.headers["content-disposition"].startswith("attachment")
        assert not [tag for tag, attributes in Elements(answer.text).found if MARK in f"{tag} {' '.join(attributes)}"]

    def test_a_run_of_any_id_names_a_plain_file(self, site: Attacked) -> None:
        said = site.client("mona").get("/runs/%3Dsecond/hand-on/series.csv").headers["content-disposition"]

        assert said == "attachment; filename*=UTF-8''%3Dsecond-series.csv"

    def test_addresses_hold_values_as_values(self, site: Attacked) -> None:
        page = site.client("mona").get("/runs/first?show=all&series=1.9.2").text
        links = [attributes["href"] for tag, attributes in Elements(page).found if tag == "a"]

        for link in links:
            assert all(len(values) == 1 for values in parse_qs(urlsplit(link).query).values()), link


def test_a_name_in_a_header_is_one_person_whatever_it_is(site: Attacked) -> None:
    answer = site.client().get("/places", headers=[(HEADER.encode(), TEXTS[0].encode())])

    assert answer.status_code == 200
    check_page(answer.text, "/places")


def test_a_ledger_of_plain_values_is_shown_whole(tmp_path: Path) -> None:
    """The check of pages finds nothing wrong where nothing is."""
    with open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger, attacked(ledger) as made:
        fill(ledger)
        check_page(made.client("mona").get("/runs").text, "/runs")
        with pytest.raises(AssertionError):
            check_page(f"<{MARK}>", "made")
