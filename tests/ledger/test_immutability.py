"""What was decided stays decided: the database itself refuses to change it."""

import pytest
import sqlalchemy as sa

from dicom_sieve import Ledger
from tests.screening.screenings import ct, mr, screen_ct, sql
from tests.simulated_store import SimulatedStore

EVERYTHING = ("SELECT * FROM decision ORDER BY 1, 2", "SELECT * FROM run ORDER BY 1")


@pytest.fixture
def screened(ledger: Ledger) -> Ledger:
    screen_ct(SimulatedStore({"1": ct(), "2": mr()}), ledger, "a")
    return ledger


def is_refused(ledger: Ledger, statement: str, because: str) -> bool:
    before = [sql(ledger, query) for query in EVERYTHING]
    with (
        pytest.raises(sa.exc.DBAPIError, match=f"{because} is never changed"),
        ledger.engine.begin() as connection,
    ):
        connection.execute(sa.text(statement))
    return [sql(ledger, query) for query in EVERYTHING] == before


class TestDecisions:
    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE decision SET verdict = 'PASSED'",
            "UPDATE decision SET verdict = 'PASSED' WHERE verdict = 'DISCARDED'",
            "DELETE FROM decision",
            "DELETE FROM decision WHERE header_id = 1",
        ],
    )
    def test_are_never_updated_or_deleted(self, screened: Ledger, statement: str) -> None:
        assert is_refused(screened, statement, "a decision")


class TestFinishedRuns:
    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE run SET state = 'FAILED'",
            "UPDATE run SET state = 'RUNNING'",
            "UPDATE run SET snapshot_id = NULL",
            "UPDATE run SET manifest_uri = 's3://other'",
            "DELETE FROM run",
        ],
    )
    def test_are_never_updated_or_deleted(self, screened: Ledger, statement: str) -> None:
        assert is_refused(screened, statement, "a finished run")


class TestOnPostgresql:
    @pytest.fixture
    def ledger_url(self, postgres_url: str) -> str:
        return postgres_url

    @pytest.mark.real_postgres
    @pytest.mark.parametrize(
        ("statement", "because"),
        [
            ("TRUNCATE decision", "a decision"),
            ("TRUNCATE run CASCADE", "a finished run"),
            ("TRUNCATE header CASCADE", "a header"),
        ],
    )
    def test_nothing_is_truncated(self, screened: Ledger, statement: str, because: str) -> None:
        assert is_refused(screened, statement, because)


class TestOnSqlite:
    @pytest.fixture
    def ledger_url(self) -> str:
        return "sqlite://"

    @pytest.mark.parametrize(
        ("statement", "because"),
        [
            ("REPLACE INTO decision SELECT run_number, header_id, 'PASSED', findings FROM decision", "a decision"),
            (
                """
                INSERT OR REPLACE INTO run (number, id, location_id, criteria, criteria_digest, state, started_at,
                                            software_version)
                VALUES (1, 'a', 1, '[]', '', 'RUNNING', '2026-01-01', '')
                """,
                "a finished run",
            ),
        ],
    )
    def test_nothing_is_replaced(self, screened: Ledger, statement: str, because: str) -> None:
        assert is_refused(screened, statement, because)
