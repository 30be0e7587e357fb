"""Headers that were read for less than criteria ask are read again: what was not read never counts as absent."""

import multiprocessing
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dicom_sieve import Ledger, open_ledger
from dicom_sieve.criteria import compile_criteria
from dicom_sieve.errors import IncompleteRunError, LedgerError, WorkersError
from dicom_sieve.ledger.audit.verify import verify
from dicom_sieve.ledger.reading.snapshots import last_snapshot
from dicom_sieve.ledger.reading.values import attributes_held, values_held
from dicom_sieve.reports.compare_runs import Compared, Summary, compare
from dicom_sieve.screening import Outcome, Preview, Screening, Shard, Silent, preview, preview_known, screen
from dicom_sieve.screening.index import ShardResult
from dicom_sieve.stores import DirectoryStore, Store
from tests.screening.screenings import ct, mr, one_of, screen_ct, sql, verdicts
from tests.support.first_edition import SLICE_THICKNESS, read_again_and_be_killed, reading_for_less, thinner_than
from tests.support.simulated_store import PLACE, SimulatedStore

PASSED = ("PASSED", None)
READ_FOR_MORE = """
    SELECT COUNT(*) FROM object JOIN header ON header.id = object.header_id
    WHERE object.removed_in IS NULL AND header.edition > (SELECT MIN(number) FROM edition)
"""
NOT_READ_FOR = f"3 objects (1 header) were read for AS, CS, DA alone, not for {SLICE_THICKNESS}"


class Listener(Silent):
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.told = threading.Event()

    def note(self, text: str) -> None:
        self.notes.append(text)
        self.told.set()


@pytest.fixture
def store() -> SimulatedStore:
    return SimulatedStore({f"{number}": thin(number) for number in range(3)})


@pytest.fixture
def old(ledger: Ledger, store: SimulatedStore) -> Ledger:
    """A ledger of a version that read less."""
    with reading_for_less():
        screen_ct(store, ledger, "before")
    store.forget_requests()
    return ledger


def thin(number: int, thickness: str = "1.5") -> bytes:
    return ct("1.5.1", f"1.6.{number}", SliceThickness=thickness)


def screen_thin(store: Store, ledger: Ledger, run_id: str = "after", **means: object) -> Outcome:
    return screen(Screening(run_id, store, thinner_than("2"), **means), ledger)  # type: ignore[arg-type]


def keys_read(store: SimulatedStore) -> list[str]:
    return sorted(key for key, *_ in store.reads)


class TestARunWhoseCriteriaAskForMore:
    def test_a_run_whose_criteria_ask_for_more_lets_pass_on_an_old_ledger_what_it_does_on_a_new_one(
        self, old: Ledger, store: SimulatedStore
    ) -> None:
        with open_ledger("sqlite:///:memory:") as new:
            on_old, on_new = screen_thin(store, old), screen_thin(store, new)
            said = verdicts(new, "after")

        assert on_old.counts["passed"] == on_new.counts["passed"] == 3
        assert keys_read(store) == ["0", "0", "1", "1", "2", "2"]
        assert verdicts(old, "after") == said == dict.fromkeys("012", PASSED)

    def test_a_run_whose_criteria_ask_for_more_says_what_it_reads_again_and_for_what(
        self, old: Ledger, store: SimulatedStore
    ) -> None:
        listener = Listener()

        outcome = screen_thin(store, old, observer=listener)

        assert listener.notes == [f"{NOT_READ_FOR}: those that are unchanged are read again"]
        assert outcome.counts["read_again"] == 3
        assert outcome.describe() == (
            "3 of 3 instances passed in 1 whole series; objects read again, for more attributes: 3"
        )

    def test_a_run_whose_criteria_ask_for_more_reads_nothing_the_second_time(
        self, old: Ledger, store: SimulatedStore
    ) -> None:
        screen_thin(store, old)
        store.forget_requests()
        second = screen_thin(store, old, "second")

        assert store.reads == []
        assert "read_again" not in second.counts
        assert second.counts["passed"] == 3

    def test_a_run_whose_criteria_ask_for_more_changes_nothing_of_what_was_said_before(
        self, old: Ledger, store: SimulatedStore
    ) -> None:
        said, digests = verdicts(old, "before"), sql(old, "SELECT id, digest FROM header")

        screen_thin(store, old)

        assert verdicts(old, "before") == said
        assert set(digests) < set(sql(old, "SELECT id, digest FROM header"))
        result = verify(old.engine)
        assert (result.is_intact, result.runs) == (True, 2), result.damages

    def test_reads_again_only_what_has_attributes_and_was_read_for_less(
        self, old: Ledger, store: SimulatedStore
    ) -> None:
        store.put("3", b"no DICOM")
        store.put("4", b"")
        with reading_for_less():
            screen_ct(store, old, "with others")
        store.put("5", thin(5))
        store.put("1", thin(1, "5"))
        screen_ct(store, old, "mixed")  # asks for less: nothing that is known is read again
        store.forget_requests()

        outcome = screen_thin(store, old)

        assert keys_read(store) == ["0", "2"]
        assert outcome.counts["read_again"] == 2
        assert {key for key, said in verdicts(old, "after").items() if said == PASSED} == {"0", "2", "5"}

    def test_a_run_whose_criteria_ask_for_more_takes_what_changed_or_went_meanwhile_as_what_it_is(
        self, old: Ledger, store: SimulatedStore
    ) -> None:
        store.put("0", thin(0, "7"))

        def change_and_delete() -> None:
            store.put("1", thin(1, "8"))
            store.delete("2")

        store.on_listed = change_and_delete
        outcome = screen_thin(store, old)

        assert outcome.counts["read_again"] == 2
        assert verdicts(old, "after") == {
            "0": ("DISCARDED", None),
            "1": ("DISCARDED", None),
            "2": ("DISCARDED", "GONE"),
        }

    def test_is_incomplete_where_one_cannot_be_read_and_the_next_one_reads_that(
        self, old: Ledger, store: SimulatedStore
    ) -> None:
        store.faults["1"] = -1
        with pytest.raises(IncompleteRunError):
            screen_thin(store, old)
        assert verdicts(old, "after")["1"] == (None, None)
        store.faults.clear()
        store.forget_requests()

        assert screen_thin(store, old, "next").counts["passed"] == 3
        assert keys_read(store) == ["1"]

    def test_a_run_whose_criteria_ask_for_more_goes_on_where_a_killed_one_was(
        self, ledger_url: str, tmp_path: Path
    ) -> None:
        root = tmp_path / "images"
        root.mkdir()
        for number in range(6):
            (root / f"{number}.dcm").write_bytes(thin(number))
        with reading_for_less(), open_ledger(ledger_url) as ledger:
            screen_ct(DirectoryStore(root), ledger, "before")
        context = multiprocessing.get_context("forkserver")
        killed = context.Process(target=read_again_and_be_killed, args=(ledger_url, root, 3))
        killed.start()
        killed.join(60)
        assert killed.exitcode == -signal.SIGKILL

        with open_ledger(ledger_url) as ledger:
            [(recorded,)] = sql(ledger, READ_FOR_MORE)
            counts = screen_thin(DirectoryStore(root), ledger, lease_seconds=6).counts

            assert recorded in {2, 3}  # the last one was being recorded
            assert (counts["passed"], counts["indexed"]) == (6, 6 - recorded)
            assert "read_again" not in counts
            assert set(verdicts(ledger, "before").values()) == {PASSED}
            result = verify(ledger.engine)
            assert result.is_intact, result.damages


class TestTwoRunsAtTheSameTime:
    def test_two_runs_at_the_same_time_read_again_once(
        self, old: Ledger, ledger_url: str, store: SimulatedStore
    ) -> None:
        listener = Listener()
        second: list[threading.Thread] = []

        def second_run() -> None:
            with open_ledger(ledger_url) as opened:
                screen_thin(store, opened, "second", observer=listener)

        def start_the_second() -> None:
            store.on_list = lambda: None
            second.append(threading.Thread(target=second_run))
            second[0].start()
            assert listener.told.wait(30)

        store.on_list = start_the_second
        screen_thin(store, old, "first")
        second[0].join(30)

        assert listener.notes == ["waiting for another run on the same location to end"]
        assert keys_read(store) == ["0", "1", "2"]
        assert verdicts(old, "first") == verdicts(old, "second") == dict.fromkeys("012", PASSED)


class TestAWorker:
    def test_a_worker_that_reads_for_something_else_is_refused_and_nothing_of_it_recorded(
        self, ledger: Ledger, store: SimulatedStore
    ) -> None:
        def elsewhere(index: Callable[[Shard], ShardResult], shards: Iterable[Shard]) -> Iterator[ShardResult]:
            return (replace(index(shard), edition="another") for shard in shards)

        with pytest.raises(WorkersError) as caught:
            screen_ct(store, ledger, "run", run_shards=elsewhere)

        assert str(caught.value) == (
            "a worker read the headers of shard 1 for other attributes than this run; "
            "install the same versions of dicom-sieve and pydicom everywhere"
        )
        assert sql(ledger, "SELECT count(*) FROM header") == [(0,)]


class TestAPreview:
    def test_a_preview_that_lists_says_what_the_run_says(self, old: Ledger, store: SimulatedStore) -> None:
        previewed = preview(Preview(store, thinner_than("2")), old)
        store.forget_requests()
        outcome = screen_thin(store, old)

        assert previewed.counts["read_again"] == 3
        assert previewed.counts["passed"] == outcome.counts["passed"] == 3
        assert store.reads == []

    def test_a_preview_that_does_not_list_cannot_tell_and_says_what_to_do(
        self, old: Ledger, store: SimulatedStore
    ) -> None:
        with pytest.raises(LedgerError) as caught:
            preview_known(PLACE, thinner_than("2"), old)
        assert preview_known(PLACE, one_of("CT"), old).counts["passed"] == 3
        screen_thin(store, old)
        assert preview_known(PLACE, thinner_than("2"), old).counts["passed"] == 3

        assert str(caught.value) == (
            f"{PLACE}: {NOT_READ_FOR}, so the ledger cannot tell; a new run, or 'dicom-sieve preview' without "
            "--no-listing, with criteria that name it reads them again"
        )


class TestWhatElseIsAskedOfTheLedgerAlone:
    def test_values_of_an_attribute_are_not_told(self, old: Ledger, store: SimulatedStore) -> None:
        with pytest.raises(LedgerError, match=r"so the ledger cannot tell"):
            values_held(old.engine, last_snapshot(old.engine, PLACE), "00180050")
        screen_thin(store, old)
        found = values_held(old.engine, last_snapshot(old.engine, PLACE), "00180050")

        assert [(counted.value, counted.instances) for counted in found.values] == [("1.5", 3)]

    def test_attributes_are_not_absent_where_they_were_not_read(self, old: Ledger, store: SimulatedStore) -> None:
        store.put("3", thin(3))
        screen_ct(store, old, "mixed")
        held = attributes_held(old.engine, last_snapshot(old.engine, PLACE))

        [use] = [use for use in held.attributes if use.tag == "00180050"]
        assert (use.present, use.empty, use.unreached, held.instances, held.read_for_less) == (1, 0, 3, 4, 3)

    def test_columns_of_a_run_are_not_given(self, old: Ledger, store: SimulatedStore) -> None:
        screen_thin(store, old)
        with pytest.raises(LedgerError) as caught:
            list(old.run("before").objects(columns=["SliceThickness"]))
        now = [row.values["SliceThickness"] for row in old.run("after").objects(columns=["SliceThickness"])]

        assert now == ["1.5"] * 3
        assert str(caught.value) == (
            f"run before: {NOT_READ_FOR}, so the ledger cannot tell; "
            "a new run with criteria that name what is missing reads them again"
        )

    def test_criteria_are_not_tried_on_a_run_that_did_not_read_for_them(
        self, old: Ledger, store: SimulatedStore
    ) -> None:
        criteria = compile_criteria(thinner_than("2"))
        before = last_snapshot(old.engine, PLACE)
        run = Compared("before", before, compile_criteria(one_of("CT")), 1)
        with pytest.raises(LedgerError, match=r"so the ledger cannot tell"):
            list(compare(old, run, Compared("thin.json", before, criteria), Summary()))
        screen_thin(store, old)
        summary = Summary()
        after = Compared("after", last_snapshot(old.engine, PLACE), criteria, 2)
        list(compare(old, run, after, summary))

        assert summary.read_again == 3

    def test_equal_objects_are_no_conflict_where_one_was_read_for_more(
        self, old: Ledger, store: SimulatedStore
    ) -> None:
        store.put("copy of 0", thin(0))
        store.put("copy of 1", mr("1.5.1", "1.6.1"))
        screen_ct(store, old, "mixed")

        assert {row.sop_instance_uid for row in old.run("mixed").objects()} == {"1.6.0", "1.6.1", "1.6.2"}
        traced = old.trace("1.6.0")
        assert [
            [list(judged.conflicts) for judged in instance.decisions if judged.run_id == "mixed"] for instance in traced
        ] == [
            [[]],
            [[]],
        ]
        [changed] = {
            tuple(judged.conflicts)
            for traced in old.trace("1.6.1")
            for judged in traced.decisions
            if judged.run_id == "mixed"
        }
        assert changed == ("DIFFERENT_BYTES",)
