"""The views against plain Python: every object of a run's snapshot, once, permanently."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dicom_sieve import Ledger
from dicom_sieve.errors import IncompleteRunError, NothingReadableError
from dicom_sieve.objects import Location
from dicom_sieve.screening import Screening, screen
from tests.ledger.contents import CONTENTS, KEYS, as_list
from tests.screening.screenings import ct, mr, one_of, screen_ct, sql
from tests.support.simulated_store import SimulatedStore

FINDINGS = {
    ("ct", "CT"): "MET",
    ("ct of another series", "CT"): "MET",
    ("mr", "CT"): "NOT_MET",
    ("no modality", "CT"): "EMPTY",
    ("ct", "MR"): "NOT_MET",
    ("ct of another series", "MR"): "NOT_MET",
    ("mr", "MR"): "MET",
    ("no modality", "MR"): "EMPTY",
}
DEFECTS = {"text": "NOT_DICOM", "cut": "CORRUPT", "nothing": "EMPTY_OBJECT"}
Answer = tuple[str | None, list[str], str | None]
"""Verdict, findings and defect of one object."""

names = st.sampled_from(sorted(CONTENTS))
keys = st.sampled_from(KEYS)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("put"), keys, names),
        st.tuples(st.just("delete"), keys),
        st.tuples(st.sampled_from(["refuse", "give", "break", "heal"]), keys),
        st.tuples(st.just("run"), st.sampled_from(["CT", "MR"])),
        st.tuples(st.just("run"), st.sampled_from(["CT", "MR"])),
    ),
    min_size=3,
    max_size=14,
)
numbers = count(1)


@dataclass
class Model:
    """What must come out, remembered in plain Python.

    Attributes:
        lies: What each key holds.
        known: What was learnt of a key's content for good.
        runs: What each run saw, by key.
    """

    lies: dict[str, str] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    broken: set[str] = field(default_factory=set)
    known: dict[str, str] = field(default_factory=dict)
    runs: dict[str, dict[str, tuple[str, Answer]]] = field(default_factory=dict)

    def run(self, run_id: str, modality: str) -> tuple[set[str], type[Exception] | None]:
        """Remember a run, and give the keys that it must read and what it must raise."""
        self.known = {key: name for key, name in self.known.items() if self.lies.get(key) == name}
        to_read = set(self.lies) - set(self.known)
        outcomes: dict[str, Answer] = {}
        for key, name in self.lies.items():
            if key in to_read and name != "nothing" and key in self.refused:
                outcomes[key] = ("DISCARDED", [], "UNREADABLE")
            elif key in to_read and name != "nothing" and key in self.broken:
                outcomes[key] = (None, [], None)
            else:
                self.known[key] = name
                outcomes[key] = judge(name, modality)
        defects = [defect for verdict, _, defect in outcomes.values() if verdict]
        if "UNREADABLE" in defects and set(defects) <= {"UNREADABLE", "EMPTY_OBJECT"}:
            outcomes = {key: (None, [], defect) for key, (_, _, defect) in outcomes.items()}
            error: type[Exception] | None = NothingReadableError
        else:
            error = IncompleteRunError if len(defects) < len(outcomes) else None
        self.runs[run_id] = {key: (name, outcomes[key]) for key, name in self.lies.items()}
        return {key for key in to_read if self.lies[key] != "nothing"}, error


def judge(name: str, modality: str) -> Answer:
    if name in DEFECTS:
        return "DISCARDED", [], DEFECTS[name]
    finding = FINDINGS[name, modality]
    return "PASSED" if finding == "MET" else "DISCARDED", [finding], None


class TestInstanceDecision:
    @settings(
        deadline=None,
        max_examples=50,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    @given(steps=steps)
    def test_every_run_says_for_ever_what_it_saw(self, ledger: Ledger, steps: Sequence[tuple[str, ...]]) -> None:
        place = Location("https://simulated", f"bucket-{next(numbers)}")
        store, model = SimulatedStore(location=place), Model()
        for number, (what, *how) in enumerate([*steps, ("run", "CT")]):
            match what, how:
                case "put", [key, name]:
                    store.put(key, CONTENTS[name])
                    model.lies[key] = name
                case "delete", [key]:
                    store.delete(key)
                    model.lies.pop(key, None)
                case "refuse" | "give", [key]:
                    model.refused ^= model.refused & {key} if what == "give" else {key} - model.refused
                    store.refused = set(model.refused)
                case "break" | "heal", [key]:
                    model.broken ^= model.broken & {key} if what == "heal" else {key} - model.broken
                    store.faults = dict.fromkeys(model.broken, -1)
                case _, [modality]:
                    run_and_compare(ledger, store, model, f"{place.bucket}-{number}", modality)
            for run_id, seen in model.runs.items():
                assert view(ledger, run_id) == {
                    key: (store_etag(name), *answer) for key, (name, answer) in seen.items()
                }

    def test_instance_decision_has_the_columns_and_the_json_that_are_documented(self, ledger: Ledger) -> None:
        screen_ct(SimulatedStore({"1": ct(), "2": b"x"}), ledger, "a")

        rows = sql(
            ledger,
            "SELECT run_id, bucket, object_key, etag, sop_instance_uid, series_instance_uid, study_instance_uid, "
            "verdict, findings, defect FROM instance_decision ORDER BY object_key",
        )

        assert [(*row[:3], *row[4:8], row[9]) for row in rows] == [
            ("a", "challenge-tech", "1", "1.2.3.4.1", "1.2.3.4", "1.2.3", "PASSED", None),
            ("a", "challenge-tech", "2", None, None, None, "DISCARDED", "NOT_DICOM"),
        ]
        assert [as_list(row[8]) for row in rows] == [["MET"], []]

    def test_findings_can_be_asked_for_in_sql(self, ledger: Ledger) -> None:
        screen_ct(SimulatedStore({"1": ct(), "2": mr()}), ledger, "a")
        first = "json_extract(findings, '$[0]')" if ledger.engine.dialect.name == "sqlite" else "findings ->> 0"

        assert sql(ledger, f"SELECT object_key FROM instance_decision WHERE {first} = 'NOT_MET'") == [("2",)]


class TestSeriesDecision:
    @settings(
        deadline=None,
        max_examples=50,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    @given(
        instances=st.lists(
            st.tuples(
                st.sampled_from(["1.5.1", "1.5.2", "1.5.3", None]),
                st.sampled_from(["1.6.1", "1.6.2"]),
                st.sampled_from(["1.7.1", "1.7.2", "1.7.3"]),
                st.sampled_from(["CT", "MR"]),
            ),
            max_size=12,
        )
    )
    def test_sums_up_what_a_plain_loop_sums_up(
        self, ledger: Ledger, instances: list[tuple[str | None, str, str, str]]
    ) -> None:
        run_id = f"run-{next(numbers)}"
        store = SimulatedStore(location=Location("https://simulated", run_id))
        for number, (series, study, uid, modality) in enumerate(instances):
            make = ct if modality == "CT" else mr
            store.put(str(number), make(series, uid, StudyInstanceUID=study) if series else b"no DICOM")

        screen_ct(store, ledger, run_id)

        expected = {}
        for series in {series for series, *_ in instances if series}:
            members = [instance for instance in instances if instance[0] == series]
            passed = sum(modality == "CT" for *_, modality in members)
            selection = "WHOLE" if passed == len(members) else "PARTIAL" if passed else "NONE"
            distinct = len({uid for _, _, uid, _ in members})
            expected[series] = (
                min(study for _, study, _, _ in members),
                len(members),
                passed,
                len(members) - passed,
                len(members) - distinct,
                selection,
            )
        rows = sql(
            ledger,
            "SELECT series_instance_uid, study_instance_uid, instances, passed, discarded, duplicates, selection "
            "FROM series_decision WHERE run_id = :id",
            id=run_id,
        )
        assert {series: tuple(rest) for series, *rest in rows} == expected
        assert len(rows) == len(expected)

    def test_an_object_without_a_verdict_is_in_no_series(self, ledger: Ledger) -> None:
        store = SimulatedStore({"1": ct(), "2": ct()})
        store.faults = {"2": -1}
        with pytest.raises(IncompleteRunError):
            screen_ct(store, ledger, "a")

        assert sql(ledger, "SELECT instances, selection FROM series_decision") == [(1, "WHOLE")]


class TestSeriesComputation:
    def test_series_computation_has_a_row_for_each_result_and_each_series_without_one(self, ledger: Ledger) -> None:
        computation = "computation (id, run_number, name, version, parameters, state, started_at, finished_at)"
        given = "computation_input (id, computation_id, series_instance_uid, object_id, state, failure)"
        screen_ct(SimulatedStore({"1": ct("1.5.1"), "2": ct("1.5.2")}), ledger, "a")
        with ledger.engine.begin() as connection:
            for statement in (
                f"INSERT INTO {computation} VALUES (1, 1, 'segment', '0.1', '{{}}', 'COMPLETED', '2026-01-01', NULL)",
                f"INSERT INTO {given} VALUES (1, 1, '1.5.1', NULL, 'COMPLETED', NULL)",
                f"INSERT INTO {given} VALUES (2, 1, '1.5.2', NULL, 'FAILED', 'no slices')",
                f"INSERT INTO {given} SELECT 3, 1, '1.5.1', min(id), 'COMPLETED', NULL FROM object",
                "INSERT INTO computation_output VALUES (1, 1, '1.5.1', 's3://b/1', 'd1', '1.8.1', '2026-01-01')",
                "INSERT INTO computation_output VALUES (2, 1, '1.5.1', 's3://b/2', 'd2', NULL, '2026-01-01')",
            ):
                connection.exec_driver_sql(statement)

        rows = sql(
            ledger,
            "SELECT run_id, series_instance_uid, name, version, state, failure, output_uri, output_digest, "
            "output_sop_instance_uid FROM series_computation ORDER BY series_instance_uid, output_uri",
        )

        assert rows == [
            ("a", "1.5.1", "segment", "0.1", "COMPLETED", None, "s3://b/1", "d1", "1.8.1"),
            ("a", "1.5.1", "segment", "0.1", "COMPLETED", None, "s3://b/2", "d2", None),
            ("a", "1.5.2", "segment", "0.1", "FAILED", "no slices", None, None, None),
        ]


def run_and_compare(ledger: Ledger, store: SimulatedStore, model: Model, run_id: str, modality: str) -> None:
    to_read, expected = model.run(run_id, modality)
    store.forget_requests()
    raised: type[Exception] | None = None
    try:
        screen(Screening(run_id, store, one_of(modality), shard_objects=2, objects_together=1), ledger)
    except (IncompleteRunError, NothingReadableError) as error:
        raised = type(error)
    assert raised is expected
    assert {key for key, _, _ in store.reads} == to_read


def view(ledger: Ledger, run_id: str) -> dict[str, tuple[str, str | None, list[str], str | None]]:
    rows = sql(
        ledger,
        "SELECT object_key, etag, verdict, findings, defect FROM instance_decision WHERE run_id = :id",
        id=run_id,
    )
    found = {row[0]: (row[1], row[2], as_list(row[3]), row[4]) for row in rows}
    assert len(found) == len(rows), "every object once"
    return found


def store_etag(name: str) -> str:
    return SimulatedStore({"x": CONTENTS[name]}).objects()["x"].etag
