"""One UID for what is not one: said in report, series, trace and manifest, and refused where something is computed."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from dicom_sieve import Ledger
from dicom_sieve.cli.output import text
from dicom_sieve.cli.output.trace import show_trace
from dicom_sieve.computations import open_computation
from dicom_sieve.ledger.database.states import InputState
from dicom_sieve.ledger.reading.conflicts import Conflict
from dicom_sieve.reports import make_report, render
from dicom_sieve.screening import Screening, screen
from dicom_sieve.stores import DirectoryStore
from tests.screening.screenings import ct, mr, one_of, screen_ct, sql
from tests.support.clouds import GcsServer
from tests.support.simulated_store import SimulatedStore

TWO_STUDIES, TWO_PATIENTS, BOTH, DISCARDED, BYTES, ONE, OTHER, GOOD = (f"1.5.{number}" for number in range(8))
IN_CONFLICT = {
    TWO_STUDIES: ("SEVERAL_STUDIES",),
    TWO_PATIENTS: ("SEVERAL_PATIENTS",),
    BOTH: ("SEVERAL_PATIENTS", "SEVERAL_STUDIES"),
    DISCARDED: ("SEVERAL_STUDIES",),
    BYTES: ("DIFFERENT_BYTES",),
    ONE: ("DIFFERENT_BYTES", "SEVERAL_SERIES"),
    OTHER: ("DIFFERENT_BYTES", "SEVERAL_SERIES"),
}
OBJECTS = {
    "a/1": ct(TWO_STUDIES, "1.6.1", StudyInstanceUID="1.1"),
    "a/2": ct(TWO_STUDIES, "1.6.2", StudyInstanceUID="1.2"),
    "b/1": ct(TWO_PATIENTS, "1.6.3", PatientID="A"),
    "b/2": ct(TWO_PATIENTS, "1.6.4", PatientID="B"),
    "c/1": ct(BOTH, "1.6.5", StudyInstanceUID="1.1", PatientID="A"),
    "c/2": ct(BOTH, "1.6.6", StudyInstanceUID="1.2", PatientID="B"),
    "d/1": ct(DISCARDED, "1.6.7", StudyInstanceUID="1.1"),
    "d/2": mr(DISCARDED, "1.6.8", StudyInstanceUID="1.2"),
    "e/1": ct(BYTES, "1.6.9", pixel_bytes=2),
    "e/2": ct(BYTES, "1.6.9", pixel_bytes=4),
    "f/1": ct(ONE, "1.6.10"),
    "f/2": ct(OTHER, "1.6.10"),
    "g/1": ct(GOOD, "1.6.11", PatientID="A"),
    "g/2": ct(GOOD, "1.6.12", PatientID="A"),
    "g/3": ct(GOOD, "1.6.12", PatientID="A"),  # the same bytes again
    "g/4": ct(GOOD, "1.6.13"),  # of which no patient is known
}


@pytest.fixture
def store() -> SimulatedStore:
    return SimulatedStore(dict(OBJECTS))


@pytest.fixture
def screened(ledger: Ledger, store: SimulatedStore) -> Ledger:
    screen_ct(store, ledger, "a")
    return ledger


def found(ledger: Ledger, run: str = "a") -> dict[str, tuple[str, ...]]:
    return {row.series_instance_uid: row.conflicts for row in ledger.run(run).series() if row.conflicts}


class TestSeries:
    def test_series_say_their_conflicts(self, screened: Ledger) -> None:
        assert found(screened) == IN_CONFLICT

    def test_series_name_all_their_studies(self, screened: Ledger) -> None:
        studies = {row.series_instance_uid: row.study_instance_uids for row in screened.run("a").series()}

        assert {uid: named for uid, named in studies.items() if named} == dict.fromkeys(
            (TWO_STUDIES, BOTH, DISCARDED), ("1.1", "1.2")
        )

    def test_series_say_the_same_as_arrow_and_as_a_table(
        self, screened: Ledger, capsys: pytest.CaptureFixture[str]
    ) -> None:
        table = screened.run("a").series(selection="WHOLE").to_arrow()
        assert dict(zip(*table.select(["series_instance_uid", "conflicts"]).to_pydict().values(), strict=True)) == {
            uid: list(IN_CONFLICT.get(uid, ())) for uid in (TWO_STUDIES, TWO_PATIENTS, BOTH, BYTES, ONE, OTHER, GOOD)
        }

        text.show_series(screened.run("a").series())

        lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
        assert "1.1 1.2" in lines[BOTH]
        assert lines[BOTH].split()[-2:] == ["SEVERAL_PATIENTS", "SEVERAL_STUDIES"]
        assert lines[GOOD].split()[-2:] == ["WHOLE", "-"]

    def test_series_of_a_published_run_name_both_studies(
        self, ledger: Ledger, store: SimulatedStore, tmp_path: Path
    ) -> None:
        screen(Screening("a", store, one_of("CT"), output=DirectoryStore(tmp_path)), ledger)

        rows = pq.read_table(tmp_path / "a" / "series.parquet").to_pylist()

        by_uid = {row["series_instance_uid"]: row for row in rows}
        assert by_uid[BOTH]["study_instance_uids"] == ["1.1", "1.2"]
        assert {uid: tuple(row["conflicts"]) for uid, row in by_uid.items() if row["conflicts"]} == IN_CONFLICT

    def test_series_of_a_former_run_stay_as_they_were(self, screened: Ledger, store: SimulatedStore) -> None:
        for key in ("a/2", "e/2", "f/2"):
            store.delete(key)
        store.put("g/5", ct(GOOD, "1.6.14", PatientID="C"))
        screen_ct(store, screened, "b")

        assert found(screened) == IN_CONFLICT
        assert found(screened, "b") == {
            **{uid: IN_CONFLICT[uid] for uid in (TWO_PATIENTS, BOTH, DISCARDED)},
            GOOD: ("SEVERAL_PATIENTS",),
        }

    def test_series_of_files_differ_by_size_not_by_when_they_were_written(self, ledger: Ledger, tmp_path: Path) -> None:
        for name, body in {"1": "g/2", "2": "g/3", "3": "e/1", "4": "e/2"}.items():
            (tmp_path / name).write_bytes(OBJECTS[body])
        screen_ct(DirectoryStore(tmp_path), ledger, "a")

        assert found(ledger) == {BYTES: ("DIFFERENT_BYTES",)}

    def test_series_of_another_cloud_differ_by_size_likewise(self, ledger: Ledger, gcs_server: GcsServer) -> None:
        bucket = gcs_server.make_bucket()
        for name, body in {"1": "g/2", "2": "g/2", "3": "e/1", "4": "e/2"}.items():
            gcs_server.put(bucket, name, OBJECTS[body])
        screen(Screening("a", gcs_server.store(bucket), one_of("CT")), ledger)

        assert found(ledger) == {BYTES: ("DIFFERENT_BYTES",)}


class TestTheReport:
    def test_the_report_warns_of_each_kind(self, screened: Ledger) -> None:
        report = make_report(screened.run("a"))

        assert report.conflicts.counts == {
            Conflict.SEVERAL_STUDIES: 3,
            Conflict.SEVERAL_PATIENTS: 2,
            Conflict.DIFFERENT_BYTES: 3,
            Conflict.SEVERAL_SERIES: 2,
        }
        assert dict(report.conflicts.examples) == IN_CONFLICT
        of_several = "objects with the Series Instance UID name several {0}; a series belongs to one"
        differ = "objects with the same SOP Instance UID are not the same: etag, size or header differ"
        assert report.warnings == [
            f"3 series: {differ} (DIFFERENT_BYTES).",
            f"2 series: {of_several.format('patients')} (SEVERAL_PATIENTS). Computations refuse them.",
            "2 series: a SOP Instance UID is in several series; an instance belongs to one (SEVERAL_SERIES).",
            f"3 series: {of_several.format('studies')} (SEVERAL_STUDIES). Computations refuse them.",
        ]

    @pytest.mark.parametrize("how", ["html", "markdown"])
    def test_the_report_lists_the_series(self, screened: Ledger, how: str) -> None:
        told = render(make_report(screened.run("a")), how).replace("\\", "")

        assert "SEVERAL_PATIENTS, SEVERAL_STUDIES" in told
        assert all(uid in told for uid in IN_CONFLICT)

    def test_the_report_says_it_to_programs(self, screened: Ledger) -> None:
        told = json.loads(render(make_report(screened.run("a")), "json"))

        assert told["conflicts"]["series"]["SEVERAL_STUDIES"] == 3
        assert {uid: tuple(names) for uid, names in told["conflicts"]["examples"].items()} == IN_CONFLICT

    def test_the_report_without_conflicts_says_nothing(self, ledger: Ledger) -> None:
        screen_ct(SimulatedStore({key: OBJECTS[key] for key in ("g/1", "g/2", "g/3", "g/4")}), ledger, "a")
        report = make_report(ledger.run("a"))

        assert (report.conflicts.counts, report.warnings, report.duplicates.instances) == ({}, [], 1)
        assert "conflict" not in render(report, "html")


class TestTrace:
    @pytest.mark.parametrize(
        ("name", "conflicts"),
        [
            ("a/1", (Conflict.SEVERAL_STUDIES,)),
            ("c/2", (Conflict.SEVERAL_PATIENTS, Conflict.SEVERAL_STUDIES)),
            ("1.6.9", (Conflict.DIFFERENT_BYTES,)),
            ("f/1", (Conflict.DIFFERENT_BYTES, Conflict.SEVERAL_SERIES)),
            (GOOD, ()),
        ],
    )
    def test_trace_says_what_contradicts_an_object(
        self, screened: Ledger, name: str, conflicts: tuple[Conflict, ...]
    ) -> None:
        traced = screened.trace(name)

        assert traced
        assert {judged.conflicts for instance in traced for judged in instance.decisions} == {conflicts}

    def test_trace_says_it_in_words(self, screened: Ledger, capsys: pytest.CaptureFixture[str]) -> None:
        show_trace(screened.trace("a/1")[0])

        sentence = "Objects with the Series Instance UID name several studies; a series belongs to one."
        assert f"  conflict SEVERAL_STUDIES: {sentence}" in capsys.readouterr().out


class TestComputations:
    @pytest.mark.parametrize("selection", ["WHOLE", "PARTIAL"])
    def test_computations_refuse_a_series_of_several_studies_or_patients(
        self, screened: Ledger, store: SimulatedStore, selection: str
    ) -> None:
        with open_computation(screened, "c", version="1", run="a", inputs=store, selection=selection) as computation:
            given = []
            for series in computation.series():
                with series:
                    given.append(series.uid)

        assert given == [BYTES, ONE, OTHER, GOOD]
        refused = {
            row.series_instance_uid: row.failure for row in screened.run("a").computed() if row.state == "REFUSED"
        }
        end = "a series belongs to one study of one patient"
        assert refused == {
            TWO_STUDIES: f"its objects name 2 studies: {end}",
            TWO_PATIENTS: f"its objects name 2 patients: {end}",
            BOTH: f"its objects name 2 studies and 2 patients: {end}",
            DISCARDED: f"its objects name 2 studies: {end}",
        }
        assert InputState.REFUSED in {row.state for row in screened.run("a").computed()}


def test_verdicts_stay_what_they_are(screened: Ledger) -> None:
    counted = sql(screened, "SELECT verdict, COUNT(*) FROM instance_decision WHERE run_id = 'a' GROUP BY 1")

    assert {verdict: int(count) for verdict, count in counted} == {"PASSED": 15, "DISCARDED": 1}


def test_the_document_says_each_in_the_same_words() -> None:
    document = (Path(__file__).parents[2] / "docs" / "ledger.md").read_text(encoding="utf-8")

    for conflict in Conflict:
        assert f"| `{conflict}` | {conflict.describe()} |" in document
