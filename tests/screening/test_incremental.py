"""Index once, decide many: what a run reads, and what the runs before it still say."""

from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from dicom_sieve import Ledger
from dicom_sieve.errors import IncompleteRunError, ListingOrderError, NothingReadableError, StoreError
from dicom_sieve.ledger.leases.lease import Lease
from dicom_sieve.screening import Limits, Screening, in_threads, screen
from dicom_sieve.screening.index import IndexesShard, Shard, ShardResult
from tests.screening.screenings import ct, mr, one_of, screen_ct, sql, state_of, verdicts
from tests.support.simulated_store import SimulatedStore

PASSED = ("PASSED", None)
DISCARDED = ("DISCARDED", None)
UNREAD = (None, None)


def refused(defect: str) -> tuple[str, str]:
    return ("DISCARDED", defect)


class TestSecondRun:
    def test_second_run_reads_no_object_of_an_unchanged_location(self, ledger: Ledger) -> None:
        store = SimulatedStore({"a/1": ct(), "a//2": mr(), "é": b"no DICOM", "empty": b""})
        first = screen_ct(store, ledger, "first")
        store.forget_requests()

        second = screen(Screening("second", store, one_of("MR")), ledger)

        assert (store.lists, store.reads, store.stats) == (1, [], [])
        assert (first.counts["reads"], second.counts["reads"], second.counts["indexed"]) == (3, 0, 0)
        assert (first.counts["passed"], second.counts["passed"]) == (1, 1)
        assert verdicts(ledger, "first")["a/1"] == verdicts(ledger, "second")["a//2"] == PASSED

    def test_second_run_starts_no_workers_where_nothing_is_new(self, ledger: Ledger) -> None:
        store = SimulatedStore({"1": ct(), "2": mr()})
        screen_ct(store, ledger, "first")

        def start_workers(index: IndexesShard, shards: Iterable[Shard], /) -> Iterator[ShardResult]:
            raise AssertionError("nothing is there to be read")

        assert screen_ct(store, ledger, "second", run_shards=start_workers).counts["passed"] == 1

    def test_second_run_reads_only_what_is_new_or_changed_and_the_first_still_answers(self, ledger: Ledger) -> None:
        store = SimulatedStore({"changed": ct(), "kept": ct(), "vanished": ct()})
        screen_ct(store, ledger, "first")
        before = verdicts(ledger, "first")
        etags = sql(ledger, "SELECT object_key, etag FROM instance_decision ORDER BY 1")
        store.put("changed", mr())
        store.put("new", ct())
        store.delete("vanished")
        store.forget_requests()

        counts = screen_ct(store, ledger, "second").counts

        assert sorted({key for key, _, _ in store.reads}) == ["changed", "new"]
        assert (counts["added"], counts["removed"], counts["indexed"], counts["listed"]) == (2, 2, 2, 3)
        assert verdicts(ledger, "second") == {"changed": DISCARDED, "kept": PASSED, "new": PASSED}
        assert verdicts(ledger, "first") == before == dict.fromkeys(("changed", "kept", "vanished"), PASSED)
        assert sql(ledger, "SELECT object_key, etag FROM instance_decision WHERE run_id = 'first' ORDER BY 1") == etags

    def test_an_object_of_equal_bytes_under_another_key_is_another_object(self, ledger: Ledger) -> None:
        store = SimulatedStore({"1": ct(), "2": ct()})

        screen_ct(store, ledger, "a")

        assert verdicts(ledger, "a") == {"1": PASSED, "2": PASSED}
        assert sql(ledger, "SELECT count(*) FROM header") == [(1,)]

    def test_an_object_that_comes_back_is_read_again(self, ledger: Ledger) -> None:
        store = SimulatedStore({"1": ct(), "2": ct()})
        data = store.content("1")
        screen_ct(store, ledger, "a")
        store.delete("1")
        screen_ct(store, ledger, "b")
        store.put("1", data)

        counts = screen_ct(store, ledger, "c").counts

        assert counts["indexed"] == 1
        assert [sorted(verdicts(ledger, run)) for run in "abc"] == [["1", "2"], ["2"], ["1", "2"]]

    def test_second_run_of_another_prefix_knows_nothing_of_the_first(self, ledger: Ledger) -> None:
        store = SimulatedStore({"a/1": ct(), "b/1": mr()})
        screen_ct(store, ledger, "whole")
        part = SimulatedStore(
            {"a/1": store.content("a/1"), "b/1": store.content("b/1")},
            location=type(store.location)(store.location.endpoint, store.location.bucket, "b/"),
        )

        screen_ct(part, ledger, "part")

        assert verdicts(ledger, "part") == {"b/1": DISCARDED}
        assert verdicts(ledger, "whole") == {"a/1": PASSED, "b/1": DISCARDED}


class TestDefectsThatDoNotLast:
    def test_what_was_refused_is_read_again_and_the_first_run_says_what_it_saw(self, ledger: Ledger) -> None:
        store = SimulatedStore({"1": ct(), "2": ct()})
        store.refused = {"2"}
        screen_ct(store, ledger, "a")
        store.refused = set()

        counts = screen_ct(store, ledger, "b").counts

        assert (counts["indexed"], counts["reads"]) == (1, 1)
        assert verdicts(ledger, "a") == {"1": PASSED, "2": refused("UNREADABLE")}
        assert verdicts(ledger, "b") == {"1": PASSED, "2": PASSED}

    def test_what_was_deleted_during_the_run_is_gone(self, ledger: Ledger) -> None:
        store = SimulatedStore({"1": ct(), "2": ct()})
        store.on_listed = lambda: store.delete("2")
        screen_ct(store, ledger, "a")
        assert verdicts(ledger, "a") == {"1": PASSED, "2": refused("GONE")}

        store.on_listed = lambda: None
        screen_ct(store, ledger, "b")
        assert verdicts(ledger, "b") == {"1": PASSED}

    def test_what_was_gone_and_is_back_with_the_same_bytes_is_read_again(self, ledger: Ledger) -> None:
        store = SimulatedStore({"1": ct(), "2": ct()})
        data = store.content("2")
        store.on_listed = lambda: store.delete("2")
        screen_ct(store, ledger, "a")
        store.on_listed = lambda: None
        store.put("2", data)

        screen_ct(store, ledger, "b")

        assert verdicts(ledger, "a")["2"] == refused("GONE")
        assert verdicts(ledger, "b")["2"] == PASSED

    def test_lasting_defects_are_not_read_again(self, ledger: Ledger) -> None:
        store = SimulatedStore({"empty": b"", "marker/": b"", "text": b"some text", "cut": ct()[:200]})
        screen_ct(store, ledger, "a")
        store.forget_requests()

        screen_ct(store, ledger, "b")

        assert store.reads == []
        assert (
            verdicts(ledger, "a")
            == verdicts(ledger, "b")
            == {
                "empty": refused("EMPTY_OBJECT"),
                "marker/": refused("EMPTY_OBJECT"),
                "text": refused("NOT_DICOM"),
                "cut": refused("CORRUPT"),
            }
        )


class TestOverwrittenDuringTheRun:
    def test_overwritten_during_the_run_is_judged_as_what_it_is_now_under_its_etag_of_now(self, ledger: Ledger) -> None:
        store = SimulatedStore({"1": ct(), "2": ct()})
        store.on_listed = lambda: store.put("1", mr())
        screen_ct(store, ledger, "a")
        store.on_listed = lambda: None

        assert verdicts(ledger, "a") == {"1": DISCARDED, "2": PASSED}
        assert sql(ledger, "SELECT object_key, etag FROM instance_decision ORDER BY 1") == [
            (key, info.etag) for key, info in sorted(store.objects().items())
        ]
        store.forget_requests()
        screen_ct(store, ledger, "b")
        assert store.reads == []

    def test_overwritten_during_the_run_between_two_reads_of_one_header(self, ledger: Ledger) -> None:
        store = SimulatedStore({"1": ct(DerivationDescription="x" * 9_000)})

        def overwrite(_key: str) -> None:
            if len(store.reads) == 2:
                store.put("1", mr(DerivationDescription="y" * 9_000))

        store.on_read = overwrite
        screen_ct(store, ledger, "a")

        assert verdicts(ledger, "a") == {"1": DISCARDED}
        assert sql(ledger, "SELECT etag FROM object") == [(store.objects()["1"].etag,)]

    def test_overwritten_during_the_run_by_nothing_is_an_empty_object(self, ledger: Ledger) -> None:
        store = SimulatedStore({"1": ct(), "2": ct()})
        store.on_listed = lambda: store.put("1", b"")

        screen_ct(store, ledger, "a")

        assert verdicts(ledger, "a") == {"1": refused("EMPTY_OBJECT"), "2": PASSED}

    def test_overwritten_during_the_run_again_and_again_leaves_the_run_incomplete(self, ledger: Ledger) -> None:
        store = SimulatedStore({"1": ct(), "2": ct()})
        store.on_read = lambda key: store.put(key, ct(uid=f"1.2.{len(store.reads)}")) if key == "1" else None

        with pytest.raises(IncompleteRunError):
            screen_ct(store, ledger, "a")

        assert verdicts(ledger, "a") == {"1": UNREAD, "2": PASSED}


class TestIncompleteRun:
    def test_incomplete_run_keeps_what_it_has_and_the_next_one_reads_only_the_rest(self, ledger: Ledger) -> None:
        store = SimulatedStore({str(number): ct(uid=f"1.2.{number + 1}") for number in range(20)})
        store.faults = {"3": -1, "7": -1}

        with pytest.raises(IncompleteRunError) as caught:
            screen_ct(store, ledger, "a", shard_objects=3)

        assert caught.value.args[:3] == ("a", 2, 20)
        assert state_of(ledger, "a") == ("INCOMPLETE", None)
        seen = {str(number): PASSED for number in range(20)} | {"3": UNREAD, "7": UNREAD}
        assert verdicts(ledger, "a") == seen
        assert [row.object_key for row in ledger.run("a").unread()] == ["3", "7"]
        row = ledger.run("a").row
        assert row.counts is not None
        assert (row.counts["unread"], row.counts["passed"], row.counts["listed"]) == (2, 18, 20)
        store.faults = {}
        store.forget_requests()

        counts = screen_ct(store, ledger, "b").counts

        assert sorted(key for key, _, _ in store.reads) == ["3", "7"]
        assert (counts["passed"], counts["unread"], counts["indexed"]) == (20, 0, 2)
        assert verdicts(ledger, "a") == seen

    def test_a_store_that_is_down_is_not_asked_for_every_shard(self, ledger: Ledger) -> None:
        store = SimulatedStore({f"{number:03}": ct(uid=f"1.2.{number + 1}") for number in range(100)})
        store.faults = {f"{number:03}": -1 for number in range(10, 100)}

        with pytest.raises(IncompleteRunError) as caught:
            screen_ct(store, ledger, "a", shard_objects=10)

        assert caught.value.args[:3] == ("a", 90, 100)
        asked = {key for key, _, _ in store.reads}
        assert asked <= {f"{number:03}" for number in range(40)}
        assert len(verdicts(ledger, "a")) == 100
        store.faults = {}
        assert screen_ct(store, ledger, "b").counts["passed"] == 100

    def test_a_fault_while_a_changed_object_is_looked_up_is_no_verdict(self, ledger: Ledger) -> None:
        store = SimulatedStore({"1": ct(), "2": ct()})
        store.on_listed = lambda: store.put("1", mr())
        store.on_read = lambda key: store.faults.update({"1": -1}) if key == "1" else None

        with pytest.raises(IncompleteRunError):
            screen_ct(store, ledger, "a")

        assert verdicts(ledger, "a") == {"1": UNREAD, "2": PASSED}

    def test_incomplete_run_when_nothing_at_all_could_be_read(self, ledger: Ledger) -> None:
        store = SimulatedStore({"1": ct(), "2": ct()})
        store.faults = {"1": -1, "2": -1}

        with pytest.raises(IncompleteRunError):
            screen_ct(store, ledger, "a")

        assert verdicts(ledger, "a") == {"1": UNREAD, "2": UNREAD}

    @pytest.mark.parametrize("failing", [{1}, {2}, {1, 2, 3}])
    def test_a_failing_read_is_never_a_verdict(self, ledger: Ledger, failing: set[int]) -> None:
        large = ct(DerivationDescription="x" * 9_000)  # two reads a header
        store = SimulatedStore({"1": large, "2": large})
        store.failing_reads = failing

        with pytest.raises(IncompleteRunError):
            screen_ct(store, ledger, "a", limits=Limits(reads_in_flight=1))

        assert set(verdicts(ledger, "a").values()) <= {UNREAD, PASSED}
        store.failing_reads = set()
        screen_ct(store, ledger, "b")
        assert verdicts(ledger, "b") == {"1": PASSED, "2": PASSED}


INTERRUPTED = "it was interrupted (SIGINT, Ctrl-C); start it again: a run reads only what is missing"


class TestRunsThatFail:
    def test_credentials_that_may_list_but_not_read_give_no_verdict(self, ledger: Ledger) -> None:
        store = SimulatedStore({"1": ct(), "2": mr(), "marker/": b""})
        store.refused = {"1", "2"}

        with pytest.raises(NothingReadableError) as caught:
            screen_ct(store, ledger, "a")

        assert str(caught.value) == (
            "s3://challenge-tech: not one object can be read (2 refused): these credentials may list but not read; "
            "needed: s3:GetObject on the location; in archives, what is not encrypted"
        )
        assert state_of(ledger, "a") == ("FAILED", str(caught.value))
        assert {verdict for verdict, _ in verdicts(ledger, "a").values()} == {None}
        store.refused = set()
        screen_ct(store, ledger, "b")
        assert verdicts(ledger, "b") == {"1": PASSED, "2": DISCARDED, "marker/": refused("EMPTY_OBJECT")}

    def test_a_listing_out_of_order_is_refused(self, ledger: Ledger) -> None:
        store = SimulatedStore({"1": ct(), "2": ct()})
        store.order = lambda key: -int(key)

        with pytest.raises(ListingOrderError) as caught:
            screen_ct(store, ledger, "a")

        assert state_of(ledger, "a") == ("FAILED", str(caught.value))
        assert store.reads == []
        assert verdicts(ledger, "a") == {}

    def test_order_is_that_of_utf_8_bytes(self, ledger: Ledger) -> None:
        keys = ["a", "Z", "é", "\uffee", "\U0001f600", "a/", "a b", "a//b", "ÿ", "_", "~", "~a"]
        store = SimulatedStore({key: ct() for key in keys})

        for run in "ab":
            screen_ct(store, ledger, run)
        store.delete("\uffee")
        counts = screen_ct(store, ledger, "c").counts

        assert (counts["added"], counts["removed"], counts["reads"]) == (0, 1, 0)
        assert set(verdicts(ledger, "b")) == set(keys)
        assert [row.object_key for row in ledger.run("b").instances()] == sorted(keys, key=str.encode)

    def test_a_listing_that_breaks_off_changes_no_former_run(self, ledger: Ledger) -> None:
        store = SimulatedStore({"1": ct(), "2": ct(), "3": ct()})
        screen_ct(store, ledger, "a")
        before = verdicts(ledger, "a")
        store.put("1", mr())
        store.delete("2")

        def break_off() -> None:
            raise StoreError("list", "s3://challenge-tech", "SlowDown (HTTP 503)")

        store.on_listed = break_off
        with pytest.raises(StoreError):
            screen_ct(store, ledger, "b")
        store.on_listed = lambda: None

        assert state_of(ledger, "b") == ("FAILED", "cannot list s3://challenge-tech: SlowDown (HTTP 503)")
        assert verdicts(ledger, "a") == before
        screen_ct(store, ledger, "c")
        assert verdicts(ledger, "a") == before
        assert verdicts(ledger, "c") == {"1": DISCARDED, "3": PASSED}

    @pytest.mark.parametrize(
        ("error", "end"),
        [
            (RuntimeError("secret words"), ("FAILED", "unexpected RuntimeError")),
            (KeyboardInterrupt("secret words"), ("CANCELLED", INTERRUPTED)),
        ],
    )
    @pytest.mark.parametrize("run_shards", [None, in_threads(2)])
    def test_runs_that_fail_of_an_unexpected_error_only_the_type_is_kept(
        self, ledger: Ledger, error: BaseException, end: tuple[str, str], run_shards: object
    ) -> None:
        store = SimulatedStore({str(number): ct() for number in range(6)})

        def fail(key: str) -> None:
            if key == "4":
                raise error

        store.on_read = fail
        means = {"run_shards": run_shards} if run_shards else {}

        with pytest.raises(type(error)):
            screen_ct(store, ledger, "a", shard_objects=2, **means)

        assert state_of(ledger, "a") == end
        store.on_read = lambda _: None
        counts = screen_ct(store, ledger, "b").counts
        assert counts["passed"] == 6
        assert counts["indexed"] < 6

    def test_runs_that_fail_told_to_end_just_after_its_end_was_recorded_it_is_completed(
        self, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        written = Lease.write

        def write(lease: Lease, work: Any) -> Any:
            done = written(lease, work)
            if state_of(ledger, "a")[0] == "COMPLETED":
                raise KeyboardInterrupt
            return done

        monkeypatch.setattr(Lease, "write", write)

        with pytest.raises(KeyboardInterrupt):
            screen_ct(SimulatedStore({"1": ct()}), ledger, "a")

        assert state_of(ledger, "a") == ("COMPLETED", None)

    def test_criteria_that_make_no_sense_leave_no_trace(self, ledger: Ledger) -> None:
        store = SimulatedStore({"1": ct()})

        with pytest.raises(ValueError, match="criteria: empty"):
            screen(Screening("a", store, []), ledger)

        assert store.lists == 0
        assert ledger.runs() == []

    def test_a_run_whose_process_died_is_failed_by_the_next_one(self, ledger: Ledger) -> None:
        store = SimulatedStore({"1": ct()})
        screen_ct(store, ledger, "a")
        with ledger.engine.begin() as connection:
            connection.exec_driver_sql(
                "INSERT INTO run (id, location_id, snapshot_id, criteria, criteria_digest, state, started_at, "
                "software_version) SELECT 'dead', location_id, snapshot_id, criteria, criteria_digest, 'RUNNING', "
                "started_at, software_version FROM run"
            )

        screen_ct(store, ledger, "b")

        assert state_of(ledger, "dead") == ("FAILED", "its process ended before the run did")
        assert ledger.run("dead").row.finished_at is not None
        assert [row.state for row in ledger.runs()] == ["COMPLETED", "FAILED", "COMPLETED"]


class TestEmptyLocation:
    def test_empty_location_completes_with_nothing(self, ledger: Ledger) -> None:
        outcome = screen_ct(SimulatedStore(), ledger, "a")

        assert (outcome.counts["listed"], outcome.counts["bytes"], outcome.counts["passed"]) == (0, 0, 0)
        assert outcome.describe() == "0 of 0 instances passed; nothing is listed: the bucket is empty"
        assert state_of(ledger, "a") == ("COMPLETED", None)


class TestRunIds:
    def test_the_same_execution_again_is_another_run(self, ledger: Ledger) -> None:
        store = SimulatedStore({"1": ct()})

        assert [screen_ct(store, ledger, "a1").run_id for _ in range(3)] == ["a1", "a1.2", "a1.3"]
        assert screen_ct(store, ledger, "a").run_id == "a"
        assert screen_ct(store, ledger, "A1").run_id == "A1"

    def test_wild_cards_in_an_id_stand_for_themselves(self, ledger: Ledger) -> None:
        store = SimulatedStore({"1": ct()})
        screen_ct(store, ledger, "axb.2")

        assert [screen_ct(store, ledger, "a_b").run_id for _ in range(2)] == ["a_b", "a_b.2"]
