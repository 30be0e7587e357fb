"""Runs and what came of them, on pages: the counts are those of the report, and nobody sees more than their role."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from dicom_sieve import Ledger, open_ledger
from dicom_sieve.criteria import Criterion, Operation
from dicom_sieve.criteria.reading import load_criteria
from dicom_sieve.ledger.reading.places import list_places
from dicom_sieve.reports import Report, make_report
from dicom_sieve.screening import Screening, screen
from dicom_sieve.web.address import unpack
from tests.reports.reported import HOSTILE, screen_made
from tests.screening.screenings import ct, mr
from tests.support.simulated_store import SimulatedStore
from tests.web.served import VIEWER, pages, see, uids, words

SCRIPT = "<script>alert(1)</script>"
KEY = f"a\n{SCRIPT}&?#/../x.dcm"


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    with open_ledger(f"sqlite:///{tmp_path_factory.mktemp('runs') / 'ledger.db'}") as opened:
        screen_made(opened)
        yield opened


@pytest.fixture(scope="module")
def client(ledger: Ledger) -> Iterator[TestClient]:
    with pages(ledger) as served:
        yield served


@pytest.fixture(scope="module")
def report(ledger: Ledger) -> Report:
    return make_report(ledger.run("made"))


class TestRuns:
    def test_lists_a_run_with_its_criteria_and_counts(self, client: TestClient, report: Report) -> None:
        text = words(see(client, "/runs"))

        assert "Study date is later than 2022-01-01, and Modality is one of CT, MR or PT" in text
        passed, looked_at = report.figures.passed.instances, report.figures.looked_at.instances
        assert f"Complete {passed} {looked_at}" in text

    def test_shows_runs_of_one_place_and_of_one_name(self, client: TestClient, ledger: Ledger) -> None:
        [place] = list_places(ledger.engine)

        assert "/runs/made" in see(client, f"/runs?place={place.id}")
        assert "/runs/made" not in see(client, "/runs?criteria=other")

    def test_a_run_is_changed_and_run_again(self, client: TestClient, ledger: Ledger) -> None:
        [place] = list_places(ledger.engine)
        [address] = set(re.findall(r'href="(/build\?place=[^"]+)"[^>]*>Change and run again', see(client, "/runs")))
        query = address.replace("&amp;", "&").partition("?")[2]
        stated = dict(part.split("=", 1) for part in query.split("&"))

        assert stated["place"] == str(place.id)
        assert unpack(stated["criteria"].replace("%3D", "=")) == list(ledger.run("made").row.criteria)


class TestResult:
    def test_says_what_the_report_says(self, client: TestClient, report: Report) -> None:
        text = words(see(client, "/runs/made"))

        assert report.title in text
        figures = report.figures
        for noun in ("patients", "studies", "series", "instances"):
            counts = [getattr(each, noun) for each in (figures.looked_at, figures.passed, figures.discarded)]
            assert f"{noun.capitalize()} {' '.join(map(str, counts))}" in text
        for number, step in enumerate(figures.steps, 1):
            fell = {excluded.finding: excluded.instances for excluded in step.fell}
            undecided = sum(count for finding, count in fell.items() if not finding.is_decided)
            sentence = rf" {number} [A-Z][^0-9]*?[^|]*? {sum(fell.values()) - undecided} {undecided} {step.instances} "
            assert re.search(sentence, text)
        for warning in report.warnings:
            assert warning[:30] in text.replace("&#39;", "'").replace("&lt;", "<")

    def test_near_misses_lead_to_their_series(self, client: TestClient, report: Report) -> None:
        page = see(client, "/runs/made")

        for number, of in enumerate(report.figures.criteria, 1):
            [near] = re.findall(rf'href="(/runs/made\?show=near&amp;by={number})#series".*?</a>', page, re.DOTALL)
            [counted] = re.findall(rf'by={number}#series".*?<span class="num">([0-9]+)</span>.*?>([0-9]+) series', page)
            shown = uids(see(client, near.replace("&amp;", "&")))
            assert counted == (str(of.only), str(len(shown)))

    def test_attrition_of_series_is_that_of_the_report(self, client: TestClient, report: Report) -> None:
        page = see(client, "/runs/made?unit=series")

        left = re.findall(r'<td class="q">\d+</td><td class="q">\d+</td><td>(\d+)</td>', page)
        assert left == [str(step.series) for step in report.figures.steps]

    def test_an_unknown_run_is_not_there(self, client: TestClient) -> None:
        assert client.get("/runs/nothing").status_code == 404

    def test_a_run_is_found_by_the_beginning_of_its_id(self, client: TestClient, report: Report) -> None:
        assert report.title in see(client, "/runs/mad")


class TestSeries:
    def test_each_tab_has_the_series_that_it_counts(self, client: TestClient, ledger: Ledger) -> None:
        rows = list(ledger.run("made").series())
        text = words(see(client, "/runs/made"))

        assert set(uids(see(client, "/runs/made"))) == {row.series_instance_uid for row in rows if row.passed}
        assert set(uids(see(client, "/runs/made?show=all"))) == {row.series_instance_uid for row in rows}
        assert f"All {len(rows)}" in text
        assert f"Passed {sum(bool(row.passed) for row in rows)}" in text

    def test_sorts_by_a_column_both_ways(self, client: TestClient) -> None:
        ages = uids(see(client, "/runs/made?show=all&sort=PatientAge"))
        back = uids(see(client, "/runs/made?show=all&sort=-PatientAge"))

        for order in (ages, back[::-1]):
            assert order.index("1.10") < order.index("1.2") < order.index("1.1") < order.index("1.4")  # 0, 1.5, 45, 71
        assert sorted(ages) == sorted(back)

    def test_finds_by_uid_modality_and_criterion(self, client: TestClient) -> None:
        assert set(uids(see(client, "/runs/made?show=all&find=1.1"))) >= {"1.10", "1.11", "1.12"}
        assert uids(see(client, "/runs/made?show=all&modality=US")) == ["1.4"]
        assert set(uids(see(client, "/runs/made?show=all&by=3"))) == {"1.4", "1.11"}
        assert uids(see(client, "/runs/made?show=near&by=3")) == ["1.11"]

    def test_shows_what_is_measured_when_it_is_asked_for(self, client: TestClient) -> None:
        page = see(client, "/runs/made?columns=slices&columns=plane&columns=nothing")

        assert "Slices" in page
        assert "Plane" in page
        assert re.search(r'<th scope="col" class="num" aria-sort="none"><a href="[^"]*sort=slices', page)

    def test_windows_of_fifty_follow_each_other(self, tmp_path: Path) -> None:
        store = SimulatedStore({f"{number}": ct(f"1.7.{number}", f"1.8.{number}") for number in range(120)})
        with open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as many:
            screen(Screening("many", store, [modality("CT")]), many)
            with pages(many) as client:
                first, last = uids(see(client, "/runs/many")), uids(see(client, "/runs/many?from=100"))
                middle = see(client, "/runs/many?from=50")

        assert (len(first), len(last)) == (50, 20)
        assert {*first, *uids(middle), *last} == {f"1.7.{number}" for number in range(120)}
        assert "51 to 100 of 120 series" in words(middle)


class TestTrace:
    def test_tells_what_each_criterion_found(self, client: TestClient) -> None:
        text = words(see(client, "/runs/made?show=all&object=1.11/00.dcm"))

        assert "Discarded by criterion 3 alone" in text
        assert "1 Study date is later than 2022-01-01 2023-07-15 Met" in text
        assert re.search(r"3 Age [^|]*? 80 years Not met", text) or "80 years" in text
        assert "Image 1 of 5 in its series" in text

    def test_an_instance_is_found_by_its_uid(self, client: TestClient) -> None:
        answer = client.get("/runs/made?find=1.11.2", follow_redirects=False)

        assert answer.headers["location"] == "/runs/made?show=all&object=1.11%2F02.dcm"
        assert "80 years" in see(client, "/runs/made/trace?uid=1.11.2")
        assert "Image 3 of 5" in words(see(client, "/runs/made/trace?object=1.11/02.dcm"))

    def test_a_series_opens_its_middle_image_and_the_next_one(self, client: TestClient) -> None:
        page = see(client, "/runs/made?show=all&series=1.11")
        [after] = re.findall(r'href="([^"]+)" data-part data-key="j"', page)

        assert "Image 3 of 5" in words(page)
        assert "Image 4 of 5" in words(see(client, after.replace("&amp;", "&")))

    def test_an_object_of_elsewhere_is_not_there(self, client: TestClient) -> None:
        assert "No such object" in words(see(client, "/runs/made?object=../../etc/passwd"))

    def test_members_of_a_group_are_told_below_it(self, tmp_path: Path) -> None:
        store = SimulatedStore({"1": mr("1.7.1", "1.8.1", BodyPartExamined="HEAD")})
        group = {
            "any": [
                {"dicom_tag": ("0008", "0060"), "operation": "IN", "reference": ["CT"]},
                {"none": [{"dicom_tag": ("0018", "0015"), "operation": "IN", "reference": ["HEAD"]}]},
            ]
        }
        with open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as grouped:
            screen(Screening("grouped", store, load_criteria([group])), grouped)
            with pages(grouped) as client:
                text = words(see(client, "/runs/grouped?show=all&object=1"))

        assert "1 Any of these is true Not met Modality is CT MR Not met" in text
        assert "None of these is true Not met Body part examined is HEAD HEAD Met" in text


class TestViewers:
    """They see counts, and no value of a patient."""

    def test_see_counts_and_no_series(self, client: TestClient, report: Report) -> None:
        page = see(client, "/runs/made?show=all&object=a-key&series=1", **VIEWER)

        assert report.title in page
        assert not re.search(r"\b1\.1[0-5]\b", page)
        assert "2023-07-15" not in page
        assert "80 years" not in page
        assert "Hand on" not in page
        assert "drawer" not in page

    @pytest.mark.parametrize(
        "address",
        [
            "/runs/made/trace?uid=1.11.2",
            "/runs/made/picture/1.11",
            "/runs/made/hand-on/series.csv",
            "/runs/made/hand-on/instances.csv",
            "/runs/made/hand-on/report.html",
            "/near?place=1",
        ],
    )
    def test_are_refused_what_shows_values(self, client: TestClient, address: str) -> None:
        answer = client.get(address, headers=VIEWER)

        assert answer.status_code == 403
        assert "This needs the role manager" in words(answer.text)

    def test_cannot_stop_a_run(self, client: TestClient) -> None:
        page = client.get("/runs", headers=VIEWER).text
        [token] = set(re.findall(r'name="token" value="([^"]+)"', page))

        assert client.post("/runs/made/stop", data={"token": token}, headers=VIEWER).status_code == 403


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    store = SimulatedStore()
    store.put(KEY, ct("1.7.1", "1.8.1", SeriesDescription=SCRIPT, BodyPartExamined='"><img src=x onerror=y>'))
    store.put("b", mr("1.7.2", "1.8.2", SeriesDescription="=1+1"))
    with open_ledger(f"sqlite:///{tmp_path_factory.mktemp('hostile') / 'ledger.db'}") as opened:
        screen(Screening("hostile", store, [modality("CT", SCRIPT.upper())]), opened)
        with pages(opened) as served:
            yield served


class TestHostileValues:
    def test_are_text(self, hostile: TestClient) -> None:
        page = see(hostile, "/runs/hostile?show=all")
        opened = see(hostile, "/runs/hostile?show=all&series=1.7.1")

        for each in (page, opened):
            assert each.count("<script") == 1  # that of the pages
            assert "onerror=y>" not in each
            assert SCRIPT.replace("<", "&lt;").replace(">", "&gt;") in each
        [picture] = re.findall(r'<img class="shown" src="([^"]+)"', opened)
        assert "%0A" in picture
        assert hostile.get(picture.replace("&amp;", "&")).headers["content-type"] == "image/svg+xml"

    def test_a_search_for_a_script_is_text(self, hostile: TestClient) -> None:
        page = see(hostile, f"/runs/hostile?show=all&find={SCRIPT}&modality={SCRIPT}&sort={SCRIPT}&from={SCRIPT}")

        assert page.count("<script") == 1

    def test_no_cell_of_a_list_is_a_formula(self, hostile: TestClient) -> None:
        series = hostile.get("/runs/hostile/hand-on/series.csv?show=all").text
        instances = hostile.get("/runs/hostile/hand-on/instances.csv?show=all").text

        assert "'=1+1" in series
        assert ",=1+1" not in series
        assert len(instances.splitlines()) == 3
        assert "a\\n<script>" in instances


def test_a_hostile_code_is_text_in_the_distribution(client: TestClient) -> None:
    page = see(client, "/runs/made")

    assert HOSTILE[:8] not in page.replace('<script type="module"', "")


def modality(*codes: str) -> Criterion:
    return Criterion(dicom_tag=("0008", "0060"), operation=Operation.IN, reference=list(codes))
