"""Ranges of keys that are as they were listed last are passed over, and no change is missed for it (ADR 62)."""

import random
from contextlib import suppress
from pathlib import Path

import pytest
import sqlalchemy as sa

from dicom_sieve import Ledger, open_ledger
from dicom_sieve.clock import now
from dicom_sieve.errors import IncompleteRunError
from dicom_sieve.ledger.audit.forget import forget
from dicom_sieve.ledger.audit.verify import verify
from dicom_sieve.screening import listed_parts, snapshot
from tests.ledger.vandal import vandal
from tests.screening.screenings import ct, mr, screen_ct, sql, verdicts
from tests.support.simulated_store import PLACE, SimulatedStore
from tests.support.statements import statements_of

OPEN = "SELECT key, etag, size, added_in FROM object WHERE removed_in IS NULL ORDER BY key"
CLOSED = "SELECT key, etag, size, added_in, removed_in FROM object WHERE removed_in IS NOT NULL ORDER BY 1, 4"
RANGES = "SELECT last_key, row_count, size FROM listed_range ORDER BY last_key"


@pytest.fixture(autouse=True)
def small_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listed_parts, "RANGE_KEYS", 8)
    monkeypatch.setattr(listed_parts, "FEWEST_KEYS", 2)
    monkeypatch.setattr(listed_parts, "_KEYS_AT_A_TIME", 5)


def a_store(count: int = 20) -> SimulatedStore:
    return SimulatedStore({f"{number:03}": ct("1.5.1", f"1.6.{number + 1}") for number in range(count)})


def queries(ledger: Ledger, store: SimulatedStore, run_id: str) -> int:
    """Run, and count the queries for what the ledger knows of objects by their keys."""
    sent = (each.replace('"', "") for each in statements_of(ledger, lambda: screen_ct(store, ledger, run_id)))
    return sum("ORDER BY object.key" in statement and "object.removed_in IS NULL" in statement for statement in sent)


def test_an_unchanged_location_is_not_compared_object_by_object(ledger: Ledger) -> None:
    store = a_store()
    assert queries(ledger, store, "a") == 3
    assert [row[:2] for row in sql(ledger, RANGES)] == [("007", 8), ("015", 8), ("019", 4)]

    assert queries(ledger, store, "b") == 1  # what is behind the last one

    assert verdicts(ledger, "b") == verdicts(ledger, "a")
    assert ledger.run("b").row.counts is not None
    store.put("010", mr())
    assert queries(ledger, store, "c") == 2
    assert verdicts(ledger, "c") == {**verdicts(ledger, "a"), "010": ("DISCARDED", None)}


@pytest.mark.parametrize("seed", range(3))
def test_a_history_is_the_same_with_and_without_ranges(
    ledger: Ledger, seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_ledger(f"sqlite:///{tmp_path / 'other.db'}") as other_ledger:
        go_through(ledger, other_ledger, seed, monkeypatch)


def go_through(ledger: Ledger, other_ledger: Ledger, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take both through the same history; what the other keeps of listings is dropped before each."""
    chance = random.Random(seed)
    monkeypatch.setattr(snapshot, "BATCH_KEYS", 7)
    store = a_store(40)
    for number in range(12):
        for _ in range(chance.choice([0, 1, 2, 25])):
            key = f"{chance.randrange(90):03}"
            match chance.choice(["put", "put", "delete", "bad"]):
                case "put":
                    store.put(key, ct("1.5.1", f"1.6.{chance.randrange(500) + 1}"))
                case "delete":
                    store.delete(key)
                case _:
                    store.put(key, b"no")
        store.refused = {f"{chance.randrange(90):03}"} if chance.random() < 0.3 else set()
        store.faults = {f"{chance.randrange(90):03}": -1} if chance.random() < 0.2 else {}
        with other_ledger.engine.begin() as connection:
            connection.execute(sa.text("DELETE FROM listed_range"))
        counts = []
        for each in (ledger, other_ledger):
            with suppress(IncompleteRunError):
                screen_ct(store, each, f"run-{number}")
            counts.append(each.run(f"run-{number}").row.counts)
        assert counts[0] == counts[1]
        for query in (OPEN, CLOSED):
            assert sql(ledger, query) == sql(other_ledger, query)
        assert not verify(ledger.engine).damages


def test_what_was_overwritten_during_a_run_and_is_as_before_is_read_again(ledger: Ledger) -> None:
    store = a_store()
    former = store.content("010")
    store.on_listed = lambda: store.put("010", mr())
    screen_ct(store, ledger, "a")
    store.on_listed = lambda: None
    store.put("010", former)

    assert screen_ct(store, ledger, "b").counts["indexed"] == 1

    assert verdicts(ledger, "a")["010"] == ("DISCARDED", None)
    assert verdicts(ledger, "b")["010"] == ("PASSED", None)


def test_what_could_not_be_read_is_read_again_though_nothing_changed(ledger: Ledger) -> None:
    store = a_store()
    store.faults = {"010": -1}
    with pytest.raises(IncompleteRunError):
        screen_ct(store, ledger, "a")
    store.faults, store.refused = {}, {"003"}

    assert screen_ct(store, ledger, "b").counts["indexed"] == 1
    assert screen_ct(store, ledger, "c").counts["indexed"] == 0

    store.put("003", ct())
    store.refused = set()
    assert screen_ct(store, ledger, "d").counts["indexed"] == 1


def test_where_too_much_must_be_read_again_everything_is_compared(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot, "MOST_UNSETTLED", 1)
    store = a_store()
    store.faults = {"010": -1, "011": -1}
    with pytest.raises(IncompleteRunError):
        screen_ct(store, ledger, "a")
    store.faults = {}

    assert queries(ledger, store, "b") == 3
    assert queries(ledger, store, "c") == 1


@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE listed_range SET digest = (SELECT max(digest) FROM listed_range AS other)",
        "UPDATE listed_range SET last_key = '0079' WHERE last_key = '007'",
        "UPDATE listed_range SET row_count = row_count + 1 WHERE last_key = '007'",
        "UPDATE listed_range SET size = size + 1 WHERE last_key = '007'",
    ],
)
def test_verify_names_what_was_edited_and_nothing_else(ledger: Ledger, edit: str) -> None:
    screen_ct(a_store(), ledger, "a")
    assert not verify(ledger.engine).damages
    with vandal(ledger) as connection:
        connection.execute(sa.text(edit))

    [damage] = verify(ledger.engine).damages

    assert damage.describe() == "what is kept of the last listing of location 1 was edited"


def test_ranges_are_forgotten_with_their_location(ledger: Ledger) -> None:
    screen_ct(a_store(), ledger, "a")

    forget(ledger.engine, PLACE, "why", clock=now)

    assert sql(ledger, RANGES) == []
