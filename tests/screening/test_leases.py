"""Two runs at the same time: over the same location one waits for the other, and says so."""

import threading
from collections.abc import Callable

import pytest

from dicom_sieve import Ledger, open_ledger
from dicom_sieve.objects import Location
from tests.screening.listener import WAITING, Listener
from tests.screening.screenings import ct, mr, screen_ct, verdicts
from tests.support.simulated_store import SimulatedStore


def other_store(bucket: str) -> SimulatedStore:
    return SimulatedStore({"1": ct(), "2": mr(), "3": b"x"}, location=Location("https://simulated", bucket))


def start(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_the_second_of_two_runs_over_one_location_waits_and_reads_nothing(ledger: Ledger, ledger_url: str) -> None:
    first, second, listener = other_store("b"), other_store("b"), Listener()
    waiting: list[threading.Thread] = []

    def second_run() -> None:
        with open_ledger(ledger_url) as opened:
            screen_ct(second, opened, "second", observer=listener)

    def start_the_second() -> None:
        waiting.append(start(second_run))
        assert listener.told.wait(30)
        assert second.lists == 0

    first.on_list = start_the_second
    screen_ct(first, ledger, "first")
    waiting[0].join(30)

    assert listener.notes == [WAITING]
    assert verdicts(ledger, "first") == verdicts(ledger, "second")
    assert second.reads == []
    assert [row.state for row in ledger.runs()] == ["COMPLETED", "COMPLETED"]


def test_a_run_that_fails_lets_the_next_one_in(ledger: Ledger) -> None:
    store, listener = other_store("b"), Listener()

    def fail() -> None:
        raise RuntimeError

    store.on_list = fail
    with pytest.raises(RuntimeError):
        screen_ct(store, ledger, "a")
    store.on_list = lambda: None

    screen_ct(store, ledger, "b", observer=listener)

    assert listener.notes == []


def test_runs_over_two_locations_go_side_by_side(ledger: Ledger) -> None:
    first, second, listener = other_store("b"), other_store("c"), Listener()

    def run_the_second_within_the_first() -> None:
        thread = start(lambda: screen_ct(second, ledger, "second", observer=listener))
        thread.join(30)
        assert not thread.is_alive()

    first.on_list = run_the_second_within_the_first
    screen_ct(first, ledger, "first")

    assert listener.notes == []
    assert verdicts(ledger, "first") == verdicts(ledger, "second")


def test_two_locations_that_bring_the_same_headers_at_once_do_not_lock_each_other_out(ledger_url: str) -> None:
    headers = [ct(f"1.5.{number + 1}", f"1.6.{number + 1}") for number in range(40)]
    stores = [SimulatedStore(location=Location("https://simulated", name)) for name in "bc"]
    for store, order in zip(stores, (headers, headers[::-1]), strict=True):
        for number, data in enumerate(order):
            store.put(f"{number:03}", data)
    with open_ledger(ledger_url) as ledger:
        barrier = threading.Barrier(2)

        def run(store: SimulatedStore) -> None:
            barrier.wait()
            screen_ct(store, ledger, store.location.bucket, shard_objects=10)

        for thread in [start(lambda store=store: run(store)) for store in stores]:  # type: ignore[misc]  # bound early
            thread.join(60)

        assert [row.state for row in ledger.runs()] == ["COMPLETED"] * 2
        assert len(verdicts(ledger, "b")) == len(verdicts(ledger, "c")) == 40
