"""A report says what the ledger holds: its figures beside plain SQL over the views, and beside a reading by hand."""

import io
import json
import re
import tracemalloc
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from dicom_sieve import Ledger, open_ledger
from dicom_sieve.columns.chunk import as_entry
from dicom_sieve.columns.coded import Coded
from dicom_sieve.columns.numbers import numbers_of
from dicom_sieve.criteria import Criterion, Finding, Operation, advise, compile_criteria
from dicom_sieve.demo import bucket as demo_bucket
from dicom_sieve.errors import IncompleteRunError, NothingToReportError
from dicom_sieve.flows.artifacts import describe_verdicts
from dicom_sieve.headers import Defect
from dicom_sieve.ledger.reading.report import DecidedBlock, Kind
from dicom_sieve.reports import make_report, render
from dicom_sieve.reports import tally as figures_module
from dicom_sieve.reports.distribution import Bar
from dicom_sieve.reports.tally import Tally
from dicom_sieve.screening import Screening, screen
from tests.ledger.vandal import vandal
from tests.reports.reported import CRITERIA, instances, made_store, screen_made
from tests.screening.screenings import ct, one_of, screen_ct, sql
from tests.support.simulated_store import SimulatedStore

FINDING = {
    "sqlite": "json_extract(findings, '$[{}]')",
    "postgresql": "findings ->> {}",
}
LEFT = "criteria on dates judge what is left of them."
SELECTION = "SELECT selection, COUNT(*) FROM series_decision WHERE run_id = :run GROUP BY selection"


@pytest.fixture(
    params=["made, SQLite", pytest.param("made, PostgreSQL", marks=pytest.mark.needs_postgresql), "demo, SQLite"]
)
def screened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    """A ledger in which the made bucket, or that of the demo, was screened under the id "made"."""
    of_file = f"sqlite:///{tmp_path / 'ledger.db'}"
    url = str(request.getfixturevalue("postgres_url")) if "PostgreSQL" in request.param else of_file
    with open_ledger(url) as ledger:
        if "demo" in request.param:
            screen(Screening("made", SimulatedStore(dict(demo_bucket.objects())), CRITERIA), ledger)
        else:
            screen_made(ledger)
        yield ledger


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    """A ledger in which the made bucket was screened."""
    with open_ledger(f"sqlite:///{tmp_path_factory.mktemp('made') / 'ledger.db'}") as ledger:
        screen_made(ledger)
        yield ledger


class Asked:
    """The same figures, asked of the views in SQL."""

    def __init__(self, ledger: Ledger, run: str) -> None:
        self.ledger, self.run = ledger, run
        self.finding = FINDING[ledger.engine.dialect.name]

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        return sql(self.ledger, statement, run=self.run)

    def count(self, condition: str, what: str = "*") -> int:
        statement = f"SELECT COUNT({what}) FROM instance_decision WHERE run_id = :run AND {condition}"
        return int(self.rows(statement)[0][0])

    def found(self, place: int, *names: str) -> str:
        return f"{self.finding.format(place)} IN ({', '.join(repr(str(name)) for name in names)})"

    def left(self, places: int) -> str:
        """A condition: the first N criteria are met."""
        return " AND ".join(["defect IS NULL", *(self.found(place, "MET") for place in range(places))])

    def series_left(self, places: int) -> set[str]:
        query = "SELECT DISTINCT series_instance_uid FROM instance_decision WHERE run_id = :run AND "
        return {uid for (uid,) in self.rows(query + self.left(places))}


PATIENTS = """
SELECT COUNT(DISTINCT header.patient), SUM(CASE WHEN header.patient IS NULL THEN 1 ELSE 0 END)
FROM instance_decision AS decided
JOIN object ON object.key = decided.object_key AND object.etag = decided.etag
JOIN header ON header.id = object.header_id
WHERE decided.run_id = :run AND decided.defect IS NULL AND """


class TestTheFigures:
    def test_the_figures_are_those_of_the_views(self, screened: Ledger) -> None:
        asked = Asked(screened, "made")

        report = make_report(screened.run("made"))

        figures = report.figures
        assert figures.looked_at.instances == asked.count("1 = 1")
        for amount, verdict in ((figures.passed, "PASSED"), (figures.discarded, "DISCARDED")):
            assert amount.instances == asked.count(f"verdict = '{verdict}'")
        assert figures.passed.series == asked.count("verdict = 'PASSED'", "DISTINCT series_instance_uid")
        assert figures.passed.studies == asked.count("verdict = 'PASSED'", "DISTINCT study_instance_uid")
        [(patients, without)] = asked.rows(f"{PATIENTS} 1 = 1")
        [(passed, _)] = asked.rows(f"{PATIENTS} decided.verdict = 'PASSED'")
        assert (figures.looked_at.patients, figures.passed.patients, figures.without_patient) == (
            patients,
            passed,
            without,
        )
        assert figures.discarded.patients == patients - passed
        assert figures.looked_at.series == len(asked.rows("SELECT 1 FROM series_decision WHERE run_id = :run"))
        assert {name: count for name, count in figures.selections.items() if count} == dict(asked.rows(SELECTION))
        by_defect = (
            "SELECT defect, COUNT(*) FROM instance_decision WHERE run_id = :run AND defect IS NOT NULL GROUP BY 1"
        )
        assert figures.defects == dict(asked.rows(by_defect))
        [(duplicates, series)] = asked.rows(
            "SELECT SUM(duplicates), COUNT(*) FROM series_decision WHERE run_id = :run AND duplicates > 0"
        )
        assert report.duplicates == (duplicates or 0, series)
        partial = "SELECT series_instance_uid FROM series_decision WHERE run_id = :run AND selection = 'PARTIAL'"
        assert [series.series_instance_uid for series in report.partial] == sorted(
            uid for (uid,) in asked.rows(partial)
        )

    def test_the_figures_of_each_criterion_are_those_of_the_views(self, screened: Ledger) -> None:
        asked = Asked(screened, "made")

        figures = make_report(screened.run("made")).figures

        for place, figure in enumerate(figures.criteria):
            counted = {name.value: asked.count(f"defect IS NULL AND {asked.found(place, name)}") for name in Finding}
            assert figure.findings == {name: count for name, count in counted.items() if count}
            assert figure.alone == asked.count(f"defect IS NULL AND NOT {asked.found(place, 'MET')}")
            others = " AND ".join(asked.found(other, "MET") for other in range(len(CRITERIA)) if other != place)
            assert figure.only == asked.count(f"{others} AND NOT {asked.found(place, 'MET')}")

    def test_the_figures_of_each_step_are_those_of_the_views(self, screened: Ledger) -> None:
        asked = Asked(screened, "made")

        figures = make_report(screened.run("made")).figures

        assert (figures.judged.instances, figures.judged.series) == (
            asked.count(asked.left(0)),
            len(asked.series_left(0)),
        )
        for place, step in enumerate(figures.steps):
            before = asked.left(place)
            assert step.instances == asked.count(asked.left(place + 1))
            assert step.series == len(asked.series_left(place + 1))
            for fell in step.fell:
                assert fell.instances == asked.count(f"{before} AND {asked.found(place, fell.finding)}") > 0
            gone = asked.series_left(place) - asked.series_left(place + 1)
            why: Counter[str] = Counter()
            for uid in gone:
                query = f"SELECT DISTINCT {asked.finding.format(place)} FROM instance_decision WHERE run_id = :run AND "
                names = asked.rows(f"{query} {before} AND series_instance_uid = '{uid}'")
                why[names[0][0] if len(names) == 1 else "several"] += 1
            assert {excluded.finding.value: excluded.series for excluded in step.fell if excluded.series} | (
                {"several": step.fell_mixed} if step.fell_mixed else {}
            ) == why

    def test_the_figures_of_the_made_bucket_have_all_that_there_is(self, made: Ledger) -> None:
        report = make_report(made.run("made"))

        assert set(report.figures.defects) == set(Defect)
        assert {name for criterion in report.figures.criteria for name in criterion.findings} == set(Finding) - {
            Finding.UNREACHED,
            Finding.UNDECIDED,
            Finding.SERIES,
            Finding.NOT_CHOSEN,
        }
        assert [(series.series_instance_uid, series.reasons) for series in report.partial] == [
            ("1.5", ((("MET", "MET", "MET"), None, 6), (("NOT_MET", "MET", "MET"), None, 2)))
        ]
        assert report.duplicates == (1, 1)
        assert all(criterion.only for criterion in report.figures.criteria)

    def test_the_figures_of_patients_are_those_that_pydicom_reads(self, made: Ledger) -> None:
        patients = [(each.get("PatientID"), each.get("IssuerOfPatientID")) for _, each in readable()]

        figures = make_report(made.run("made")).figures

        assert figures.looked_at.patients == len({patient for patient in patients if patient[0]}) == 12
        assert figures.without_patient == sum(not patient for patient, _ in patients) == 14

    def test_the_figures_hold_no_patient(self, made: Ledger) -> None:
        kept = sql(made, "SELECT DISTINCT patient FROM header WHERE patient IS NOT NULL")

        assert all(re.fullmatch("[0-9a-f]{32}", patient) for (patient,) in kept)
        for how in ("html", "markdown", "json"):
            text = render(make_report(made.run("made")), how)
            assert "ELSEWHERE" not in text
            assert not any(patient in text for (patient,) in kept)

    def test_the_figures_of_values_are_those_that_pydicom_reads(self, made: Ledger) -> None:
        codes: Counter[str] = Counter()
        for _, dataset in readable():
            codes.update({str(code).upper() for code in each(dataset.get("Modality", "")) if str(code).strip()})

        distribution = make_report(made.run("made"), min_cell=1).figures.criteria[1].distribution

        assert {bar.label: bar.instances for bar in distribution.bars} == codes
        assert distribution.other is None
        assert {bar.label: bar.met for bar in distribution.bars if bar.met} == {"CT": codes["CT"], "MR": 9, "US": 5}

    def test_the_figures_do_not_change_when_they_are_added_up_more_often(
        self, made: Ledger, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        whole = make_report(made.run("made"), min_cell=1).figures
        monkeypatch.setattr(figures_module, "CACHE_SIZE", 2)

        figures = make_report(made.run("made"), min_cell=1).figures

        assert figures.steps == whole.steps
        assert [criterion.findings for criterion in figures.criteria] == [
            criterion.findings for criterion in whole.criteria
        ]
        for figure, other in zip(figures.criteria, whole.criteria, strict=True):
            rest = figure.distribution.other
            assert rest is not None
            assert len(figure.distribution.bars) <= 2
            exact = {bar.label: bar.instances for bar in other.distribution.bars}
            assert all(bar.instances <= exact[bar.label] for bar in figure.distribution.bars)
            told = sum(bar.instances for bar in figure.distribution.bars) + rest.instances
            assert max(exact.values()) < told <= sum(exact.values())

    def test_the_figures_of_values_without_end_take_bounded_memory(self) -> None:
        [criterion] = TWO[:1]
        codes = [[f"{number} {'X' * 40}{place}" for place in range(500)] for number in range(300)]
        tally = Tally([criterion])

        tracemalloc.start()
        for code in codes:
            rows = [(("1.1", "1.1.1", None), 10, 1, ('["NOT_MET"]', None, *[as_entry(code)] * len(tally.tags)))]
            tally.add(block_of(rows))
        [figures] = tally.figures(3_000, 300, 5).criteria
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()

        assert most < 24 * 1024 * 1024  # all of them at once are more than 40
        assert (figures.distribution.bars, figures.distribution.other) == ((), Bar("other", 3_000, 0))

    def test_the_figures_of_an_old_run_stay_as_they_were(self, made: Ledger) -> None:
        before = make_report(made.run("made")).figures
        store = made_store()
        for key in list(store.objects())[:20]:
            store.delete(key)
        store.put("new.dcm", ct("1.99", "1.99.1"))
        screen(Screening("later", store, CRITERIA), made)

        assert make_report(made.run("made")).figures == before
        assert make_report(made.run("later")).figures.looked_at.instances == 74


Owner = tuple[str | None, str | None, str | None]
"""Study, series and patient."""


def block_of(rows: Sequence[tuple[Owner, int, int, Kind]]) -> DecidedBlock:
    """Give headers that were decided: what they belong to, instances, bytes, and what was found."""
    numbers = np.array([row[1:3] for row in rows], np.int64).reshape(-1, 2)
    kinds = tuple(dict.fromkeys(kind for *_, kind in rows))
    codes = np.array([kinds.index(kind) for *_, kind in rows], np.uint32)
    studies, series, patients = (numbers_of([owner[place] for owner, *_ in rows]) for place in range(3))
    headers = np.arange(len(rows), dtype=np.int64)
    return DecidedBlock(headers, series, studies, patients, numbers[:, 0], numbers[:, 1], Coded(kinds, codes))


def readable() -> Iterator[tuple[str, pydicom.Dataset]]:
    for key, body in instances():
        yield key, pydicom.dcmread(io.BytesIO(body))


def each(value: Any) -> list[Any]:
    return list(value) if isinstance(value, pydicom.multival.MultiValue) else [value]


class TestWarnings:
    def test_warnings_say_what_is_worth_a_look(self, made: Ledger) -> None:
        assert make_report(made.run("made")).warnings == [
            "Criterion 1: 2 instances have 19000101 as StudyDate (0008,0020), which stands for an unknown value.",
            "Criterion 2: no instance has Modality (0008,0060) equal to PT.",
            "Criterion 3: 5 instances have 000Y as PatientAge (0010,1010), which stands for an unknown value.",
            f"2 instances say (0028,0303) that dates were MODIFIED by de-identification: {LEFT}",
            f"4 instances say (0028,0303) that dates were REMOVED by de-identification: {LEFT}",
        ]

    def test_warnings_say_what_is_worth_a_look_about_the_criteria(self, sqlite_ledger: Ledger) -> None:
        asked = [("0010", "0040", "FEMALE"), ("0008", "0060", "CT"), ("0008", "0060", "MR")]
        criteria = [
            Criterion(dicom_tag=(group, element), operation=Operation.EQUALS, reference=reference)
            for group, element, reference in asked
        ]
        outcome = screen(Screening("a", SimulatedStore({"1": ct()}), criteria), sqlite_ledger)

        warnings = make_report(sqlite_ledger.run("a")).warnings

        assert [text.partition(": ")[0] for text in warnings][:2] == ["Criterion 1", "Criteria 2 and 3"]
        assert outcome.counts["passed"] == 0
        assert f"- {warnings[1]}" in describe_verdicts("", outcome.counts, advise(compile_criteria(criteria)))

    def test_count_ages_that_are_absent_where_a_birth_date_is_present(self, sqlite_ledger: Ledger) -> None:
        older = Criterion(dicom_tag=("0010", "1010"), operation=Operation.GREATER, reference="040Y")
        born = {"PatientBirthDate": "19500101"}
        bodies = [
            ct(uid="1.1", PatientAge="045Y", **born),
            ct(uid="1.2", **born),
            ct(uid="1.3", PatientAge="", **born),
            ct(uid="1.4"),
            ct(uid="1.5", PatientBirthDate=""),
        ]
        store = SimulatedStore({f"{number}": body for number, body in enumerate(bodies)})
        screen(Screening("age", store, [older]), sqlite_ledger)
        screen_ct(store, sqlite_ledger, "modality")

        assert make_report(sqlite_ledger.run("age")).warnings == [
            (
                "age absent, birth date present in 2 instances: criteria on PatientAge (0010,1010) read what is "
                "written there, and work no age out."
            )
        ]
        assert make_report(sqlite_ledger.run("modality")).warnings == []

    def test_warnings_say_that_no_instance_meets_a_criterion(self, sqlite_ledger: Ledger) -> None:
        screen(Screening("a", SimulatedStore({"1": ct()}), one_of("ct ", "MR")), sqlite_ledger)
        screen(Screening("b", SimulatedStore({"1": ct()}), one_of("MR")), sqlite_ledger)

        assert make_report(sqlite_ledger.run("a")).warnings == [
            "Criterion 1: no instance has Modality (0008,0060) equal to MR."
        ]
        assert make_report(sqlite_ledger.run("b")).warnings == [
            "Criterion 1: no instance has Modality (0008,0060) equal to MR.",
            "Criterion 1: no instance meets it.",
        ]

    def test_warnings_say_what_an_incomplete_run_could_not_read(self, sqlite_ledger: Ledger) -> None:
        store = SimulatedStore({"1": ct(), "2": ct(uid="1.2.3.4.2")})
        store.faults = {"2": -1}
        with pytest.raises(IncompleteRunError):
            screen_ct(store, sqlite_ledger, "a")

        report = make_report(sqlite_ledger.run("a"))

        assert report.warnings == [
            (
                "1 object could not be read: the run is INCOMPLETE. Why: 1 ConnectionClosedError; connections to the "
                "server break: look at what lies between."
            )
        ]
        assert (report.figures.unread, report.figures.passed.instances) == (1, 1)


class TestRunsWithoutOne:
    def test_a_run_that_failed_is_refused(self, sqlite_ledger: Ledger) -> None:
        store = SimulatedStore({"1": ct()})
        store.refused.add("1")
        with pytest.raises(Exception, match="may list but not read"):
            screen_ct(store, sqlite_ledger, "a")

        with pytest.raises(NothingToReportError):
            make_report(sqlite_ledger.run("a"))

    @pytest.mark.parametrize("how", ["html", "markdown", "json"])
    def test_a_run_on_nothing_has_one(self, sqlite_ledger: Ledger, how: str) -> None:
        screen_ct(SimulatedStore(), sqlite_ledger, "a")

        assert "0 of 0 instances passed" in render(make_report(sqlite_ledger.run("a")), how)


@pytest.fixture
def sqlite_ledger(tmp_path: Path) -> Iterator[Ledger]:
    """An empty ledger."""
    with open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
        yield ledger


TWO = compile_criteria(
    [
        Criterion(dicom_tag=("0008", "0060"), operation=Operation.EQUALS, reference="CT"),
        Criterion(dicom_tag=("0010", "0040"), operation=Operation.EQUALS, reference="F"),
    ]
)
rows = st.lists(
    st.tuples(
        st.sampled_from([None, "1.1", "1.2"]),
        st.sampled_from(["1.1.1", "1.1.2", "1.2.1", "1.2.2"]),
        st.sampled_from([None, "a", "b"]),
        st.integers(1, 9),
        st.integers(0, 99),
        st.sampled_from([None, None, None, "CORRUPT"]),
        st.tuples(st.sampled_from(list(Finding)), st.sampled_from(list(Finding))),
    ),
    max_size=12,
)


class TestAttrition:
    @given(rows=rows)
    def test_attrition_adds_up_at_every_step(self, rows: list[tuple[Any, ...]]) -> None:
        tally = Tally(TWO)
        tally.add(
            block_of(
                [
                    (
                        (study, None if defect else series, patient),
                        count,
                        size,
                        (json.dumps([] if defect else findings), defect, *[None] * len(tally.tags)),
                    )
                    for study, series, patient, count, size, defect, findings in rows
                ]
            )
        )
        listed = sum(row[3] for row in rows)

        figures = tally.figures(listed, sum(row[4] for row in rows), 5)

        assert figures.looked_at.instances == figures.passed.instances + figures.discarded.instances
        assert figures.looked_at.bytes == figures.passed.bytes + figures.discarded.bytes
        assert figures.looked_at.patients == figures.passed.patients + figures.discarded.patients
        assert figures.looked_at.series == figures.passed.series + figures.discarded.series
        assert listed == sum(figures.defects.values()) + figures.judged.instances
        instances, series = figures.judged.instances, figures.judged.series
        for step in figures.steps:
            assert instances - sum(excluded.instances for excluded in step.fell) == step.instances
            assert series - sum(excluded.series for excluded in step.fell) - step.fell_mixed == step.series
            instances, series = step.instances, step.series
        assert (instances, series) == (figures.passed.instances, figures.passed.series)
        assert series == figures.selections["WHOLE"] + figures.selections["PARTIAL"]
        assert sum(figures.selections.values()) == figures.looked_at.series


class TestOwners:
    def test_a_block_without_columns_of_owners_gives_the_same_report(self, ledger: Ledger) -> None:
        screen_made(ledger)
        before = make_report(ledger.run("made"))
        with vandal(ledger) as connection:
            connection.execute(sa.text("DELETE FROM chunk WHERE tag IN ('study', 'patient')"))

        after = make_report(ledger.run("made"))

        assert after.figures == before.figures
        assert after.conflicts == before.conflicts
