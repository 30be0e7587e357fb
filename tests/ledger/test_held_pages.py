"""Kept sums of the changes of headers: a cache that is dropped by what changes it, and compared by verify."""

import pytest
import sqlalchemy as sa

from dicom_sieve import Ledger, open_ledger
from dicom_sieve.clock import now
from dicom_sieve.errors import DamagedChunkError
from dicom_sieve.ledger.audit.forget import forget
from dicom_sieve.ledger.audit.verify import verify
from dicom_sieve.ledger.database import engine as database
from dicom_sieve.ledger.database import held_pages
from dicom_sieve.ledger.database.held_pages import gaps, keep_page
from dicom_sieve.ledger.reading.held_headers import headers_held
from dicom_sieve.ledger.writing.headers import record_headers
from dicom_sieve.objects import Location
from tests.ledger.first_version import make_first_version
from tests.ledger.made_shard import a_shard_of_three
from tests.ledger.vandal import vandal
from tests.screening.screenings import ct, screen_ct, sql
from tests.support.simulated_store import PLACE, SimulatedStore
from tests.support.statements import statements_of

ELSEWHERE = Location("https://simulated", "elsewhere")


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held_pages, "PAGE_IDS", 4)


def a_store(count: int = 10, place: Location = PLACE) -> SimulatedStore:
    return SimulatedStore({f"{n:02}": ct(f"1.5.{n}", f"1.6.{n}") for n in range(count)}, location=place)


def kept(ledger: Ledger) -> list[tuple[int, int, int, int]]:
    """Give location, page, last snapshot and number of headers of each kept page."""
    rows = sql(ledger, "SELECT location_id, page, snapshot_id, row_count FROM held_page ORDER BY location_id, page")
    return [tuple(row) for row in rows]


class TestKeeping:
    def test_a_run_keeps_what_its_snapshot_holds(self, ledger: Ledger) -> None:
        screen_ct(a_store(), ledger, "a")

        assert kept(ledger) == [(1, 0, 1, 3), (1, 1, 1, 4), (1, 2, 1, 3)]

    def test_a_change_drops_the_pages_of_its_headers_alone(self, ledger: Ledger) -> None:
        store = a_store()
        screen_ct(store, ledger, "a")
        [(first,)] = sql(ledger, "SELECT header_id FROM object WHERE key = '00'")
        store.delete("00")
        screen_ct(store, ledger, "b")

        changed = [(page, last, rows) for _, page, last, rows in kept(ledger) if last == 2]
        assert changed == [(first // 4, 2, {0: 2, 1: 3, 2: 2}[first // 4])]

    def test_objects_that_are_read_later_drop_the_pages_of_their_snapshot(self, ledger: Ledger) -> None:
        location, indexed = a_shard_of_three(ledger)
        for some in (indexed[:1], indexed[1:]):
            with database.writing(ledger.engine) as connection:
                record_headers(connection, location, some)
            assert kept(ledger) == []
            with database.writing(ledger.engine) as connection:
                keep_page(connection, location, 0)
        assert kept(ledger) == [(1, 0, 1, 2)]

        assert sorted(headers_held(ledger.engine, 1, 1).instances.tolist()) == [1, 2]

    def test_pages_of_an_earlier_snapshot_serve_the_later_ones(self, ledger: Ledger) -> None:
        store = a_store()
        screen_ct(store, ledger, "a")
        before = kept(ledger)
        screen_ct(store, ledger, "b")

        assert kept(ledger) == before
        assert headers_held(ledger.engine, 2, 1).ids.tolist() == list(range(1, 11))

    def test_what_is_kept_is_not_added_up_again(self, ledger: Ledger) -> None:
        screen_ct(a_store(), ledger, "a")

        sent = statements_of(ledger, lambda: headers_held(ledger.engine, 1, 1))

        assert sum("held_page" in statement for statement in sent) == 1
        assert sum("header_change" in statement for statement in sent) == 1  # what lies behind the last page

    def test_an_earlier_snapshot_is_added_up_where_its_pages_have_changed(self, ledger: Ledger) -> None:
        store = a_store()
        screen_ct(store, ledger, "a")
        for key in ("00", "05", "09"):
            store.delete(key)
        screen_ct(store, ledger, "b")

        assert headers_held(ledger.engine, 1, 1).ids.tolist() == list(range(1, 11))
        assert len(headers_held(ledger.engine, 2, 1).ids) == 7

    def test_a_ledger_without_pages_reads_the_same(self, ledger: Ledger) -> None:
        screen_ct(a_store(), ledger, "a")
        before = headers_held(ledger.engine, 1, 1)
        with database.writing(ledger.engine) as connection:
            connection.execute(sa.text("DELETE FROM held_page WHERE page = 1"))

        after = headers_held(ledger.engine, 1, 1)

        assert after.ids.tolist() == before.ids.tolist()
        assert after.bytes.tolist() == before.bytes.tolist()
        assert verify(ledger.engine).damages == []

    def test_the_first_run_after_an_upgrade_keeps_them(self, ledger_url: str) -> None:
        make_first_version(ledger_url)
        engine = database.connect(ledger_url)
        database.upgrade(engine)
        engine.dispose()
        with open_ledger(ledger_url) as ledger:
            assert kept(ledger) == []
            screen_ct(a_store(place=ELSEWHERE), ledger, "elsewhere")
            assert sum(rows for *_, rows in kept(ledger)) == 10

    def test_forgetting_drops_those_of_its_location_alone(self, ledger: Ledger) -> None:
        screen_ct(a_store(), ledger, "a")
        screen_ct(a_store(4, ELSEWHERE), ledger, "b")
        forget(ledger.engine, PLACE, "test", clock=now)

        assert {location for location, *_ in kept(ledger)} == {2}
        assert headers_held(ledger.engine, 2, 2).instances.tolist() == [1] * 4
        assert verify(ledger.engine).damages == []
        screen_ct(a_store(), ledger, "again")
        assert verify(ledger.engine).damages == []


class TestVerifying:
    @pytest.mark.parametrize(
        "edit",
        [
            "UPDATE held_page SET snapshot_id = snapshot_id + 1",
            "UPDATE held_page SET snapshot_id = snapshot_id - 1",
            "UPDATE held_page SET row_count = row_count + 1",
            "UPDATE held_page SET instances = bytes",
            "UPDATE held_page SET bytes = instances",
            "UPDATE held_page SET ids = instances",
        ],
    )
    def test_an_edited_page_is_named(self, ledger: Ledger, edit: str) -> None:
        screen_ct(a_store(3), ledger, "a")
        with vandal(ledger) as connection:
            connection.execute(sa.text(edit))

        [damage] = verify(ledger.engine).damages

        assert damage.describe() == "page 0 of the kept numbers of headers' instances was edited"

    def test_a_page_of_headers_that_the_location_does_not_have_is_named(self, ledger: Ledger) -> None:
        screen_ct(a_store(3), ledger, "a")
        with vandal(ledger) as connection:
            connection.execute(sa.text("UPDATE held_page SET page = 7"))

        assert [damage.row for damage in verify(ledger.engine).damages] == [7]

    def test_changes_that_were_edited_are_named_and_not_their_page(self, ledger: Ledger) -> None:
        screen_ct(a_store(3), ledger, "a")
        with vandal(ledger) as connection:
            connection.execute(sa.text("UPDATE header_change SET instances = 5 WHERE header_id = 2"))

        assert [(damage.table, damage.row) for damage in verify(ledger.engine).damages] == [("header_change", 2)]

    def test_a_page_that_cannot_be_read_stops_a_run(self, ledger: Ledger) -> None:
        store = a_store(3)
        screen_ct(store, ledger, "a")
        with vandal(ledger) as connection:
            connection.execute(sa.text("UPDATE held_page SET row_count = 2"))

        with pytest.raises(DamagedChunkError):
            screen_ct(store, ledger, "b")


class TestGaps:
    def test_are_what_lies_between_pages_and_behind_them(self) -> None:
        end = held_pages._NO_END
        assert list(gaps([])) == [(0, end)]
        assert list(gaps([3, 0, 1])) == [(8, 12), (16, end)]
