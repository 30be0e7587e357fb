"""Counts by header: what they sum up to is what a plain count over the object rows gives, for every snapshot."""

import json
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from itertools import count

import pytest
import sqlalchemy as sa
from alembic import command
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dicom_sieve import Ledger, open_ledger
from dicom_sieve.errors import IncompleteRunError, NothingReadableError
from dicom_sieve.ledger.audit.recount import recount_held_pages
from dicom_sieve.ledger.database import engine as database
from dicom_sieve.ledger.database import held_pages
from dicom_sieve.ledger.database.versions import migrations
from dicom_sieve.ledger.reading.held_headers import headers_held
from dicom_sieve.ledger.writing.headers import record_headers, unread_objects
from dicom_sieve.ledger.writing.snapshots import record_changes
from dicom_sieve.objects import Location
from tests.ledger.contents import CONTENTS, KEYS, as_list
from tests.ledger.made_shard import a_shard_of_three
from tests.screening.screenings import ct, decisions_of, mr, screen_ct, sql
from tests.support.simulated_store import SimulatedStore

Held = dict[tuple[int, int], tuple[int, int]]
"""By snapshot and header: instances and bytes."""

numbers = count(1)
keys, names = st.sampled_from(KEYS), st.sampled_from(sorted(CONTENTS))
happenings = st.lists(
    st.one_of(
        st.tuples(st.just("put"), keys, names),
        st.tuples(st.just("put while it runs"), keys, names),
        st.tuples(st.sampled_from(["delete", "refuse", "break", "heal"]), keys, st.none()),
        st.tuples(st.just("run"), st.none(), st.none()),
    ),
    min_size=3,
    max_size=14,
)


def counted(ledger: Ledger) -> Held:
    """Count object rows, snapshot by snapshot."""
    rows = sql(
        ledger,
        "SELECT snapshot.id, header_id, count(*), sum(size) FROM snapshot JOIN object "
        "ON object.location_id = snapshot.location_id AND added_in <= snapshot.id "
        "AND (removed_in IS NULL OR removed_in > snapshot.id) "
        "WHERE header_id IS NOT NULL GROUP BY snapshot.id, header_id",
    )
    return {(snapshot, header): (instances, int(size)) for snapshot, header, instances, size in rows}


def summed(ledger: Ledger) -> Held:
    """Sum up the changes, snapshot by snapshot."""
    changes = sql(ledger, "SELECT location_id, header_id, snapshot_id, instances, bytes FROM header_change")
    held: dict[tuple[int, int], list[int]] = defaultdict(lambda: [0, 0])
    for snapshot, location in sql(ledger, "SELECT id, location_id FROM snapshot"):
        for of, header, since, instances, size in changes:
            if of == location and since <= snapshot:
                held[snapshot, header][0] += instances
                held[snapshot, header][1] += size
    return {which: (instances, size) for which, (instances, size) in held.items() if (instances, size) != (0, 0)}


def read_from_pages(ledger: Ledger) -> Held:
    """Give what is read of every snapshot: kept sums, where they are kept."""
    held: Held = {}
    for snapshot, location in sql(ledger, "SELECT id, location_id FROM snapshot"):
        found = headers_held(ledger.engine, snapshot, location)
        rows = zip(found.ids.tolist(), found.instances.tolist(), found.bytes.tolist(), strict=True)
        held.update({(snapshot, header): (instances, size) for header, instances, size in rows})
    return held


def wrong_pages(ledger: Ledger) -> list[int]:
    """Give the kept pages that differ from the changes."""
    wrong: list[int] = []
    with ledger.engine.connect() as connection:
        recount_held_pages(connection, None, (), (), wrong.append)
    return wrong


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held_pages, "PAGE_IDS", 3)


class TestSums:
    @settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
    @given(happenings=happenings)
    def test_sums_are_what_counting_objects_gives(
        self, ledger: Ledger, happenings: Sequence[tuple[str, str, str | None]]
    ) -> None:
        run = f"run-{next(numbers)}"
        store = SimulatedStore({"a": CONTENTS["ct"]}, location=Location("https://simulated", run))
        for number, (what, key, name) in enumerate([*happenings, ("run", "", None)]):
            match what, name:
                case "put", str():
                    store.put(key, CONTENTS[name])
                case "put while it runs", str():
                    store.on_listed = lambda key=key, name=name: store.put(key, CONTENTS[name])  # type: ignore[misc]
                case "delete", _:
                    store.delete(key)
                case "refuse", _:
                    store.refused ^= {key}
                case "break" | "heal", _:
                    store.faults[key] = -1 if what == "break" else 0
                case _:
                    try_to_screen(store, ledger, f"{run}.{number}")

        assert read_from_pages(ledger) == summed(ledger) == counted(ledger)
        assert wrong_pages(ledger) == []

    def test_sums_do_not_change_when_a_shard_is_recorded_twice(self, ledger: Ledger) -> None:
        location, indexed = a_shard_of_three(ledger)
        for _ in range(2):
            with database.writing(ledger.engine) as connection:
                record_headers(connection, location, indexed)

            assert sorted(summed(ledger).values()) == sorted([(2, 2 * len(ct())), (1, len(mr()))])
            assert summed(ledger) == counted(ledger)
        assert list(unread_objects(ledger.engine, location)) == []

    def test_leave_out_what_was_closed_before_it_was_recorded(self, ledger: Ledger) -> None:
        location, indexed = a_shard_of_three(ledger)
        with database.writing(ledger.engine) as connection:
            record_changes(connection, 1, location, removed=[indexed[0].id], added=[])
            record_headers(connection, location, indexed)

        assert sorted(summed(ledger).values()) == [(1, len(ct())), (1, len(mr()))]
        assert sql(ledger, "SELECT header_id FROM object WHERE removed_in IS NOT NULL") == [(None,)]

    def test_sums_do_not_change_when_rows_are_closed_twice(self, ledger: Ledger) -> None:
        location, indexed = a_shard_of_three(ledger)
        with database.writing(ledger.engine) as connection:
            record_headers(connection, location, indexed)
        for _ in range(2):
            with database.writing(ledger.engine) as connection:
                record_changes(connection, 1, location, removed=[indexed[0].id], added=[])

        assert sorted(summed(ledger).values()) == [(1, len(ct())), (1, len(mr()))]


class TestFromTheFirstVersion:
    def test_what_there_is_is_counted_and_stays_as_it_was(self, ledger_url: str) -> None:
        engine = database.connect(ledger_url)
        with engine.connect() as connection, migrations(connection) as config:
            command.upgrade(config, "0001")
            connection.commit()
        fill_first_version(engine)
        old = Ledger(engine)
        before = sql(old, "SELECT * FROM instance_decision ORDER BY 1, 2, 3")
        decided = sql(old, "SELECT * FROM decision ORDER BY 1, 2")
        database.upgrade(engine)
        engine.dispose()

        with open_ledger(ledger_url) as ledger:
            assert summed(ledger) == counted(ledger) == {(1, 1): (2, 30), (1, 2): (1, 5), (2, 1): (1, 20)}
            after = sql(ledger, "SELECT * FROM instance_decision ORDER BY 1, 2, 3")
            assert [row[: len(before[0])] for row in after] == before  # later columns stand behind
            assert [(*row[:3], as_list(row[3])) for row in decided] == decisions_of(ledger)
            assert [row[3] for row in decisions_of(ledger)] == [["MET"], ["NOT_MET"]]
            with (
                pytest.raises(sa.exc.DBAPIError, match="a decision is never changed"),
                ledger.engine.begin() as connection,
            ):
                connection.execute(sa.text("UPDATE outcome SET verdict = 'PASSED'"))


def try_to_screen(store: SimulatedStore, ledger: Ledger, run_id: str) -> None:
    with suppress(IncompleteRunError, NothingReadableError):
        screen_ct(store, ledger, run_id, shard_objects=2)
    store.on_listed = lambda: None


def fill_first_version(engine: sa.Engine) -> None:
    """Two snapshots: a location held three objects with two headers, one unread; then one went, and one changed."""
    objects = [
        (1, "a", 10, 1, 1, 2),
        (2, "b", 20, 1, 1, None),
        (3, "c", 5, 2, 1, 2),
        (4, "d", 7, None, 1, None),
    ]
    with engine.begin() as connection:
        for statement in (
            "INSERT INTO location VALUES (1, 'e', 'b', '')",
            "INSERT INTO snapshot VALUES (1, 1, 'COMPLETE', '2026-01-01', '2026-01-01', '{}')",
            "INSERT INTO snapshot VALUES (2, 1, 'COMPLETE', '2026-01-02', '2026-01-02', '{}')",
            f"INSERT INTO header VALUES (1, '{'0' * 64}', '1.1', '1.2', '1.3', '{{}}', NULL)",
            f"INSERT INTO header VALUES (2, '{'1' * 64}', '1.1', '1.4', '1.3', '{{}}', NULL)",
            (
                "INSERT INTO run VALUES (1, 'r', 1, 1, '[]', '', 'COMPLETED', '{}', '2026-01-01', '2026-01-01', '1', "
                "NULL, NULL, NULL)"
            ),
            f"INSERT INTO decision VALUES (1, 1, 'PASSED', '{json.dumps(['MET'])}')",
            f"INSERT INTO decision VALUES (1, 2, 'DISCARDED', '{json.dumps(['NOT_MET'])}')",
        ):
            connection.exec_driver_sql(statement)
        for row, key, size, header, added, removed in objects:
            connection.execute(
                sa.text(
                    "INSERT INTO object VALUES (:row, 1, :key, 'etag', :size, '2026-01-01', :header, NULL, :added, "
                    ":removed)"
                ),
                {"row": row, "key": key, "size": size, "header": header, "added": added, "removed": removed},
            )
