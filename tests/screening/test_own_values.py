"""Criteria on what varies within a series are decided object by object, and all that is told of a run says so."""

import datetime
import random
from typing import Any

import pytest

from dicom_sieve import Ledger
from dicom_sieve.columns.pages import PAGE_IDS
from dicom_sieve.criteria import compile_criteria
from dicom_sieve.criteria.reading import compile_recorded, read_criteria
from dicom_sieve.ledger.audit.forget import forget
from dicom_sieve.ledger.audit.verify import verify
from dicom_sieve.ledger.reading.comparison import snapshot_of_run
from dicom_sieve.ledger.reading.inputs import input_series
from dicom_sieve.ledger.reading.runs import objects_to_copy
from dicom_sieve.ledger.reading.snapshots import last_snapshot
from dicom_sieve.ledger.reading.values import attributes_held, values_held
from dicom_sieve.ledger.writing import decisions
from dicom_sieve.reports import make_report
from dicom_sieve.reports.compare_runs import Compared, SeriesChange, Side, Summary, compare
from dicom_sieve.screening import Outcome, Screening, preview_known, screen
from tests.ledger.vandal import vandal
from tests.screening.screenings import ct, mr, sql
from tests.support.simulated_store import PLACE, SimulatedStore

HIGH = [{"dicom_tag": "InstanceNumber", "operation": "GREATER", "reference": "3"}]
HIGH_CT = [*HIGH, {"dicom_tag": "Modality", "operation": "EQUALS", "reference": "CT"}]


def series(name: str, count: int, **attributes: Any) -> dict[str, bytes]:
    """Make the objects of a series, which differ in number and position."""
    return {
        f"{name}/{number}": ct(
            f"1.5.{name}", f"1.6.{name}.{number}", InstanceNumber=number, SliceLocation=f"{number}.5", **attributes
        )
        for number in range(1, count + 1)
    }


def screen_by(
    store: SimulatedStore, ledger: Ledger, run_id: str, criteria: list[dict[str, Any]], **how: Any
) -> Outcome:
    asked, problems = read_criteria(criteria)
    assert not problems
    how = {"objects_together": 1, **how} if "shard_objects" in how else how
    return screen(Screening(run_id, store, asked, **how), ledger)


def findings(ledger: Ledger, run_id: str) -> dict[str, tuple[str | None, list[str]]]:
    """Give verdict and findings by key."""
    return {row.object_key: (row.verdict, list(row.findings)) for row in ledger.run(run_id).objects()}


@pytest.fixture
def store() -> SimulatedStore:
    objects = {**series("1", 5), **series("2", 2), "3/1": mr("1.5.3", "1.6.3.1"), "no": b"no DICOM"}
    return SimulatedStore(objects)


class TestARun:
    def test_a_run_decides_on_each_object_of_a_series(self, ledger: Ledger, store: SimulatedStore) -> None:
        counts = screen_by(store, ledger, "run", HIGH_CT).counts

        said = findings(ledger, "run")
        assert sql(ledger, "SELECT count(*) FROM header WHERE series_instance_uid = '1.5.1'") == [(1,)]
        assert {key: verdict for key, (verdict, _) in said.items() if verdict == "PASSED"} == {
            "1/4": "PASSED",
            "1/5": "PASSED",
        }
        assert said["1/3"] == ("DISCARDED", ["NOT_MET", "MET"])
        assert said["3/1"] == ("DISCARDED", ["ABSENT", "NOT_MET"])
        assert said["no"] == ("DISCARDED", [])
        assert (counts["passed"], counts["discarded"], counts["defects"]) == (2, 7, {"NOT_DICOM": 1})
        assert counts["findings"] == [{"ABSENT": 1, "MET": 2, "NOT_MET": 5}, {"MET": 7, "NOT_MET": 1}]
        assert counts["series"] == {"NONE": 2, "PARTIAL": 1}

    def test_a_run_says_in_views_what_its_objects_say(self, ledger: Ledger, store: SimulatedStore) -> None:
        screen_by(store, ledger, "run", HIGH_CT)

        rows = sql(ledger, "SELECT object_key, verdict FROM instance_decision WHERE run_id = 'run'")
        of_series = sql(
            ledger, "SELECT series_instance_uid, passed, discarded, selection FROM series_decision ORDER BY 1"
        )

        assert dict(rows) == {key: verdict for key, (verdict, _) in findings(ledger, "run").items()}
        assert of_series == [("1.5.1", 2, 3, "PARTIAL"), ("1.5.2", 0, 2, "NONE"), ("1.5.3", 0, 1, "NONE")]

    def test_a_run_is_sealed_and_intact(self, ledger: Ledger, store: SimulatedStore) -> None:
        screen_by(store, ledger, "run", HIGH_CT)

        result = verify(ledger.engine)

        assert (result.is_intact, result.runs) == (True, 1), result.damages

    def test_a_run_reads_nothing_again_where_another_asked_for_what_series_have_in_common(
        self, ledger: Ledger, store: SimulatedStore
    ) -> None:
        screen_by(store, ledger, "first", HIGH_CT[1:])
        store.forget_requests()

        screen_by(store, ledger, "second", HIGH_CT)

        assert store.reads == []
        assert findings(ledger, "first")["1/1"] == ("PASSED", ["MET"])

    def test_a_run_judges_what_its_snapshot_holds(self, ledger: Ledger, store: SimulatedStore) -> None:
        screen_by(store, ledger, "first", HIGH)
        store.delete("1/5")
        store.put("1/4", ct("1.5.1", "1.6.1.4", InstanceNumber=1))
        store.put("4/9", ct("1.5.4", "1.6.4.9", InstanceNumber=9))

        counts = screen_by(store, ledger, "second", HIGH).counts

        assert {key for key, (verdict, _) in findings(ledger, "second").items() if verdict == "PASSED"} == {"4/9"}
        assert {key for key, (verdict, _) in findings(ledger, "first").items() if verdict == "PASSED"} == {"1/4", "1/5"}
        assert (counts["passed"], counts["discarded"]) == (1, 8)
        result = verify(ledger.engine)
        assert result.is_intact, result.damages

    def test_a_run_compares_what_is_an_objects_own_with_what_its_series_has(
        self, ledger: Ledger, store: SimulatedStore
    ) -> None:
        for number, time in enumerate(("100000", "100030", "100500"), 1):
            store.put(f"5/{number}", ct("1.5.5", f"1.6.5.{number}", AcquisitionTime=time, SeriesTime="100000"))
        late = {"dicom_tag": "AcquisitionTime", "minus": "SeriesTime", "operation": "GREATER", "reference": "60"}

        screen_by(store, ledger, "run", [late])

        said = findings(ledger, "run")
        assert [said[f"5/{number}"][1] for number in (1, 2, 3)] == [["NOT_MET"], ["NOT_MET"], ["MET"]]

    def test_a_run_says_what_a_preview_says(self, ledger: Ledger, store: SimulatedStore) -> None:
        counts = screen_by(store, ledger, "run", HIGH_CT).counts

        previewed = preview_known(PLACE, read_criteria(HIGH_CT)[0], ledger).counts

        assert {name: counts[name] for name in previewed} == previewed

    @pytest.mark.parametrize("shard_objects", [1, 7, 1000])
    def test_a_run_says_of_objects_in_any_order_what_they_hold(self, ledger: Ledger, shard_objects: int) -> None:
        chance = random.Random(shard_objects)
        numbers = {f"{chance.random()}": chance.randrange(10) for _ in range(60)}
        store = SimulatedStore(
            {
                key: ct(f"1.5.{place % 4}", f"1.6.{place}", InstanceNumber=number)
                for place, (key, number) in enumerate(numbers.items())
            }
        )

        screen_by(store, ledger, "run", HIGH, shard_objects=shard_objects)

        passed = {key for key, (verdict, _) in findings(ledger, "run").items() if verdict == "PASSED"}
        assert passed == {key for key, number in numbers.items() if number > 3}

    def test_a_run_records_a_page_once_where_objects_of_some_of_its_headers_are_judged(
        self, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(decisions, "READ_IDS", PAGE_IDS)
        whole = {f"{number:03}/1": ct(f"1.5.{number}", InstanceNumber=4) for number in range(1, 600)}
        cut = {key: data if place % 2 else data[:-3] for place, (key, data) in enumerate(whole.items())}

        counts = screen_by(SimulatedStore(cut), ledger, "run", HIGH).counts

        said = findings(ledger, "run")
        assert {key for key, (verdict, _) in said.items() if verdict == "PASSED"} == set(list(whole)[1::2])
        assert (counts["passed"], counts["discarded"], counts["defects"]) == (299, 300, {"CORRUPT": 300})
        result = verify(ledger.engine)
        assert result.is_intact, result.damages


class TestWhatIsToldOfARun:
    def test_the_report_counts_objects(self, ledger: Ledger, store: SimulatedStore) -> None:
        screen_by(store, ledger, "run", HIGH_CT)

        figures = make_report(ledger.run("run")).figures

        assert (figures.passed.instances, figures.discarded.instances) == (2, 7)
        assert figures.selections == {"WHOLE": 0, "PARTIAL": 1, "NONE": 2}
        assert figures.criteria[0].findings == {"MET": 2, "NOT_MET": 5, "ABSENT": 1}
        assert figures.partial == ("1.5.1",)

    def test_values_are_counted_in_objects(self, ledger: Ledger, store: SimulatedStore) -> None:
        screen_by(store, ledger, "run", HIGH_CT)
        snapshot = last_snapshot(ledger.engine, PLACE)

        found = values_held(ledger.engine, snapshot, "00200013")
        [use] = [use for use in attributes_held(ledger.engine, snapshot).attributes if use.tag == "00200013"]

        counted = {value.value: (value.instances, value.series) for value in found.values}
        assert counted == {"1": (2, 2), "2": (2, 2), "3": (1, 1), "4": (1, 1), "5": (1, 1)}
        assert (found.instances, found.present, use.present, use.distinct) == (8, 7, 7, 5)

    def test_columns_and_trace_have_the_values_of_each_object(self, ledger: Ledger, store: SimulatedStore) -> None:
        screen_by(store, ledger, "run", HIGH_CT)

        rows = ledger.run("run").objects(columns=["InstanceNumber", "Modality"])
        values = {row.object_key: (row.values["InstanceNumber"], row.values["Modality"]) for row in rows}
        [traced] = ledger.trace("1.6.1.4")

        assert values["1/4"] == ("4", "CT")
        assert values["3/1"] == (None, "MR")
        assert traced.attributes is not None
        assert (traced.attributes["00200013"], traced.attributes["00201041"]) == (["4"], ["4.5"])
        assert [(judged.verdict, judged.findings) for judged in traced.decisions] == [("PASSED", ("MET", "MET"))]

    def test_a_comparison_tells_of_objects(self, ledger: Ledger, store: SimulatedStore) -> None:
        screen_by(store, ledger, "high", HIGH_CT)
        screen_by(store, ledger, "all", HIGH_CT[1:])

        summary, [in_one, in_two] = Summary(), list(compared(ledger, "high", "all", Summary()))
        list(compared(ledger, "high", "all", summary))

        assert (in_one.series_instance_uid, in_one.change, in_one.a.passed, in_one.b.passed) == (
            "1.5.1",
            "CHANGED",
            2,
            5,
        )
        assert (in_two.series_instance_uid, in_two.change, in_two.b.passed) == ("1.5.2", "IN", 2)
        assert (summary.came_in, summary.passed[Side.A], summary.passed[Side.B]) == (5, 2, 7)

    def test_criteria_are_tried_on_what_a_run_judged(self, ledger: Ledger, store: SimulatedStore) -> None:
        screen_by(store, ledger, "all", HIGH_CT[1:])
        row = ledger.run("all").row
        snapshot = snapshot_of_run(ledger.engine, row)
        run = Compared("all", snapshot, compile_criteria(read_criteria(HIGH_CT[1:])[0]), row.number)
        tried = Compared("high.json", snapshot, compile_criteria(read_criteria(HIGH_CT)[0]))

        changes = {
            change.series_instance_uid: (change.a.passed, change.b.passed)
            for change in compare(ledger, run, tried, Summary())
        }

        assert changes == {"1.5.1": (5, 2), "1.5.2": (2, 0)}

    def test_what_passed_is_published_and_computed_on_object_by_object(
        self, ledger: Ledger, store: SimulatedStore
    ) -> None:
        screen_by(store, ledger, "run", HIGH_CT)
        row = ledger.run("run").row
        snapshot = snapshot_of_run(ledger.engine, row)
        place = row.number, snapshot.id, snapshot.location_id
        number, snapshot_id, location_id = place

        [series_of_run] = input_series(
            ledger.engine, run_id="run", run_number=number, snapshot_id=snapshot_id, location_id=location_id
        )
        copied = objects_to_copy(ledger.engine, *place, "PASSED")

        assert [instance.info.key for instance in series_of_run.instances] == ["1/4", "1/5"]
        assert series_of_run.discarded == 3
        assert [info.key for info, _ in copied] == ["1/4", "1/5"]

    def test_forgetting_leaves_nothing(self, ledger: Ledger, store: SimulatedStore) -> None:
        screen_by(store, ledger, "run", HIGH_CT)

        forget(ledger.engine, PLACE, "no longer ours", clock=lambda: datetime.datetime.now(datetime.UTC))

        assert sql(ledger, "SELECT count(*) FROM block") == sql(ledger, "SELECT count(*) FROM chunk") == [(0,)]
        assert sql(ledger, "SELECT count(*) FROM decision_page") == [(0,)]

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE chunk SET data = (SELECT data FROM chunk WHERE tag = '00201041') WHERE tag = '00200013'",
            "DELETE FROM chunk WHERE tag = '00200013'",
            "DELETE FROM block WHERE kind = 'OBJECT'",
        ],
    )
    def test_verification_finds_values_that_were_edited(
        self, ledger: Ledger, store: SimulatedStore, statement: str
    ) -> None:
        screen_by(store, ledger, "run", HIGH_CT)
        with vandal(ledger) as connection:
            connection.exec_driver_sql(statement)

        assert "block" in {damage.table for damage in verify(ledger.engine).damages}

    def test_verification_finds_a_decision_on_an_object_that_was_edited(
        self, ledger: Ledger, store: SimulatedStore
    ) -> None:
        screen_by(store, ledger, "run", HIGH_CT)
        with vandal(ledger) as connection:
            connection.exec_driver_sql("DELETE FROM decision_page WHERE kind = 'OBJECT'")

        assert {(damage.kind, damage.table) for damage in verify(ledger.engine).damages} == {
            ("MISSING", "decision_page")
        }


def compared(ledger: Ledger, first: str, second: str, summary: Summary) -> list[SeriesChange]:
    sides = []
    for name in (first, second):
        row = ledger.run(name).row
        criteria = compile_recorded(row.criteria)
        sides.append(Compared(name, snapshot_of_run(ledger.engine, row), criteria, row.number))
    before, after = sides
    return list(compare(ledger, before, after, summary))
