"""Attack: cut or damage an object so that what it holds seems absent, or what it does not hold seems to pass."""

import io
from collections import Counter
from typing import Any

import pydicom
import pytest
import sqlalchemy as sa

from dicom_sieve import Ledger
from dicom_sieve.criteria import Criterion, Damaged, Decider, Finding, Verdict, compile_criteria
from dicom_sieve.headers import Damage, Extent, Instance, Window, scan
from dicom_sieve.headers.judge import judge_header
from dicom_sieve.ledger.audit.damage import Damage as FoundDamage
from dicom_sieve.ledger.audit.verify import verify
from dicom_sieve.ledger.reading.snapshots import last_snapshot
from dicom_sieve.ledger.reading.values import attributes_held, values_held
from dicom_sieve.reports import make_report
from dicom_sieve.reports.compare_runs import Compared, Reason, Side, Summary, compare
from dicom_sieve.screening import Preview, Screening, preview, preview_known, screen
from tests.ledger.vandal import undone, vandal
from tests.screening.partly_read import AGE, CRITERIA, DAMAGED, MODALITY, reading
from tests.screening.screenings import sql
from tests.support.builders import make_instance
from tests.support.simulated_store import PLACE, SimulatedStore

ASKED = [Criterion.model_validate(criterion) for criterion in CRITERIA]
COMPILED = compile_criteria(ASKED)
DISCARDED: tuple[str, str | None, list[str]] = ("DISCARDED", "CORRUPT", [])
JUDGED: dict[str, tuple[str, str | None, list[str]]] = {
    "cut behind": ("PASSED", "CORRUPT", ["MET", "MET"]),
    "cut behind too": ("PASSED", "CORRUPT", ["MET", "MET"]),
    "cut before": ("DISCARDED", "CORRUPT", ["MET", "UNREACHED"]),
    "cut before, not met": ("DISCARDED", "CORRUPT", ["NOT_MET", "UNREACHED"]),
    "contradictory": ("PASSED", "CORRUPT", ["MET", "MET"]),
    "whole of its series": ("PASSED", None, ["MET", "MET"]),
    "repeated, first kept": ("DISCARDED", "CORRUPT", ["UNREACHED", "MET"]),
    "repeated, none kept": ("DISCARDED", "CORRUPT", ["UNREACHED", "MET"]),
    "without a series": DISCARDED,
    "of old": DISCARDED,
    "up to a bound": ("DISCARDED", None, ["MET", "UNREACHED"]),
    "up to a bound behind": ("PASSED", None, ["MET", "MET"]),
    "no DICOM": ("DISCARDED", "NOT_DICOM", []),
}
"""What is to come of each object in a run that judges damaged objects."""
COUNTS = {
    Damaged.DISCARD: {"objects": 9, "all_before": 4, "passed": 0},
    Damaged.JUDGE: {"objects": 9, "all_before": 4, "passed": 3},
}


def store() -> SimulatedStore:
    return SimulatedStore({key: key.encode() for key in DAMAGED})


@pytest.fixture
def screened(ledger: Ledger) -> Ledger:
    """Two runs over the same objects: the one discards what is damaged, the other judges it."""
    screen(Screening("discard", store(), ASKED, run_shards=reading(DAMAGED)), ledger)
    screen(Screening("judge", store(), ASKED, damaged=Damaged.JUDGE), ledger)
    return ledger


def found_after(ledger: Ledger, statement: str) -> list[FoundDamage]:
    """Give what verification finds after a statement, which is undone."""
    with undone(ledger):
        with vandal(ledger) as connection:
            connection.execute(sa.text(statement))
        return verify(ledger.engine).damages


def decided(ledger: Ledger, run_id: str) -> dict[str, tuple[str | None, str | None, list[str]]]:
    rows = ledger.run(run_id).instances()
    return {row.object_key: (row.verdict, row.defect, list(row.findings)) for row in rows}


class TestWhatWasNotReached:
    @pytest.mark.parametrize("unreadable_from", ["00000000", "00080060", "00080061", "00101010", "00101011", None])
    def test_what_was_not_reached_is_never_said_to_be_absent_and_never_passes(
        self, unreadable_from: str | None
    ) -> None:
        for attributes in ({}, {MODALITY: ("CT",)}, {AGE: ("045Y",)}, {MODALITY: ("CT",), AGE: ("045Y",)}):
            decision = Decider(COMPILED).decide(attributes, unreadable_from)

            for tag, finding in zip((MODALITY, AGE), decision.findings, strict=True):
                may_be_there = unreadable_from is not None and tag >= unreadable_from
                expected = Finding.MET if tag in attributes else Finding.UNREACHED if may_be_there else Finding.ABSENT
                assert finding is expected
            assert (decision.verdict is Verdict.PASSED) == (len(attributes) == 2)

    def test_what_was_not_reached_of_two_values_of_one_attribute_neither_counts(self) -> None:
        extent = Extent(damage=Damage.REPEATED, unreadable_from=MODALITY)

        assert extent.trusted({MODALITY: ("CT",), AGE: ("045Y",)}) == {AGE: ("045Y",)}

    def test_what_was_not_reached_is_not_counted_as_absent_among_the_values_of_a_location(
        self, screened: Ledger
    ) -> None:
        snapshot = last_snapshot(screened.engine, PLACE)

        held = attributes_held(screened.engine, snapshot)
        ages = values_held(screened.engine, snapshot, AGE)

        assert {use.tag: (use.present, use.empty, use.unreached) for use in held.attributes} == {
            MODALITY: (3, 0, 0),
            AGE: (2, 0, 1),
        }
        assert (held.instances, ages.instances, ages.present, ages.unreached) == (3, 3, 2, 1)


class TestAnObjectCutAtEveryByte:
    def test_is_never_found_to_lack_what_the_whole_has_but_where_it_reads_as_a_whole_one(self) -> None:
        whole = make_instance(Modality="CT", PatientAge="045Y", Rows=7)
        elements: list[Any] = list(pydicom.dcmread(io.BytesIO(whole))._dict.values())
        ends = {element.value_tell + element.length for element in elements}
        found = Counter[tuple[str, ...]]()

        for size in range(133, len(whole)):
            window = Window(size)
            window.add(0, whole[:size])
            instance = scan(window, inflated_limit=1_000_000)
            assert isinstance(instance, Instance)
            header = instance.header
            extent = Extent(
                header.defect, header.damage, header.unreadable_from, has_series=header.series_instance_uid is not None
            )
            decision = judge_header(Decider(COMPILED), extent, header.attributes, Damaged.JUDGE)
            found[decision.findings] += 1
            if Finding.ABSENT in decision.findings:
                assert size in ends, f"cut at {size} of {len(whole)}"
            assert (decision.verdict is Verdict.PASSED) == (set(decision.findings) == {Finding.MET})

        assert found.total() == len(whole) - 133


class TestARunThatDiscardsWhatIsDamaged:
    def test_judges_no_damaged_object_and_does_not_call_behind_a_bound_absent(self, screened: Ledger) -> None:
        assert decided(screened, "discard") == {
            key: DISCARDED if defect == "CORRUPT" else (verdict, defect, findings)
            for key, (verdict, defect, findings) in JUDGED.items()
        }

    def test_a_run_that_discards_what_is_damaged_is_what_a_run_is_that_does_not_say(self, screened: Ledger) -> None:
        row = screened.run("discard").row

        assert row.damaged is None
        assert row.criteria_digest == screened.run("judge").row.criteria_digest

    def test_a_run_that_discards_what_is_damaged_makes_a_series_with_a_damaged_object_partial(
        self, screened: Ledger
    ) -> None:
        series = {row.series_instance_uid: row.selection for row in screened.run("discard").series()}

        assert series == {
            "1.5.1": "NONE",
            "1.5.2": "NONE",
            "1.5.3": "PARTIAL",
            "1.5.4": "NONE",
            "1.5.5": "NONE",
            "1.5.6": "WHOLE",
        }


class TestARunThatJudgesWhatIsDamaged:
    def test_judges_by_what_lies_before_the_damage_and_passes_nothing_else(self, screened: Ledger) -> None:
        assert decided(screened, "judge") == JUDGED

    def test_a_run_that_judges_what_is_damaged_leaves_the_defect_and_where_the_damage_is_in_the_view(
        self, screened: Ledger
    ) -> None:
        rows = {row.object_key: row for row in screened.run("judge").passed()}

        assert {key: (row.defect, row.damage, row.unreadable_from) for key, row in rows.items()} == {
            "cut behind": ("CORRUPT", "CUT", "00280010"),
            "cut behind too": ("CORRUPT", "CUT", "00280010"),
            "contradictory": ("CORRUPT", "CONTRADICTORY", "00280010"),
            "whole of its series": (None, None, None),
            "up to a bound behind": (None, None, "00700000"),
        }

    def test_a_run_that_judges_what_is_damaged_is_told_apart_in_the_ledger(self, screened: Ledger) -> None:
        assert sql(screened, "SELECT id, damaged FROM run ORDER BY number") == [("discard", None), ("judge", "JUDGE")]


@pytest.mark.parametrize(("run_id", "damaged"), [("discard", Damaged.DISCARD), ("judge", Damaged.JUDGE)])
class TestWhatIsCounted:
    def test_what_is_counted_by_the_run_is_what_the_view_has(
        self, screened: Ledger, run_id: str, damaged: Damaged
    ) -> None:
        counts: Any = screened.run(run_id).row.counts
        rows = decided(screened, run_id).values()

        assert counts["listed"] == len(DAMAGED) == counts["passed"] + counts["discarded"]
        assert counts["passed"] == sum(verdict == "PASSED" for verdict, _, _ in rows)
        assert counts["defects"] == Counter(defect for _, defect, findings in rows if defect and not findings)
        assert counts["findings"] == [
            Counter(place) for place in zip(*(findings for _, _, findings in rows if findings), strict=True)
        ]
        assert sum(counts["defects"].values()) + sum(counts["findings"][0].values()) == counts["listed"]
        selections = "SELECT selection, count(*) FROM series_decision WHERE run_id = :id GROUP BY 1"
        assert counts["series"] == dict(sql(screened, selections, id=run_id))
        assert counts["damaged"] == COUNTS[damaged]

    def test_what_is_counted_by_the_report_is_what_the_view_has(
        self, screened: Ledger, run_id: str, damaged: Damaged
    ) -> None:
        counts: Any = screened.run(run_id).row.counts

        report = make_report(screened.run(run_id))

        figures = report.figures
        assert figures.passed.instances == counts["passed"]
        assert figures.discarded.instances == counts["discarded"]
        assert figures.defects == counts["defects"]
        assert [dict(criterion.findings) for criterion in figures.criteria] == [
            {name: count[name] for name in Finding if name in count} for count in counts["findings"]
        ]
        assert {name: count for name, count in figures.selections.items() if count} == counts["series"]
        assert figures.looked_at.series == sum(counts["series"].values())
        assert figures.judged.instances + sum(figures.defects.values()) == figures.looked_at.instances
        assert figures.steps[-1].instances == counts["passed"]
        assert figures.steps[-1].series == figures.passed.series
        out = sum(fallen.series for step in figures.steps for fallen in step.fell)
        mixed = sum(step.fell_mixed for step in figures.steps)
        assert figures.judged.series == out + mixed + figures.passed.series
        assert figures.damaged is not None
        assert {name: getattr(figures.damaged, name) for name in COUNTS[damaged]} == COUNTS[damaged]

    def test_what_is_counted_by_a_preview_is_what_the_run_counts(
        self, screened: Ledger, run_id: str, damaged: Damaged
    ) -> None:
        counts: Any = screened.run(run_id).row.counts

        listed = preview(Preview(store(), ASKED, damaged=damaged), screened).counts
        known = preview_known(PLACE, ASKED, screened, damaged=damaged).counts

        for name in ("passed", "discarded", "defects", "findings", "series", "damaged"):
            assert listed[name] == known[name] == counts[name]


class TestAComparison:
    def test_a_comparison_says_that_a_side_passes_what_the_other_does_not_judge(self, screened: Ledger) -> None:
        sides = [
            Compared(
                row.id, last_snapshot(screened.engine, PLACE), COMPILED, row.number, Damaged(row.damaged or "DISCARD")
            )
            for row in (screened.run("discard").row, screened.run("judge").row)
        ]
        tried = [Compared(side.name, side.snapshot, COMPILED, damaged=side.damaged) for side in sides]
        for a, b in (sides, tried):
            summary = Summary()

            changes = {change.series_instance_uid: change for change in compare(screened, a, b, summary)}

            assert {uid: change.change.value for uid, change in changes.items()} == {"1.5.1": "IN", "1.5.3": "CHANGED"}
            assert summary.came_in == 3
            assert {(reason.side, reason.defect): count for reason, count in summary.reasons.items()} == {
                (Side.A, "CORRUPT"): 3
            }
            assert all(isinstance(reason, Reason) for reason in summary.reasons)


class TestTheLedger:
    def test_the_ledger_finds_an_edit_of_what_says_how_far_a_header_was_read(self, screened: Ledger) -> None:
        assert verify(screened.engine).is_intact
        edits = {
            "UPDATE header SET unreadable_from = NULL WHERE unreadable_from = '00700000'": ("header", None),
            "UPDATE header SET unreadable_from = '00700001' WHERE unreadable_from = '00700000'": ("header", None),
            "UPDATE header SET unreadable_from = '7FE00000' WHERE damage = 'CONTRADICTORY'": ("header", None),
            "UPDATE header SET damage = NULL WHERE damage = 'CONTRADICTORY'": ("header", None),
            "UPDATE header SET damage = 'CUT' WHERE damage = 'CONTRADICTORY'": ("header", None),
        }
        for statement, expected in edits.items():
            found = found_after(screened, statement)
            assert [(damage.table, damage.part) for damage in found] == [expected], statement

    def test_the_ledger_finds_that_a_run_is_made_to_say_otherwise_what_it_did_with_damaged_objects(
        self, screened: Ledger
    ) -> None:
        for statement in (
            "UPDATE run SET damaged = 'JUDGE' WHERE id = 'discard'",
            "UPDATE run SET damaged = NULL WHERE id = 'judge'",
            "UPDATE run SET damaged = 'DISCARD' WHERE id = 'judge'",
        ):
            found = found_after(screened, statement)
            assert [(damage.table, damage.part) for damage in found] == [("run", "damaged")], statement

    def test_the_ledger_does_not_let_a_finished_run_say_otherwise(self, screened: Ledger) -> None:
        for statement in ("UPDATE run SET damaged = 'JUDGE' WHERE id = 'discard'", "UPDATE run SET damaged = NULL"):
            with pytest.raises(Exception, match="a finished run is never changed"), screened.engine.begin() as refused:
                refused.exec_driver_sql(statement)
