"""From the first version to this one, with data in it: nothing is lost, and half an upgrade is none."""

import multiprocessing
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib import import_module
from pathlib import Path

import pytest
import sqlalchemy as sa

from dicom_sieve import open_ledger
from dicom_sieve.errors import LedgerError
from dicom_sieve.ledger import migrations
from dicom_sieve.ledger.audit.verify import verify
from dicom_sieve.ledger.database.engine import connect, upgrade
from dicom_sieve.ledger.writing.named_criteria import save_criteria
from tests.cli.command import run_command
from tests.ledger.first_version import make_first_version, store_of_old
from tests.ledger.openers import upgrade_at_the_same_time
from tests.ledger.version_0008 import make_version_0008, store_of_version_0008
from tests.screening.screenings import one_of, screen_ct, sql, state_of, verdicts
from tests.support.file_sizes import files_of_at_most

NEWEST = max(migration.stem[:4] for migration in Path(migrations.__path__[0]).glob("versions/0*.py"))
VIEWS = {
    "instance_decision": "run_id, bucket, object_key, etag, sop_instance_uid, series_instance_uid, study_instance_uid, "
    "verdict, findings, defect",
    "series_decision": "*",
    "series_computation": "*",
}
"""Their columns in the first version: others may come behind them."""
BACK_TO_0006 = (
    "DROP TABLE seal_entry",
    "DROP VIEW series_decision",
    "DROP VIEW instance_decision",
    "DROP INDEX header_unreadable_from",
    "ALTER TABLE header DROP COLUMN damage",
    "ALTER TABLE header DROP COLUMN unreadable_from",
    "ALTER TABLE run DROP COLUMN damaged",
    "UPDATE alembic_version SET version_num = '0006'",
)
FIRST = import_module("dicom_sieve.ledger.migrations.versions.0001_first")


@pytest.fixture
def old(ledger_url: str) -> str:
    """The URL of a ledger of the first version."""
    make_first_version(ledger_url)
    return ledger_url


def answers(url: str) -> dict[str, list[str]]:
    with engine_of(url) as engine, engine.connect() as connection:
        return {
            view: sorted(repr(row) for row in connection.execute(sa.text(f"SELECT {columns} FROM {view}")))
            for view, columns in VIEWS.items()
        }


def version_of(url: str) -> str:
    with engine_of(url) as engine, engine.connect() as connection:
        return str(connection.scalar(sa.text("SELECT version_num FROM alembic_version")))


@contextmanager
def engine_of(url: str) -> Iterator[sa.Engine]:
    engine = connect(url)
    try:
        yield engine
    finally:
        engine.dispose()


def do_upgrade(url: str) -> Path | None:
    with engine_of(url) as engine:
        return upgrade(engine)


class TestAnUpgrade:
    def test_an_upgrade_leaves_every_answer_of_the_views_as_it_was(self, old: str) -> None:
        before = answers(old)
        assert [len(before[view]) for view in VIEWS] == [14, 4, 0]

        do_upgrade(old)

        assert version_of(old) == NEWEST
        assert answers(old) == before

    def test_an_upgrade_knows_of_nothing_old_how_far_it_was_read_or_what_its_criteria_are_called(
        self, old: str
    ) -> None:
        do_upgrade(old)

        with engine_of(old) as engine, engine.connect() as connection:
            [row] = connection.execute(sa.text("SELECT DISTINCT damage, unreadable_from FROM instance_decision"))
            of_runs = "SELECT DISTINCT damaged, criteria_name, criteria_version, CAST(milliseconds AS TEXT) FROM run"
            [of_run] = connection.execute(sa.text(of_runs))
        assert (*row, *of_run) == (None,) * 6

    def test_an_upgrade_leaves_the_seals_of_runs_of_the_version_before_whole(self, ledger_url: str) -> None:
        make_version_0008(ledger_url)
        with engine_of(ledger_url) as engine, engine.begin() as connection:
            for statement in (*BACK_TO_0006, FIRST.INSTANCE_DECISION, FIRST.SERIES_DECISION):
                connection.exec_driver_sql(statement)

        do_upgrade(ledger_url)

        with open_ledger(ledger_url) as ledger:
            saved, _ = save_criteria(ledger.engine, "kept", one_of("CT"))
            screen_ct(store_of_version_0008(), ledger, "after", named=saved.named)
            result = verify(ledger.engine)
            assert (result.is_intact, result.runs, result.criteria) == (True, 2, 1), result.damages

    def test_an_upgrade_is_needed_before_the_ledger_opens(self, old: str) -> None:
        with pytest.raises(LedgerError) as caught:
            open_ledger(old)

        assert str(caught.value) == (
            f"the ledger has version 0001, this software needs {NEWEST}: stop what uses the ledger, "
            "then run 'dicom-sieve ledger upgrade'"
        )

    def test_an_upgrade_lets_the_location_be_screened_again_from_where_it_was(self, old: str) -> None:
        do_upgrade(old)
        store = store_of_old()

        with open_ledger(old) as ledger:
            screen_ct(store, ledger, "e")

            assert {key for key, *_ in store.reads} == {"5"}
            assert verdicts(ledger, "e") == {
                "1": ("PASSED", None),
                "2": ("PASSED", None),
                "3": ("DISCARDED", None),
                "4": ("DISCARDED", "NOT_DICOM"),
                "5": ("PASSED", None),
            }
            assert state_of(ledger, "d") == ("FAILED", "its process ended before the run did")
            result = verify(ledger.engine)
            assert result.is_intact, result.damages
            assert result.before_seals == ["a", "b", "c"]
            assert result.objects == sql(ledger, "SELECT count(*) FROM object")[0][0]

    def test_an_upgrade_refuses_a_later_version(self, ledger_url: str) -> None:
        with open_ledger(ledger_url) as ledger, ledger.engine.begin() as connection:
            connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))

        with pytest.raises(LedgerError, match="the ledger has version 9999, which this software does not know"):
            do_upgrade(ledger_url)

    def test_an_upgrade_does_nothing_where_nothing_is_to_be_done(self, ledger_url: str) -> None:
        open_ledger(ledger_url).close()

        assert do_upgrade(ledger_url) is None

    def test_an_upgrade_is_done_once_where_several_processes_try(self, old: str, tmp_path: Path) -> None:
        before = answers(old)
        context = multiprocessing.get_context("forkserver")
        with context.Manager() as manager:
            barrier, outcomes = manager.Barrier(3), manager.list()
            processes = [
                context.Process(target=upgrade_at_the_same_time, args=(old, barrier, outcomes)) for _ in range(3)
            ]
            for process in processes:
                process.start()
            for process in processes:
                process.join(60)
            copies = [outcome for outcome in outcomes if outcome]
            assert len(outcomes) == 3

        assert version_of(old) == NEWEST
        assert answers(old) == before
        assert copies == [str(copy) for copy in tmp_path.glob("ledger.db.0001.*")]
        assert len(copies) == old.startswith("sqlite")


class TestAnUpgradeThatFails:
    def test_an_upgrade_that_fails_leaves_the_old_version_whole(self, old: str) -> None:
        before = answers(old)
        with engine_of(old) as engine, engine.begin() as connection:
            connection.execute(sa.text("CREATE TABLE forgotten (id INTEGER)"))  # what 0004 makes, too
            tables = sorted(sa.inspect(connection).get_table_names())

        with pytest.raises(sa.exc.DBAPIError):
            do_upgrade(old)

        assert version_of(old) == "0001"
        assert answers(old) == before
        with engine_of(old) as engine, engine.begin() as connection:
            assert sorted(sa.inspect(connection).get_table_names()) == tables
            connection.execute(sa.text("DROP TABLE forgotten"))
        do_upgrade(old)
        assert version_of(old) == NEWEST
        assert answers(old) == before


class TestTheCopyOfAnSqliteLedger:
    @pytest.fixture
    def ledger_url(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path / 'ledger.db'}"

    def test_the_copy_of_an_sqlite_ledger_is_the_ledger_as_it_was_and_for_its_owner_alone(
        self, old: str, tmp_path: Path
    ) -> None:
        before = answers(old)

        copy = do_upgrade(old)

        assert copy is not None
        assert copy.parent == tmp_path
        assert stat.S_IMODE(copy.stat().st_mode) == 0o600
        with closing(sqlite3.connect(copy)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert version_of(f"sqlite:///{copy}") == "0001"
        assert answers(f"sqlite:///{copy}") == before

    def test_the_copy_of_an_sqlite_ledger_is_told_by_the_command(self, old: str, tmp_path: Path) -> None:
        done = run_command("ledger", "upgrade", home=tmp_path, DICOM_SIEVE_DATABASE_URL=old)

        assert done.returncode == 0
        [copy] = tmp_path.glob("ledger.db.0001.*")
        assert done.stdout.splitlines() == [
            f"copied first to {copy}",
            f"ledger {tmp_path / 'ledger.db'} is up to date",
        ]

    def test_the_copy_of_an_sqlite_ledger_that_cannot_be_made_stops_the_upgrade(self, old: str, tmp_path: Path) -> None:
        size = (tmp_path / "ledger.db").stat().st_size
        with files_of_at_most(size // 2):
            done = run_command("ledger", "upgrade", home=tmp_path, DICOM_SIEVE_DATABASE_URL=old)

        assert done.returncode == 1
        assert "nothing was changed. 'dicom-sieve ledger upgrade --no-backup' goes on without a copy" in done.stderr
        assert version_of(old) == "0001"
        assert list(tmp_path.glob("ledger.db.0001.*")) == []
        assert (
            run_command("ledger", "upgrade", "--no-backup", home=tmp_path, DICOM_SIEVE_DATABASE_URL=old).returncode == 0
        )
        assert version_of(old) == NEWEST
