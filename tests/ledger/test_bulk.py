"""Very many rows at once: as each database takes them, and all of them or none."""

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from dicom_sieve import Ledger, open_ledger
from dicom_sieve.errors import LedgerError
from dicom_sieve.ledger.database import bulk, engine
from dicom_sieve.ledger.database.column_types import BigKey
from dicom_sieve.ledger.database.tables import outcome
from tests.screening.screenings import sql

COLUMNS = ("run_number", "palette", "code", "verdict", "findings")
ODD = ['["tab\\t, new line\\n"]', '["back\\\\slash"]', '["\\u00e9 \\ud83d\\ude00"]', "[]", '["\'quoted\' \\"twice\\""]']
staged = bulk.staging("staged_number", sa.Column("id", BigKey, primary_key=True))


def read_back(ledger: Ledger) -> list[tuple[Any, ...]]:
    with ledger.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(sa.select(outcome).order_by(outcome.c.palette))]


def pid_of(connection: sa.Connection) -> int:
    """Give the process that serves a connection, which need not be asked."""
    pid: int = connection.connection.driver_connection.info.backend_pid  # type: ignore[union-attr]
    return pid


class TestAppending:
    def test_rows_are_there_as_they_were_given(self, ledger: Ledger) -> None:
        with engine.writing(ledger.engine) as connection:
            rows = ((1, row, b"\0\xff", "PASSED", text) for row, text in enumerate(ODD))
            bulk.append(connection, outcome, COLUMNS, rows)

        found = [findings for *_, findings in read_back(ledger)]
        assert found == [["tab\t, new line\n"], ["back\\slash"], ["é \U0001f600"], [], ["'quoted' \"twice\""]]

    def test_none_are_there_when_one_is_refused(self, ledger: Ledger) -> None:
        rows = [(1, 1, b"", "PASSED", "[]"), (1, 2, b"", "PASSED", "[]"), (1, 1, b"", "DISCARDED", "[]")]
        with pytest.raises(Exception, match=r"unique|UNIQUE"), engine.writing(ledger.engine) as connection:
            bulk.append(connection, outcome, COLUMNS, rows)

        assert read_back(ledger) == []

    def test_none_are_there_when_what_gives_them_fails(self, ledger: Ledger) -> None:
        def rows() -> Iterator[tuple[Any, ...]]:
            yield 1, 1, b"", "PASSED", "[]"
            raise LookupError("no more of them")

        with pytest.raises(LookupError, match="no more of them"), engine.writing(ledger.engine) as connection:
            bulk.append(connection, outcome, COLUMNS, rows())

        assert read_back(ledger) == []

    @pytest.mark.needs_postgresql
    def test_a_database_that_goes_away_is_said_to_be_away(self, postgres_url: str) -> None:
        with open_ledger(postgres_url) as ledger:

            def rows(connection: sa.Connection) -> Iterator[tuple[Any, ...]]:
                for row in range(100_000):
                    if row == 50:
                        sql(ledger, "SELECT pg_terminate_backend(:pid)", pid=pid_of(connection))
                    yield 1, row, b"", "PASSED", "[]"

            with pytest.raises(LedgerError) as caught, engine.writing(ledger.engine) as connection:
                bulk.append(connection, outcome, COLUMNS, rows(connection))

            assert str(caught.value) == f"the ledger cannot be reached: {ledger.address}"
            assert read_back(ledger) == []


class TestStaging:
    def test_what_is_staged_anew_takes_the_place_of_what_was(self, ledger: Ledger) -> None:
        with engine.writing(ledger.engine) as connection:
            bulk.stage(connection, staged, [(1,), (2,)])
            bulk.stage(connection, staged, [(3,)])
            assert connection.scalars(sa.select(staged.c.id)).all() == [3]
        with engine.writing(ledger.engine) as connection:
            bulk.stage(connection, staged, [])
            assert connection.scalars(sa.select(staged.c.id)).all() == []

    def test_it_is_the_connection_s_own(self, ledger: Ledger) -> None:
        with ledger.engine.connect() as connection, ledger.engine.connect() as other:
            bulk.stage(connection, staged, [(1,)])
            other.execute(sa.schema.CreateTable(staged, if_not_exists=True))
            assert other.scalars(sa.select(staged.c.id)).all() == []
            assert connection.scalars(sa.select(staged.c.id)).all() == [1]
