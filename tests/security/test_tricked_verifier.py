"""Someone edits a ledger in the way in which a verifier is told to look away: five tricks, each once called intact.

A half-written record of forgetting, JSON that two readers read differently, seals that are gone, a key that was
changed, another version; and a verifier that would write to what it verifies.
"""

import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import sqlalchemy as sa

from dicom_sieve import Ledger, open_ledger
from dicom_sieve.errors import LedgerError
from dicom_sieve.ledger.audit.verify import verify
from dicom_sieve.ledger.reading.read_only import open_read_only
from tests.ledger.vandal import vandal
from tests.screening.screenings import ct, mr, screen_ct, sql
from tests.support.blocks import copy_block, digest_again, edit_column
from tests.support.simulated_store import SimulatedStore

BEGUN = """
INSERT INTO forgotten (location_id, endpoint, bucket, prefix, reason, started_at)
SELECT id, endpoint, bucket, prefix, 'why', '2026-01-01 00:00:00.000000' FROM location
"""


@pytest.fixture
def screened(ledger: Ledger) -> Ledger:
    for name in "ab":
        screen_ct(SimulatedStore({"1": ct(), "2": mr()}), ledger, name)
    return ledger


def described(ledger: Ledger) -> list[str]:
    result = verify(ledger.engine)
    assert not result.is_intact
    return [damage.describe() for damage in result.damages]


class TestTheTrick:
    def test_the_trick_of_half_a_record_of_forgetting_excuses_nothing(self, screened: Ledger) -> None:
        with vandal(screened) as connection:
            connection.execute(sa.text(BEGUN))
            connection.execute(sa.text("UPDATE outcome SET verdict = 'PASSED'"))

        said = described(screened)

        assert "record 1 of a forgotten location was added" in said
        assert [text for text in said if "of its palette" in text] == [
            f"run {run_id}: outcome {code[0]} of its palette 0 was edited"
            for run_id, code in sql(
                screened,
                "SELECT run.id, code FROM outcome JOIN run ON run.number = run_number "
                "WHERE CAST(findings AS TEXT) LIKE '%NOT_MET%' ORDER BY number",
            )
        ]

    def test_the_trick_of_a_finished_record_of_forgetting_excuses_no_missing_run(self, screened: Ledger) -> None:
        with vandal(screened) as connection:
            connection.execute(
                sa.text(
                    BEGUN.replace("started_at)", "started_at, finished_at)").replace(
                        "00.000000' FROM", "00.000000', '2026-01-02 00:00:00.000000' FROM"
                    )
                )
            )
            for table in ("decision_page", "outcome", "seal_block", "run"):
                connection.execute(sa.text(f"DELETE FROM {table}"))

        said = described(screened)

        assert {"record 1 of a forgotten location was added", "run number 1 is missing"} <= set(said)

    def test_the_trick_of_json_that_holds_a_member_twice_is_found(self, screened: Ledger) -> None:
        """Python takes the last, SQL the first."""
        is_postgresql = screened.engine.dialect.name == "postgresql"
        text = """'[{"operation": "EQUALS", ' || substr(CAST(criteria AS TEXT), 3)"""
        with vandal(screened) as connection:
            connection.execute(sa.text(f"UPDATE run SET criteria = {f'({text})::json' if is_postgresql else text}"))

        assert described(screened) == ["run a: its criteria was edited", "run b: its criteria was edited"]

    def test_the_trick_of_a_block_that_gives_headers_other_values_is_found(self, screened: Ledger) -> None:
        """Whichever block is read first, the next run would pass an MR as CT."""
        with vandal(screened) as connection:
            copy_block(connection, 1, 7)
            edit_column(connection, 7, "00080060", 1, "CT\0")
            digest_again(connection, 7)

        said = described(screened)

        assert "block 7 of the values of headers was added" in said

    def test_the_trick_of_a_value_behind_the_end_of_another_is_found(self, screened: Ledger) -> None:
        with vandal(screened) as connection:
            edit_column(connection, 1, "00080060", 1, "MR\0CT")
            digest_again(connection, 1)

        assert described(screened) == ["column 00080060 of block 1 was edited"]

    def test_the_trick_of_criteria_written_in_another_way_is_found(self, screened: Ledger) -> None:
        text = "' ' || criteria" if screened.engine.dialect.name == "sqlite" else "(' ' || criteria::text)::json"
        with vandal(screened) as connection:
            connection.execute(sa.text(f"UPDATE run SET criteria = {text} WHERE id = 'a'"))

        assert described(screened) == ["run a: its criteria was edited"]

    def test_the_trick_of_another_key_for_patients_is_found(self, screened: Ledger) -> None:
        with vandal(screened) as connection:
            connection.execute(sa.text("UPDATE patient_key SET secret = :key"), {"key": b"x" * 32})

        assert described(screened) == ["the key for patients' digests was edited"]

    def test_the_trick_of_another_version_is_refused(self, screened: Ledger) -> None:
        url = screened.engine.url.render_as_string(hide_password=False)
        with vandal(screened) as connection:
            connection.execute(sa.text("UPDATE alembic_version SET version_num = '0001'"))

        with pytest.raises(LedgerError, match="the ledger has version 0001, this software verifies 0"):
            open_read_only(url)


class TestLookingOnly:
    def test_looking_only_can_write_nothing(self, screened: Ledger) -> None:
        with open_read_only(screened.engine.url.render_as_string(hide_password=False)) as looked_at:
            assert verify(looked_at.engine).is_intact
            for statement in ("DELETE FROM lease", "CREATE TABLE more (id INTEGER)", "UPDATE run SET failure = 'x'"):
                with pytest.raises(LedgerError, match="it is read-only"), looked_at.engine.begin() as connection:
                    connection.execute(sa.text(statement))

    def test_looking_only_makes_no_ledger(self, tmp_path: Path, ledger_url: str) -> None:
        with pytest.raises(LedgerError, match=r"is not there|is no ledger"):
            open_read_only(ledger_url)

        assert list(tmp_path.iterdir()) == []

    @pytest.mark.needs_postgresql
    def test_looking_only_needs_no_right_but_select(self, postgres_url: str) -> None:
        url = sa.make_url(postgres_url)
        with open_ledger(postgres_url) as ledger:
            screen_ct(SimulatedStore({"1": ct(), "2": mr()}), ledger, "a")
            name = f"auditor_{url.database}"
            with ledger.engine.begin() as connection:
                connection.exec_driver_sql(f"CREATE ROLE {name} LOGIN PASSWORD 'x'")
                connection.exec_driver_sql(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {name}")
            try:
                auditor = url.set(username=name, password="x").render_as_string(hide_password=False)
                with open_read_only(auditor) as looked_at:
                    result = verify(looked_at.engine)
                assert (result.damages, result.is_intact, result.runs) == ([], True, 1)
            finally:
                with ledger.engine.begin() as connection:
                    connection.exec_driver_sql(f"DROP OWNED BY {name}")
                    connection.exec_driver_sql(f"DROP ROLE {name}")


class TestAFileThatCannotBeWritten:
    @pytest.fixture
    def file(self) -> Iterator[Path]:
        with TemporaryDirectory(prefix="dicom-sieve-audit-") as name:  # pytest's own lets nobody else in
            Path(name).chmod(0o755)
            folder = Path(name) / "evidence # 1"
            folder.mkdir()
            with open_ledger(f"sqlite:///{folder / 'ledger.db'}") as ledger:
                screen_ct(SimulatedStore({"1": ct(), "2": mr()}), ledger, "a")
            yield folder / "ledger.db"

    def test_a_file_that_cannot_be_written_is_verified(self, file: Path) -> None:
        file.chmod(0o444)

        assert self.runs_of(file) == 1

    def test_a_file_that_cannot_be_written_is_verified_in_a_folder_that_takes_no_files(self, file: Path) -> None:
        for other in file.parent.glob("ledger.db?*"):
            other.unlink()
        file.chmod(0o444)

        with no_files_in(file.parent):
            assert self.runs_of(file) == 1
            assert [other.name for other in file.parent.iterdir()] == ["ledger.db"]

    def test_a_file_that_cannot_be_written_is_not_verified_without_its_log(self, file: Path) -> None:
        """What is in the log alone would be passed over."""
        with open_ledger(f"sqlite:///{file}") as ledger:
            screen_ct(SimulatedStore({"1": ct(), "2": mr()}), ledger, "b")
            copy = file.parent.parent / "copy"
            copy.mkdir()
            for name in ("ledger.db", "ledger.db-wal"):
                (copy / name).write_bytes((file.parent / name).read_bytes())
        assert (copy / "ledger.db-wal").stat().st_size > 0

        with no_files_in(copy), pytest.raises(LedgerError, match=r"has a log beside it, ledger\.db-wal, which cannot"):
            self.runs_of(copy / "ledger.db")
        assert self.runs_of(copy / "ledger.db") == 2

    @staticmethod
    def runs_of(file: Path) -> int:
        with open_read_only(f"sqlite:///{file}") as ledger:
            result = verify(ledger.engine)
        assert result.is_intact
        return result.runs


@contextmanager
def no_files_in(folder: Path) -> Iterator[None]:
    """Let a folder take no new file, for root too: as somebody else."""
    mode, someone = stat.S_IMODE(folder.stat().st_mode), 65_534
    for file in folder.iterdir():
        file.chmod(0o444)
    folder.chmod(0o555)
    was = os.geteuid()
    if was == 0:
        os.seteuid(someone)
    try:
        yield
    finally:
        if was == 0:
            os.seteuid(was)
        folder.chmod(mode)
        for file in folder.iterdir():
            file.chmod(0o644)


def test_a_fresh_ledger_is_nothing_to_verify(ledger: Ledger) -> None:
    result = verify(ledger.engine)

    assert (result.is_empty, result.damages, result.sealed_runs) == (True, [], 0)
    assert json.loads(sql(ledger, "SELECT content FROM seal_entry WHERE id = 1")[0][0])["runs"] == 0
