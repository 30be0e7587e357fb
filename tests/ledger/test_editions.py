"""What headers were read for is on record, is sealed, and leaves what was recorded before as it was."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from dicom_sieve import Ledger, open_ledger
from dicom_sieve.dicom.dictionary import attributes_of
from dicom_sieve.headers.edition import FIRST_DIGEST, Edition, first_edition
from dicom_sieve.headers.header import Header
from dicom_sieve.ledger.audit.verify import verify
from dicom_sieve.ledger.database.engine import connect, upgrade
from dicom_sieve.ledger.reading import editions
from dicom_sieve.ledger.writing.editions import record_edition
from dicom_sieve.screening import Screening, screen
from tests.ledger.vandal import undone, vandal
from tests.ledger.version_0008 import ROWS, make_version_0008, store_of_version_0008
from tests.screening.screenings import ct, screen_ct, sql, verdicts
from tests.support.first_edition import thinner_than
from tests.support.simulated_store import SimulatedStore

DIGESTS = [(row["id"], row["digest"]) for row in ROWS["header"]]


@pytest.fixture
def upgraded(ledger_url: str) -> Iterator[Ledger]:
    """A ledger of the version before editions, brought to this one."""
    make_version_0008(ledger_url)
    engine = connect(ledger_url)
    upgrade(engine)
    engine.dispose()
    with open_ledger(ledger_url) as opened:
        yield opened


@pytest.fixture
def of_two_editions(upgraded: Ledger) -> Ledger:
    """The same after a run that read for more."""
    screen(Screening("after", store_of_version_0008(), thinner_than("2")), upgraded)
    return upgraded


def damages(ledger: Ledger) -> set[tuple[str, str, int]]:
    return {(damage.kind.value, damage.table, damage.row) for damage in verify(ledger.engine).damages}


class TestWhatIsLookedAt:
    def test_no_header_is_looked_at_for_editions_that_none_was_read_for(
        self, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        screen_ct(SimulatedStore({"1": ct()}), ledger, "run")
        assert len(sql(ledger, "SELECT number FROM edition")) == 2
        monkeypatch.setattr(editions, "_count", lambda *_: pytest.fail("headers were looked at"))

        assert editions.find_read_for_less(ledger.engine, 1, attributes_of(["SliceThickness"])) is None

    def test_headers_are_looked_at_where_some_were_read_for_less(self, of_two_editions: Ledger) -> None:
        less = editions.find_read_for_less(of_two_editions.engine, 1, attributes_of(["SliceThickness"]), 1)

        assert less is not None
        assert less.editions == (1,)


class TestALedgerFromBeforeEditions:
    def test_a_ledger_from_before_editions_keeps_every_digest_and_seal(self, upgraded: Ledger) -> None:
        assert sql(upgraded, "SELECT id, digest FROM header ORDER BY id") == DIGESTS
        assert sql(upgraded, "SELECT DISTINCT edition FROM header") == [(1,)]
        assert sql(upgraded, "SELECT seal FROM run") == [(ROWS["run"][0]["seal"],)]
        result = verify(upgraded.engine)
        assert (result.is_intact, result.runs, result.entries) == (True, 1, 3), result.damages

    def test_a_ledger_from_before_editions_reads_nothing_again_where_no_more_is_asked(self, upgraded: Ledger) -> None:
        store = store_of_version_0008()

        screen_ct(store, upgraded, "again")

        assert store.reads == []
        assert sql(upgraded, "SELECT id, digest FROM header ORDER BY id") == DIGESTS

    def test_a_ledger_from_before_editions_keeps_its_headers_where_an_equal_object_comes(
        self, upgraded: Ledger
    ) -> None:
        store = store_of_version_0008()
        store.put("copy", store.content("1"))

        screen_ct(store, upgraded, "again")

        assert sql(upgraded, "SELECT id, digest FROM header WHERE edition = 1 ORDER BY id") == DIGESTS

    def test_a_ledger_from_before_editions_lets_pass_what_a_new_one_does_and_stays_intact(
        self, of_two_editions: Ledger
    ) -> None:
        passed = dict.fromkeys("123", ("PASSED", None))
        assert verdicts(of_two_editions, "after") == {
            **passed,
            "4": ("DISCARDED", None),
            "5": ("DISCARDED", "NOT_DICOM"),
        }
        assert verdicts(of_two_editions, "former") == verdicts(of_two_editions, "after")
        assert sql(of_two_editions, "SELECT id, digest FROM header WHERE edition = 1 ORDER BY id") == DIGESTS
        result = verify(of_two_editions.engine)
        assert (result.is_intact, result.runs, result.entries) == (True, 2, 5), result.damages

    def test_gets_a_header_for_what_was_read_for_more_also_where_it_holds_no_more(
        self, of_two_editions: Ledger
    ) -> None:
        query = "SELECT edition FROM header WHERE series_instance_uid = '1.5.2' ORDER BY edition"

        assert sql(of_two_editions, query) == [(1,), (2,)]


class TestVerification:
    @pytest.mark.parametrize("statement", ["edition = 2 WHERE id = 2", "edition = 7 WHERE id = 2"])
    def test_verification_names_a_header_that_says_it_was_read_for_more(
        self, of_two_editions: Ledger, statement: str
    ) -> None:
        with undone(of_two_editions):
            with vandal(of_two_editions) as connection:
                connection.exec_driver_sql(f"UPDATE header SET {statement}")

            assert damages(of_two_editions) == {("EDITED", "header", 2)}

    @pytest.mark.parametrize("number", [1, 2])
    @pytest.mark.parametrize("column", ["name", "header_tags", "digest"])
    def test_verification_names_an_edition_that_was_edited(
        self, of_two_editions: Ledger, column: str, number: int
    ) -> None:
        with undone(of_two_editions):
            with vandal(of_two_editions) as connection:
                connection.exec_driver_sql(f"UPDATE edition SET {column} = '00180050' WHERE number = {number}")

            assert damages(of_two_editions) == {("EDITED", "edition", number)}

    def test_verification_names_an_edition_that_was_added_or_deleted(self, of_two_editions: Ledger) -> None:
        with undone(of_two_editions):
            with vandal(of_two_editions) as connection:
                connection.exec_driver_sql("DELETE FROM edition WHERE number = 2")
                connection.exec_driver_sql("INSERT INTO edition VALUES (3, 'DS', '00180050', 'd', NULL, NULL)")

            assert damages(of_two_editions) == {("MISSING", "edition", 2), ("ADDED", "edition", 3)}


class TestAnEdition:
    @pytest.mark.parametrize("statement", ["UPDATE edition SET name = 'DS'", "DELETE FROM edition"])
    def test_an_edition_is_never_updated_or_deleted(self, ledger: Ledger, statement: str) -> None:
        with pytest.raises(sa.exc.DBAPIError, match="an edition is never changed"), ledger.engine.begin() as connection:
            connection.exec_driver_sql(statement)

    def test_an_edition_is_never_replaced_on_sqlite(self, tmp_path: Path) -> None:
        open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}").close()
        replace = "INSERT OR REPLACE INTO edition VALUES (1, 'DS', '00180050', 'd', NULL, NULL)"
        with (
            closing(sqlite3.connect(tmp_path / "ledger.db")) as connection,
            pytest.raises(sqlite3.IntegrityError, match="an edition is never changed"),
        ):
            connection.execute(replace)

    def test_an_edition_is_recorded_once(self, ledger: Ledger) -> None:
        edition = Edition("DS", "00180050")
        with ledger.engine.begin() as connection:
            assert record_edition(connection, first_edition()) == 1
            numbers = [record_edition(connection, edition) for _ in range(2)]

        assert numbers == [2, 2]
        assert sql(ledger, "SELECT number, name, header_tags, digest FROM edition WHERE number > 1") == [
            (2, "DS", "00180050", edition.digest)
        ]
        assert damages(ledger) == set()

    def test_an_edition_of_the_first_ledgers_keeps_its_digest(self) -> None:
        """Where this fails, the dictionary has other attributes than before: what is on record stays."""
        assert first_edition().digest == FIRST_DIGEST
        assert first_edition().mark is None

    def test_an_edition_is_part_of_the_digest_of_a_header_unless_it_is_the_first(self) -> None:
        header = Header(series_instance_uid="1.5")

        assert header.digest(b"") == header.digest(b"", None) != header.digest(b"", Edition("DS", "00180050").mark)
