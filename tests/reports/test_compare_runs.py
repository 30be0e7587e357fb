"""What a comparison says, held to another reading: the view of instances, instance by instance, in plain SQL."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from dicom_sieve import Ledger, open_ledger
from dicom_sieve.criteria import Criterion, Finding, compile_criteria
from dicom_sieve.errors import LedgerError
from dicom_sieve.ledger.reading.comparison import snapshot_of_run
from dicom_sieve.objects import Location
from dicom_sieve.reports.compare_runs import Change, Compared, Reason, SeriesChange, Side, Summary, compare
from dicom_sieve.screening import Screening, screen
from tests.screening.generated import CRITERIA, buckets
from tests.screening.screenings import ct, mr, one_of, screen_ct, sql
from tests.support.simulated_store import SimulatedStore

ASKED = [Criterion.model_validate(criterion) for criterion in CRITERIA]


def run_side(ledger: Ledger, run_id: str) -> Compared:
    row = ledger.run(run_id).row
    criteria = compile_criteria([Criterion.model_validate(criterion) for criterion in row.criteria])
    return Compared(row.id, snapshot_of_run(ledger.engine, row), criteria, row.number)


def compared(ledger: Ledger, a: Compared, b: Compared) -> tuple[dict[str, SeriesChange], Summary]:
    summary = Summary()
    changes = list(compare(ledger, a, b, summary))
    assert [series.series_instance_uid for series in changes] == sorted(
        series.series_instance_uid for series in changes
    )
    return {series.series_instance_uid: series for series in changes}, summary


def instances(ledger: Ledger, run_id: str) -> Mapping[str, list[tuple[str, str]]]:
    """Give key and verdict of the instances of each series of a run; with another etag it is another instance."""
    rows = sql(
        ledger,
        "SELECT series_instance_uid, verdict, object_key, etag FROM instance_decision "
        "WHERE run_id = :id AND series_instance_uid IS NOT NULL AND verdict IS NOT NULL",
        id=run_id,
    )
    by_series: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for series, verdict, key, etag in rows:
        by_series[series].append((f"{key} {etag}", verdict))
    return by_series


def selections(ledger: Ledger, run_id: str) -> dict[str, tuple[str, int, int]]:
    rows = sql(
        ledger,
        "SELECT series_instance_uid, selection, passed, instances FROM series_decision WHERE run_id = :id",
        id=run_id,
    )
    return {series: (selection, passed, count) for series, selection, passed, count in rows}


class TestTwoRunsOnOneSnapshot:
    @pytest.mark.slow
    @settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow])
    @given(buckets)
    def test_two_runs_on_one_snapshot_are_told_apart_as_the_views_tell_them(self, bucket: dict[str, bytes]) -> None:
        store = SimulatedStore(bucket)
        with open_ledger("sqlite:///:memory:") as ledger:
            screen(Screening("a", store, ASKED[:1]), ledger)
            screen(Screening("b", store, ASKED[2:]), ledger)
            changes, summary = compared(ledger, run_side(ledger, "a"), run_side(ledger, "b"))
            tried, sums = compared(ledger, run_side(ledger, "a"), criteria_side(ledger, "b", ASKED[2:]))
            seen = [(instances(ledger, run), selections(ledger, run)) for run in "ab"]

        assert (tried, sums) == (changes, summary)
        (in_a, stands_a), (in_b, stands_b) = seen
        passing = [
            {series: {key for key, verdict in some if verdict == "PASSED"} for series, some in side.items()}
            for side in (in_a, in_b)
        ]
        assert set(changes) == {series for series in in_a if passing[0][series] != passing[1][series]}
        for series, change in changes.items():
            assert (change.a.selection, change.a.passed, change.a.instances) == stands_a[series]
            assert (change.b.selection, change.b.passed, change.b.instances) == stands_b[series]
            expected = Change.IN if not passing[0][series] else Change.OUT if not passing[1][series] else Change.CHANGED
            assert change.change is expected
        assert summary.came_in == sum(len(passing[1][series] - passing[0][series]) for series in in_a)
        assert summary.went_out == sum(len(passing[0][series] - passing[1][series]) for series in in_a)
        assert [summary.passed[side] for side in Side] == [sum(map(len, some.values())) for some in passing]


class TestReasons:
    def test_reasons_name_the_criterion_that_discards_on_one_side(self, ledger: Ledger) -> None:
        store = SimulatedStore({"1": ct(StudyDate="20230101"), "2": ct(uid="1.2.3.4.2"), "3": mr()})
        screen_ct(store, ledger, "a")
        screen(Screening("b", store, [*one_of("CT", "MR"), ASKED[2]]), ledger)

        changes, summary = compared(ledger, run_side(ledger, "a"), run_side(ledger, "b"))

        absent = Reason(Side.B, 2, Finding.ABSENT)
        assert {series: change.reasons for series, change in changes.items()} == {"1.2.3.4": Counter({absent: 1})}
        assert [(series.change, series.a.selection, series.b.selection) for series in changes.values()] == [
            (Change.CHANGED, "WHOLE", "PARTIAL")
        ]
        assert (summary.came_in, summary.went_out, summary.arrived, summary.left) == (0, 1, 0, 0)
        assert summary.reasons == Counter({absent: 1})

    def test_reasons_tell_what_the_bucket_changed_from_what_the_criteria_changed(self, ledger: Ledger) -> None:
        store = SimulatedStore({"1": ct(), "2": ct("1.5.2", "1.6.2"), "3": mr("1.5.3", "1.6.3")})
        screen_ct(store, ledger, "a")
        store.delete("2")
        store.put("4", mr("1.5.4", "1.6.4"))
        store.put("5", ct(uid="1.2.3.4.2"))
        screen(Screening("b", store, one_of("CT", "MR")), ledger)

        changes, summary = compared(ledger, run_side(ledger, "a"), run_side(ledger, "b"))

        not_in = {side: Counter({Reason(side, None, None): 1}) for side in Side}
        assert {series: (change.change, change.reasons) for series, change in changes.items()} == {
            "1.2.3.4": (Change.CHANGED, not_in[Side.A]),
            "1.5.2": (Change.OUT, not_in[Side.B]),
            "1.5.3": (Change.IN, Counter({Reason(Side.A, 1, Finding.NOT_MET): 1})),
            "1.5.4": (Change.IN, not_in[Side.A]),
        }
        assert (changes["1.5.2"].b.selection, changes["1.5.4"].a.selection) == (None, None)
        assert (summary.came_in, summary.went_out, summary.arrived, summary.left) == (1, 0, 2, 1)
        passed = [
            sql(ledger, f"SELECT count(*) FROM instance_decision WHERE run_id = '{run}' AND verdict = 'PASSED'")
            for run in "ab"
        ]
        assert [[(summary.passed[side],)] for side in Side] == passed == [[(2,)], [(4,)]]


class TestRefusals:
    def test_refusals_of_two_locations(self, ledger: Ledger) -> None:
        screen_ct(SimulatedStore({"1": ct()}), ledger, "a")
        elsewhere = Location("https://simulated", "elsewhere")
        screen_ct(SimulatedStore({"1": ct()}, location=elsewhere), ledger, "b")

        with pytest.raises(LedgerError) as caught:
            compare(ledger, run_side(ledger, "a"), run_side(ledger, "b"), Summary())

        assert str(caught.value) == (
            "a is about s3://challenge-tech and b about s3://elsewhere: what is compared must be of one location"
        )

    def test_refusals_of_a_run_that_failed(self, ledger: Ledger) -> None:
        store = SimulatedStore({"1": ct()})
        store.refused = {"1"}
        with pytest.raises(Exception, match="may list but not read"):
            screen_ct(store, ledger, "a")

        with pytest.raises(LedgerError) as caught:
            run_side(ledger, "a")

        assert str(caught.value) == "run a is FAILED: it did not judge what it listed; accepted: COMPLETED, INCOMPLETE"


def criteria_side(ledger: Ledger, run_id: str, criteria: list[Any]) -> Compared:
    """Try criteria on what a run judged."""
    return Compared("criteria.json", run_side(ledger, run_id).snapshot, compile_criteria(criteria))
