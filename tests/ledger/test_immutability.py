"""What was decided stays decided: the database itself refuses to change it."""

import datetime
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from dicom_sieve import Ledger, open_ledger
from dicom_sieve.criteria.named import NamedCriteria
from dicom_sieve.ledger.audit.forget import forget
from dicom_sieve.ledger.database.actions import Action
from dicom_sieve.ledger.writing.named_criteria import save_criteria
from dicom_sieve.ledger.writing.page_actions import record_action
from dicom_sieve.objects import Location
from tests.ledger.vandal import vandal
from tests.screening.screenings import ct, mr, one_of, screen_ct, sql
from tests.support.simulated_store import SimulatedStore

TABLES = ("decision_page", "outcome", "run", "seal_block", "forgotten", "header", "block")
EVERYTHING = (
    *(f"SELECT * FROM {table} ORDER BY 1, 2, 3" for table in TABLES),
    "SELECT * FROM chunk ORDER BY tag",
)
BEGIN = """
INSERT INTO forgotten (location_id, endpoint, bucket, prefix, reason, started_at)
VALUES (1, '', '', '', 'why', '2026-01-01')
"""


@pytest.fixture
def screened(ledger: Ledger) -> Ledger:
    save_criteria(ledger.engine, "kept", one_of("CT"))
    record_action(ledger.engine, Action.SAVE, person="Ann", role="MANAGER", criteria=NamedCriteria("kept", 1))
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
            "UPDATE outcome SET verdict = 'PASSED'",
            "UPDATE outcome SET verdict = 'PASSED' WHERE verdict = 'DISCARDED'",
            "UPDATE decision_page SET codes = substr(codes, 2, 1)",
            "DELETE FROM decision_page",
            "DELETE FROM decision_page WHERE number = 0",
            "DELETE FROM outcome WHERE verdict = 'DISCARDED'",
        ],
    )
    def test_decisions_are_never_updated_or_deleted(self, screened: Ledger, statement: str) -> None:
        assert is_refused(screened, statement, "a decision")


class TestBlocks:
    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE block SET first_id = 7",
            "UPDATE block SET location_id = 1",
            "DELETE FROM block",
            "UPDATE chunk SET data = (SELECT max(data) FROM chunk AS c)",
            "UPDATE chunk SET tag = '00080061' WHERE tag = '00080060'",
            "DELETE FROM chunk",
            "DELETE FROM chunk WHERE tag = '00080060'",
        ],
    )
    def test_blocks_and_their_columns_are_never_updated_or_deleted(self, screened: Ledger, statement: str) -> None:
        assert is_refused(screened, statement, "a block")

    def test_blocks_of_a_location_go_only_while_it_is_being_forgotten(self, screened: Ledger) -> None:
        screen_ct(SimulatedStore({"1": ct()}, location=Location("https://simulated", "elsewhere")), screened, "b")
        with vandal(screened) as connection:
            connection.execute(sa.text("UPDATE block SET location_id = 2, kind = 'OBJECT'"))
        with screened.engine.begin() as connection:
            connection.execute(sa.text(BEGIN))

        assert is_refused(screened, "DELETE FROM chunk", "a block")
        assert is_refused(screened, "DELETE FROM block", "a block")
        with vandal(screened) as connection:
            connection.execute(sa.text("UPDATE block SET location_id = NULL, kind = 'HEADER'"))
        with screened.engine.begin() as connection:
            connection.execute(sa.text("DELETE FROM chunk"))
            assert connection.execute(sa.text("DELETE FROM block")).rowcount == 3


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
    def test_finished_runs_are_never_updated_or_deleted(self, screened: Ledger, statement: str) -> None:
        assert is_refused(screened, statement, "a finished run")


class TestSeals:
    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE seal_block SET digest = ''",
            "DELETE FROM seal_block",
            "INSERT INTO seal_block SELECT run_number, 'X', first_id, last_id, 1, digest, marks FROM seal_block",
        ],
    )
    def test_seals_of_a_finished_run_are_never_changed(self, screened: Ledger, statement: str) -> None:
        assert is_refused(screened, statement, "a seal")


class TestWhatWasForgotten:
    @pytest.fixture
    def forgotten(self, screened: Ledger) -> Ledger:
        place = SimulatedStore({}).location
        forget(screened.engine, place, "why", clock=lambda: datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC))
        screen_ct(SimulatedStore({"1": ct()}), screened, "after")
        return screened

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE forgotten SET reason = 'other'",
            "UPDATE forgotten SET finished_at = NULL",
            "DELETE FROM forgotten",
        ],
    )
    def test_what_was_forgotten_is_never_changed(self, forgotten: Ledger, statement: str) -> None:
        assert is_refused(forgotten, statement, "what was forgotten")

    @pytest.mark.parametrize("more", ["", ", finished_at = '2026-01-01'"])
    def test_what_was_forgotten_may_only_come_to_its_end(self, screened: Ledger, more: str) -> None:
        with screened.engine.begin() as connection:
            connection.execute(sa.text(BEGIN))

        assert is_refused(screened, f"UPDATE forgotten SET reason = 'other'{more}", "what was forgotten")

    @pytest.mark.parametrize(
        ("statement", "because"),
        [
            ("DELETE FROM decision_page WHERE run_number = 2", "a decision"),
            ("DELETE FROM outcome WHERE run_number = 2", "a decision"),
            ("DELETE FROM seal_block WHERE run_number = 2", "a seal"),
            ("DELETE FROM run WHERE number = 2", "a finished run"),
            ("UPDATE outcome SET verdict = 'PASSED' WHERE run_number = 1", "a decision"),
        ],
    )
    def test_what_was_forgotten_lets_the_rows_of_its_location_go_and_nothing_else(
        self, screened: Ledger, statement: str, because: str
    ) -> None:
        elsewhere = SimulatedStore({"1": ct()}, location=Location("https://simulated", "elsewhere"))
        screen_ct(elsewhere, screened, "elsewhere")
        with screened.engine.begin() as connection:
            connection.execute(sa.text(BEGIN))

        assert is_refused(screened, statement, because)
        with screened.engine.begin() as connection:
            assert connection.execute(sa.text("DELETE FROM decision_page WHERE run_number = 1")).rowcount == 1
            assert connection.execute(sa.text("DELETE FROM outcome WHERE run_number = 1")).rowcount == 2


class TestOnPostgresql:
    @pytest.fixture
    def ledger_url(self, postgres_url: str) -> str:
        return postgres_url

    @pytest.mark.needs_postgresql
    @pytest.mark.parametrize(
        ("statement", "because"),
        [
            ("TRUNCATE decision_page", "a decision"),
            ("TRUNCATE outcome", "a decision"),
            ("TRUNCATE run CASCADE", "a finished run"),
            ("TRUNCATE seal_block", "a seal"),
            ("TRUNCATE named_criteria", "a version of criteria"),
            ("TRUNCATE page_action", "what somebody did"),
            ("TRUNCATE forgotten", "what was forgotten"),
            ("TRUNCATE header CASCADE", "a header"),
            ("TRUNCATE chunk", "a block"),
            ("TRUNCATE block CASCADE", "a block"),
            ("TRUNCATE object CASCADE", "an object"),
            ("TRUNCATE location CASCADE", "a snapshot"),
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
            (
                "REPLACE INTO outcome SELECT run_number, palette, code, 'PASSED', findings FROM outcome",
                "a decision",
            ),
            (
                "REPLACE INTO decision_page SELECT run_number, kind, number, 1, codes FROM decision_page",
                "a decision",
            ),
            (
                """
                INSERT OR REPLACE INTO run (number, id, location_id, criteria, criteria_digest, state, started_at,
                                            software_version)
                VALUES (1, 'a', 1, '[]', '', 'RUNNING', '2026-01-01', '')
                """,
                "a finished run",
            ),
            (
                "REPLACE INTO seal_block SELECT run_number, part, first_id, last_id, 7, digest, marks FROM seal_block",
                "a seal",
            ),
            ("REPLACE INTO named_criteria SELECT * FROM named_criteria", "a version of criteria"),
            ("REPLACE INTO page_action SELECT * FROM page_action", "what somebody did"),
            (
                "REPLACE INTO named_criteria SELECT 7, name, version, '[]', '', '', saved_at, '' FROM named_criteria",
                "a version of criteria",
            ),
        ],
    )
    def test_nothing_is_replaced(self, screened: Ledger, statement: str, because: str) -> None:
        assert is_refused(screened, statement, because)

    @pytest.mark.parametrize(
        ("statement", "because"),
        [
            ("REPLACE INTO run SELECT * FROM run", "a finished run"),
            ("REPLACE INTO seal_block SELECT * FROM seal_block", "a seal"),
        ],
    )
    def test_on_sqlite_runs_and_seals_are_not_replaced_by_another_program_either(
        self, tmp_path: Path, statement: str, because: str
    ) -> None:
        with open_ledger(f"sqlite:///{tmp_path / 'l.db'}") as ledger:
            screen_ct(SimulatedStore({"1": ct()}), ledger, "a")
        with (
            closing(sqlite3.connect(tmp_path / "l.db")) as connection,  # without recursive triggers, as it comes
            pytest.raises(sqlite3.IntegrityError, match=f"{because} is never changed"),
        ):
            connection.execute(statement)
