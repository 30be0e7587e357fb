"""Facts of series are kept with snapshots: what is kept is what is measured again of the same snapshot."""

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dicom_sieve import Ledger
from dicom_sieve.clock import now
from dicom_sieve.criteria.reading import load_criteria
from dicom_sieve.errors import IncompleteRunError, NothingReadableError
from dicom_sieve.ledger.audit.forget import forget
from dicom_sieve.ledger.audit.verify import verify
from dicom_sieve.ledger.reading.held_headers import headers_held
from dicom_sieve.ledger.reading.kept_facts import KEPT, has_kept, kept_columns
from dicom_sieve.ledger.reading.measure_series import measure_series
from dicom_sieve.ledger.writing import facts
from dicom_sieve.objects import Damaged, Location
from dicom_sieve.screening import Screening, screen
from tests.ledger.some_stacks import some_stacks
from tests.ledger.vandal import vandal
from tests.screening.made_series import MOST_SEED
from tests.screening.screenings import ct, screen_ct, sql
from tests.support.simulated_store import SimulatedStore

Known = dict[str, dict[int, str]]
numbers = count(1)
happenings = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["add", "delete", "change", "break", "refuse", "heal"]), st.integers(0, 2**32)),
        st.tuples(st.just("run"), st.just(0)),
    ),
    min_size=4,
    max_size=16,
)


def kept(ledger: Ledger, held: tuple[int, int]) -> Known:
    """Give what is kept, by fact and number of the series, without that of which there is nothing."""
    columns = kept_columns(ledger.engine, held, KEPT)
    return {name: _known(*column) for name, column in columns.items()}


def measured_again(ledger: Ledger, held: tuple[int, int]) -> Known:
    measured = measure_series(ledger.engine, held, headers_held(ledger.engine, *held))
    return {name: _known(measured.series, measured.column(name)) for name in KEPT}


def _known(series: Any, column: Any) -> dict[int, str]:
    rows = zip(series.tolist(), column.rows(), strict=True)
    return {number: entry for number, entry in rows if entry is not None}


def snapshots(ledger: Ledger) -> list[tuple[int, int]]:
    """Give the snapshots with facts, and their locations."""
    return [(number, place) for number, place in sql(ledger, "SELECT snapshot_id, location_id FROM fact_snapshot")]


class History:
    """A bucket whose objects come, change and go, and what happens to it."""

    def __init__(self, chance: random.Random, name: str) -> None:
        self.chance, self.name = chance, name
        self.store = SimulatedStore(some_stacks(chance, name, 3), location=Location("https://made", name))

    def happen(self, what: str) -> None:
        keys = sorted(self.store.objects())
        if what == "add":
            others = some_stacks(self.chance, self.name, 2, self.chance.randrange(6))
            for key in self.chance.sample(sorted(others), max(1, len(others) // 2)):
                self.store.put(key, others[key])
        elif what == "heal":
            self.store.refused.clear()
            self.store.faults.clear()
        elif keys:
            key = self.chance.choice(keys)
            match what:
                case "delete":
                    self.store.delete(key)
                case "change":
                    others = some_stacks(self.chance, self.name, 1, self.chance.randrange(6))
                    self.store.put(key, self.chance.choice(list(others.values())))
                case "break":
                    self.store.faults[key] = -1
                case _:
                    self.store.refused ^= {key}


def screen_some(store: SimulatedStore, ledger: Ledger, run_id: str) -> None:
    with suppress(IncompleteRunError, NothingReadableError):
        screen_ct(store, ledger, run_id, shard_objects=4)


@contextmanager
def few_looked_up(most: int) -> Iterator[None]:
    """Have all series measured again where more headers changed than that."""
    usual, facts.MOST_LOOKED_UP = facts.MOST_LOOKED_UP, most
    try:
        yield
    finally:
        facts.MOST_LOOKED_UP = usual


class TestHistories:
    @settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
    @given(happenings, st.integers(0, MOST_SEED), st.sampled_from([0, 3, 10_000]))
    def test_facts_that_are_kept_are_those_measured_again(
        self, ledger: Ledger, happened: Sequence[tuple[str, int]], seed: int, most: int
    ) -> None:
        name = f"h{next(numbers)}"
        before = len(snapshots(ledger))
        history = History(random.Random(seed), name)
        with few_looked_up(most):
            for number, (what, _) in enumerate([("run", 0), *happened, ("heal", 0), ("run", 0)]):
                if what == "run":
                    screen_some(history.store, ledger, f"{name}.{number}")
                else:
                    history.happen(what)

        found = snapshots(ledger)[before:]
        assert found
        for held in found:
            assert kept(ledger, held) == measured_again(ledger, held)

    def test_an_older_snapshot_keeps_its_facts(self, ledger: Ledger) -> None:
        store = SimulatedStore({key: ct("1.5", f"1.6.{key}", InstanceNumber=key) for key in "124"})
        screen_ct(store, ledger, "before")
        store.put("3", ct("1.5", "1.6.3", InstanceNumber="3"))
        screen_ct(store, ledger, "after")

        assert ledger.run("before").series_facts(["missing", "frames"]).of("1.5") == {"missing": 1, "frames": 3}
        assert ledger.run("after").series_facts(["missing", "frames"]).of("1.5") == {"missing": 0, "frames": 4}


class TestWhatIsWritten:
    def test_series_that_did_not_change_are_not_measured_again(
        self, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        objects = {
            f"{number}/{place}": ct(f"1.5.{number}", f"1.6.{number}.{place}")
            for number in range(5)
            for place in range(3)
        }
        store = SimulatedStore(objects)
        screen_ct(store, ledger, "before")
        asked: list[tuple[list[int], list[int]]] = []

        def measure(engine: Any, held: Any, headers: Any, *, objects: Any) -> Any:
            asked.append((headers.ids.tolist(), objects.tolist()))
            return measure_series(engine, held, headers, objects=objects)

        monkeypatch.setattr(facts, "measure_series", measure)
        store.put("3/9", ct("1.5.3", "1.6.3.9"))
        screen_ct(store, ledger, "after")

        [(headers, of_objects)] = asked
        assert headers == [sql(ledger, "SELECT id FROM header WHERE series_instance_uid = '1.5.3'")[0][0]]
        assert len(of_objects) == 4

    def test_a_snapshot_without_changes_has_no_pages(self, ledger: Ledger) -> None:
        store = SimulatedStore({"1": ct(InstanceNumber="1")})
        screen_ct(store, ledger, "before")
        pages = sql(ledger, "SELECT fact, snapshot_id FROM fact_page ORDER BY 1")
        screen_ct(store, ledger, "after")

        assert len(snapshots(ledger)) == 2
        assert sql(ledger, "SELECT fact, snapshot_id FROM fact_page ORDER BY 1") == pages
        assert {name for name, _ in pages} == {"frames", "instances", "missing"}

    def test_nothing_is_kept_while_an_object_is_not_read(self, ledger: Ledger) -> None:
        store = SimulatedStore({"1": ct(uid="1.6.1"), "2": ct(uid="1.6.2")})
        store.faults["2"] = -1
        screen_some(store, ledger, "before")
        assert snapshots(ledger) == []

        store.faults.clear()
        screen_ct(store, ledger, "after")

        assert snapshots(ledger) == [(2, 1)]
        assert kept(ledger, (2, 1))["instances"] == measured_again(ledger, (2, 1))["instances"]

    def test_facts_of_another_version_are_measured_again(self, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
        store = SimulatedStore({"1": ct(InstanceNumber="1")})
        monkeypatch.setattr("dicom_sieve.ledger.writing.facts.VERSION", 0)
        screen_ct(store, ledger, "before")
        monkeypatch.undo()
        assert not has_kept(ledger.engine, (1, 1), Damaged.DISCARD)

        screen_ct(store, ledger, "after")

        assert has_kept(ledger.engine, (2, 1), Damaged.DISCARD)
        assert kept(ledger, (2, 1)) == measured_again(ledger, (2, 1))

    def test_what_is_damaged_in_the_ledger_is_noted_and_ends_no_run(self, ledger: Ledger) -> None:
        store = SimulatedStore({"1": ct()})
        screen_ct(store, ledger, "before")
        with vandal(ledger) as connection:
            connection.exec_driver_sql(
                "DELETE FROM chunk WHERE block_id = (SELECT id FROM block WHERE kind = 'OBJECT')"
            )
            connection.exec_driver_sql("DELETE FROM block WHERE kind = 'OBJECT'")
        store.put("2", ct(uid="1.2.3.4.2"))

        assert screen_ct(store, ledger, "after").counts["passed"] == 2
        assert snapshots(ledger) == [(1, 1)]


class TestKilled:
    def test_a_process_that_dies_as_facts_are_written_leaves_none(
        self, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Died(BaseException):
            pass

        def die(rows: object) -> str:
            raise Died

        store = SimulatedStore(some_stacks(random.Random(4), "k", 4))
        monkeypatch.setattr(facts, "digest_pages", die)  # the pages are in the transaction by then
        with pytest.raises(Died):
            screen_ct(store, ledger, "killed")
        assert snapshots(ledger) == sql(ledger, "SELECT page FROM fact_page") == []

        monkeypatch.undo()
        store.delete(min(store.objects()))
        screen_ct(store, ledger, "after")

        [held] = snapshots(ledger)
        assert kept(ledger, held) == measured_again(ledger, held)


class TestVerification:
    @pytest.fixture
    def two_runs(self, ledger: Ledger) -> Ledger:
        objects = some_stacks(random.Random(7), "v", 6)
        store = SimulatedStore(objects)
        screen_ct(store, ledger, "a")
        store.delete(min(objects))
        screen_ct(store, ledger, "b")
        assert verify(ledger.engine).is_intact
        return ledger

    @pytest.mark.parametrize(
        ("statement", "said"),
        [
            ("UPDATE fact_page SET cells = '7', width = 1 WHERE fact = 'slices' AND snapshot_id = 1", "was edited"),
            ("UPDATE fact_page SET page = page + 1 WHERE fact = 'plane' AND snapshot_id = 1", "was edited"),
            ("DELETE FROM fact_page WHERE fact = 'spacing' AND snapshot_id = 1", "was edited"),
            ("UPDATE fact_snapshot SET version = 1 WHERE snapshot_id = 1", "was edited"),
            ("UPDATE fact_snapshot SET digest = '' WHERE snapshot_id = 1", "was edited"),
        ],
    )
    def test_what_was_edited_is_named(self, two_runs: Ledger, statement: str, said: str) -> None:
        with vandal(two_runs) as connection:
            connection.exec_driver_sql(statement)

        found = [damage.describe() for damage in verify(two_runs.engine).damages]

        assert found == [f"what is kept of the facts of series of snapshot 1 {said}"]

    def test_facts_that_were_removed_or_added_are_named(self, two_runs: Ledger) -> None:
        with vandal(two_runs) as connection:
            connection.exec_driver_sql("DELETE FROM fact_snapshot WHERE snapshot_id = 1")

        found = {damage.describe() for damage in verify(two_runs.engine).damages}

        assert found == {
            "what is kept of the facts of series of snapshot 1 is missing",
            "a page of the facts of series of snapshot 1 was added",
        }

    def test_facts_of_a_snapshot_that_had_none_are_named(self, ledger: Ledger) -> None:
        store = SimulatedStore({"1": ct(uid="1.6.1"), "2": ct(uid="1.6.2")})
        store.faults["2"] = -1
        screen_some(store, ledger, "a")
        with vandal(ledger) as connection:
            connection.exec_driver_sql("INSERT INTO fact_snapshot VALUES (1, 1, 1, 'x')")

        found = [damage.describe() for damage in verify(ledger.engine).damages]

        assert found == ["what is kept of the facts of series of snapshot 1 was added"]

    @pytest.mark.parametrize("table", ["fact_page", "fact_snapshot"])
    @pytest.mark.parametrize("change", ["UPDATE {} SET location_id = location_id", "DELETE FROM {}"])
    def test_facts_are_never_changed(self, two_runs: Ledger, table: str, change: str) -> None:
        with (
            pytest.raises(sa.exc.DBAPIError, match="a fact is never changed"),
            two_runs.engine.begin() as connection,
        ):
            connection.exec_driver_sql(change.format(table))

    def test_forgetting_removes_facts(self, two_runs: Ledger) -> None:
        forget(two_runs.engine, two_runs.run("a").location, "over", clock=now)

        assert sql(two_runs, "SELECT 1 FROM fact_page") == sql(two_runs, "SELECT 1 FROM fact_snapshot") == []
        assert verify(two_runs.engine).is_intact


def test_measures_read_what_is_kept(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    store = SimulatedStore(some_stacks(random.Random(11), "m", 20))
    asked = [
        {"measure": name, "operation": "AT_LEAST", "reference": "2"} for name in ("INSTANCES", "SLICES", "SPACING")
    ] + [{"measure": "PLANE", "operation": "EQUALS", "reference": "AXIAL"}]
    screen(Screening("kept", store, load_criteria(asked)), ledger)
    monkeypatch.setattr("dicom_sieve.ledger.reading.measured.has_kept", lambda *_: False)
    screen(Screening("again", store, load_criteria(asked)), ledger)

    found = {row.object_key: row.findings for row in ledger.run("kept").instances()}

    assert found == {row.object_key: row.findings for row in ledger.run("again").instances()}
    assert np.unique(np.array([str(findings) for findings in found.values()])).size > 5


def test_the_view_says_what_is_kept(ledger: Ledger) -> None:
    store = SimulatedStore(some_stacks(random.Random(12), "w", 30))
    screen_ct(store, ledger, "run", shard_objects=50)
    known = ledger.run("run").series_facts()
    rows = sql(ledger, "SELECT * FROM series_fact WHERE run_id = 'run'")
    columns = ("frames", "slices", "volumes", "missing", "duplicate_images", "spacing", "spacing_variation", "tilt")

    assert len(rows) == 30
    for _, uid, *values, undecided in rows:
        expected = known.of(uid)
        found = dict(zip((*columns, "thickness", "plane"), values, strict=True))
        assert set(undecided.split()) == {name for name, value in expected.items() if value == "UNDECIDED"}
        assert {name: value for name, value in found.items() if value is not None} == {
            name: value if name == "plane" else float(value)
            for name, value in expected.items()
            if value not in (None, "UNDECIDED")
        }
