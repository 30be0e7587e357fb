"""The lease of a location: one holder at a time, for as long as it lives, and nothing is written without it."""

import fcntl
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from dicom_sieve import Ledger, open_ledger
from dicom_sieve.errors import LeaseLostError, LedgerError
from dicom_sieve.ledger.database import bulk, engine
from dicom_sieve.ledger.database.tables import location
from dicom_sieve.ledger.leases.lease import Lease
from dicom_sieve.objects import Location
from tests.screening.screenings import sql
from tests.support.prefect_server import wait_for

PLACE = Location("https://simulated", "leased")
OTHER = Location("https://simulated", "other")


def never() -> None:
    raise AssertionError("there was nobody to wait for")


def nothing() -> None:
    pass


def stranger(ledger: Ledger, seconds: float) -> Lease:
    """A holder of which nothing can be known, as one on another machine; nothing renews what it takes."""
    with ledger.lease(PLACE, on_wait=never) as lease:
        place_id = lease.location_id
    return Lease(ledger.engine, PLACE, place_id, seconds, f"stranger-{time.monotonic_ns()}")


def add_location(connection: sa.Connection, name: str) -> None:
    connection.execute(
        sa.text("INSERT INTO location (endpoint, bucket, prefix) VALUES ('e', :name, '')"), {"name": name}
    )


def added(ledger: Ledger) -> list[str]:
    return [name for (name,) in sql(ledger, "SELECT bucket FROM location WHERE endpoint = 'e' ORDER BY 1")]


def at_once(work: Callable[[], object], times: int) -> None:
    threads = [threading.Thread(target=work) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()


def test_many_that_want_it_at_once_have_it_one_after_the_other(ledger: Ledger) -> None:
    guard, inside, most, turns = threading.Lock(), 0, 0, 0

    def hold_it() -> None:
        nonlocal inside, most, turns
        with ledger.lease(PLACE, on_wait=nothing):
            with guard:
                inside, turns = inside + 1, turns + 1
                most = max(most, inside)
            time.sleep(0.02)
            with guard:
                inside -= 1

    at_once(hold_it, 6)

    assert (most, turns, inside) == (1, 6, 0)


def test_another_location_has_another_lease(ledger: Ledger) -> None:
    with ledger.lease(PLACE, on_wait=never), ledger.lease(OTHER, on_wait=never):
        assert len(sql(ledger, "SELECT * FROM lease")) == 2
    assert sql(ledger, "SELECT * FROM lease") == []


def test_it_is_kept_for_longer_than_it_lasts(ledger: Ledger) -> None:
    other = stranger(ledger, 2.0)

    with ledger.lease(PLACE, on_wait=never, seconds=2.0) as lease:
        until = time.monotonic() + 4.5
        while time.monotonic() < until:
            assert not other.take()
            time.sleep(0.1)
        with lease.writing() as connection:
            add_location(connection, "late")

    assert added(ledger) == ["late"]
    assert other.take()


def test_one_that_nobody_renews_ends_and_who_held_it_writes_nothing_any_more(ledger: Ledger) -> None:
    first, second = stranger(ledger, 2.0), stranger(ledger, 60.0)
    assert first.take()
    with first.writing() as connection:
        add_location(connection, "in time")
    assert not second.take()
    time.sleep(2.1)

    with pytest.raises(LeaseLostError), first.writing() as connection:
        add_location(connection, "after its end, though nobody took it")
    assert second.take()
    with pytest.raises(LeaseLostError), first.writing() as connection:
        add_location(connection, "after another took it")
    with pytest.raises(LeaseLostError):
        first.check_lease()
    first.give_up()

    assert added(ledger) == ["in time"]
    assert not stranger_takes(ledger)
    second.check_lease()


def write_slowly(lease: Lease, seconds: float, at_the_end: Callable[[], object] = nothing) -> None:
    """Write for so long in one transaction, and never be idle."""
    with lease.writing() as connection:
        for number in range(int(seconds / 0.1)):
            add_location(connection, f"undone {number}")
            time.sleep(0.1)
        at_the_end()


def test_a_transaction_that_outlasts_it_is_undone(ledger: Ledger) -> None:
    first = stranger(
        ledger, 1.5
    )  # PostgreSQL itself ends one that is idle for so long, which a busy machine may make it
    assert first.take()

    with pytest.raises(LeaseLostError):
        write_slowly(first, 2.0)

    assert added(ledger) == []


def test_an_error_within_a_transaction_undoes_it(ledger: Ledger) -> None:
    def fail() -> None:
        raise LookupError

    with ledger.lease(PLACE, on_wait=never) as lease:
        with pytest.raises(LookupError):
            write_slowly(lease, 0.1, fail)
        with lease.writing() as connection:
            add_location(connection, "done")

    assert added(ledger) == ["done"]


def test_it_is_not_taken_from_one_who_is_writing(ledger: Ledger) -> None:
    first, second = stranger(ledger, 1.5), stranger(ledger, 60.0)
    assert first.take()
    answers: list[bool] = []
    taking = threading.Thread(target=lambda: answers.append(second.take()))

    def try_to_take() -> None:
        taking.start()
        taking.join(0.3)

    with pytest.raises(LeaseLostError):
        write_slowly(first, 2.0, try_to_take)
    taking.join(30)

    # SQLite lets nobody in before the transaction has ended, PostgreSQL says no at once.
    assert answers == [ledger.engine.dialect.name == "sqlite"]
    assert answers == [True] or second.take()
    assert added(ledger) == []


@pytest.mark.needs_postgresql
def test_postgresql_ends_the_transaction_of_one_who_does_nothing_for_as_long_as_it_lasts(postgres_url: str) -> None:
    with open_ledger(postgres_url) as ledger:
        first, second = stranger(ledger, 0.5), stranger(ledger, 60.0)
        assert first.take()

        def sleep_and_see_another_take_it() -> None:
            wait_for(second.take, "the lease of one who sleeps in the middle of a write", 10)

        with pytest.raises(LedgerError, match="stopped in the middle of a write"):
            write_slowly(first, 0.1, sleep_and_see_another_take_it)

        assert added(ledger) == []
        second.check_lease()


@pytest.mark.needs_postgresql
def test_one_who_stands_still_in_a_copy_is_ended_by_who_takes_the_lease(postgres_url: str) -> None:
    with open_ledger(postgres_url) as ledger:
        first, second = stranger(ledger, 0.5), stranger(ledger, 60.0)
        assert first.take()

        def rows() -> Iterator[tuple[str, str, str]]:
            yield "e", "left", ""
            wait_for(second.take, "the lease of one who stands still", 30)

        def copy(connection: sa.Connection) -> None:
            bulk.append(connection, location, ("endpoint", "bucket", "prefix"), rows())

        with pytest.raises(LeaseLostError):
            first.write(copy)

        assert added(ledger) == []
        second.check_lease()


def test_its_holder_may_write_from_several_threads(ledger: Ledger) -> None:
    numbers = iter(range(1000))
    with ledger.lease(PLACE, on_wait=never, seconds=10.0) as lease:

        def write() -> None:
            for _ in range(5):
                with lease.writing() as connection:
                    add_location(connection, f"{next(numbers):03}")

        at_once(write, 4)

    assert added(ledger) == [f"{number:03}" for number in range(20)]


def stranger_takes(ledger: Ledger) -> bool:
    [(location_id,)] = sql(ledger, "SELECT location_id FROM lease")
    return Lease(ledger.engine, PLACE, location_id, 60.0, "another stranger").take()


class TestAnotherProgramThatHoldsTheFile:
    @pytest.fixture(autouse=True)
    def _waits_for_a_second(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(engine, "BUSY_SECONDS", 1)

    def test_another_program_that_holds_the_file_is_waited_for(self, tmp_path: Path) -> None:
        with open_ledger(f"sqlite:///{tmp_path / 'l.db'}") as ledger, closing(busy(tmp_path / "l.db")) as other:
            waiting = threading.Thread(target=lambda: stranger(ledger, 60.0))
            waiting.start()
            time.sleep(0.3)
            other.rollback()
            waiting.join(30)
            assert len(sql(ledger, "SELECT * FROM location")) == 1

    def test_ledger_busy_for_too_long_is_an_error_of_this_package(self, tmp_path: Path) -> None:
        with (
            open_ledger(f"sqlite:///{tmp_path / 'l.db'}") as ledger,
            closing(busy(tmp_path / "l.db")),
            pytest.raises(LedgerError, match="the ledger is busy: another process has been writing"),
        ):
            stranger(ledger, 60.0)

    def test_another_program_that_holds_the_file_and_waits_halfway_through_a_write_of_ours_is_the_same(
        self, tmp_path: Path
    ) -> None:
        with open_ledger(f"sqlite:///{tmp_path / 'l.db'}") as ledger, (tmp_path / "l.db.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            with pytest.raises(LedgerError, match="the ledger is busy: another process has been writing"):
                stranger(ledger, 60.0)


def busy(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, check_same_thread=False)
    connection.execute("BEGIN IMMEDIATE")
    return connection
