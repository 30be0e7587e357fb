"""Opening the ledger: made once, by the first process, private, and never in a message."""

import multiprocessing
import os
import stat
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from dicom_sieve import Ledger, open_ledger
from dicom_sieve.errors import LedgerError
from dicom_sieve.ledger import migrations
from dicom_sieve.ledger.database.engine import connect, describe
from dicom_sieve.ledger.database.tables import metadata
from dicom_sieve.ledger.database.versions import known_versions
from dicom_sieve.ledger.database.versions import migrations as migrations_of
from tests.ledger.openers import open_at_the_same_time
from tests.screening.screenings import ct, screen_ct, sql
from tests.support.simulated_store import SimulatedStore

SECRET = "s3cr3t"  # as a person might choose it


class TestSchema:
    def test_what_the_migrations_make_is_what_the_tables_say(self, ledger: Ledger) -> None:
        with ledger.engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            assert compare_metadata(context, metadata) == []

    def test_partial_indexes_have_the_condition_that_the_tables_say(self, ledger: Ledger) -> None:
        dialect = ledger.engine.dialect.name
        with ledger.engine.connect() as connection:
            found = {index["name"]: index for index in sa.inspect(connection).get_indexes("object")}
        for name, words in {
            "object_open": ["removed_in IS NULL"],
            "object_unread": ["removed_in IS NULL", "header_id IS NULL"],
        }.items():
            condition = str(found[name]["dialect_options"][f"{dialect}_where"])
            assert all(word in condition for word in words)
        assert found["object_open"]["unique"]

    @pytest.mark.parametrize("table", ["decision_page", "outcome"])
    def test_decisions_have_no_row_id_of_their_own_on_sqlite(self, tmp_path: Path, table: str) -> None:
        with open_ledger(f"sqlite:///{tmp_path / 'l.db'}") as ledger, ledger.engine.connect() as connection:
            made = connection.scalar(sa.text("SELECT sql FROM sqlite_master WHERE name = :name"), {"name": table})
        assert "WITHOUT ROWID" in str(made)


class TestOpening:
    def test_an_empty_database_becomes_a_ledger_and_stays_it(self, ledger_url: str) -> None:
        for _ in range(2):
            with open_ledger(ledger_url) as ledger:
                assert ledger.runs() == []

    def test_several_processes_may_open_an_empty_database_at_once(
        self, ledger_url: str, tmp_path: Path, request: pytest.FixtureRequest
    ) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["tests.ledger.openers"])
        rounds = 1
        if ledger_url.startswith("sqlite"):
            rounds = 15
        urls = [ledger_url, *(f"sqlite:///{tmp_path / str(number)}.db" for number in range(1, rounds))]
        with context.Manager() as manager:
            barrier, answers = manager.Barrier(3), manager.list()
            processes = [context.Process(target=open_at_the_same_time, args=(urls, barrier, answers)) for _ in range(3)]
            for process in processes:
                process.start()
            for process in processes:
                process.join(60)
            assert list(answers) == [""] * 3 * rounds

    def test_several_threads_may_open_different_databases_at_once(self, tmp_path: Path) -> None:
        barrier = threading.Barrier(4)
        failures: list[BaseException] = []

        def open_both(name: str) -> None:
            for number in range(6):
                barrier.wait()
                try:
                    open_ledger(f"sqlite:///{tmp_path / str(number)}-{name}.db").close()
                except BaseException as error:
                    failures.append(error)

        in_threads([partial(open_both, name) for name in "aabb"])

        assert failures == []

    def test_a_ledger_of_a_later_version_is_refused(self, ledger_url: str) -> None:
        with open_ledger(ledger_url) as ledger, ledger.engine.begin() as connection:
            connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))

        with pytest.raises(LedgerError) as caught:
            open_ledger(ledger_url)

        newest = max(migration.stem[:4] for migration in Path(migrations.__path__[0]).glob("versions/0*.py"))
        assert str(caught.value) == (
            f"the ledger has version 9999, which this software does not know; it knows up to {newest}: "
            "use the software that wrote it last, or a later one"
        )

    def test_a_second_version_that_somebody_wrote_is_refused(self, ledger_url: str) -> None:
        with open_ledger(ledger_url) as ledger, ledger.engine.begin() as connection:
            connection.execute(sa.text("INSERT INTO alembic_version VALUES ('0001')"))

        with pytest.raises(LedgerError, match=r"^the ledger has version 0001 and \d{4}, which this software does not"):
            open_ledger(ledger_url)

    def test_the_versions_that_are_known_are_alembic_s(self, ledger: Ledger) -> None:
        with ledger.engine.connect() as connection, migrations_of(connection) as config:
            scripts = ScriptDirectory.from_config(config).walk_revisions()
            assert [script.revision for script in scripts] == list(known_versions())

    def test_opening_again_leaves_the_locks_of_this_process_alone(self, tmp_path: Path) -> None:
        # POSIX drops all locks of a process on a file as soon as it closes any descriptor of it; another program
        # that then finds the database unlocked would take SQLite's log away from under this one.
        url = f"sqlite:///{tmp_path / 'l.db'}"
        with open_ledger(url) as ledger, ledger.engine.connect() as connection:
            connection.execute(sa.text("SELECT * FROM run")).all()
            before = locks_of_this_process(tmp_path / "l.db")
            connect(url)
            assert before
            assert locks_of_this_process(tmp_path / "l.db") == before


class TestPrivacy:
    def test_file_and_directory_are_for_their_owner_alone(self, tmp_path: Path) -> None:
        path = tmp_path / "new" / "ledger.db"
        previous = os.umask(0o022)
        try:
            with open_ledger(f"sqlite:///{path}") as ledger, ledger.engine.begin() as connection:
                connection.execute(sa.text("INSERT INTO location VALUES (1, 'e', 'b', 'p')"))
                made = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
        finally:
            os.umask(previous)

        assert made == dict.fromkeys(["ledger.db", "ledger.db-wal", "ledger.db-shm", "ledger.db.lock"], 0o600)
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700

    @pytest.mark.parametrize(
        "url",
        [
            f"postgresql://someone:{SECRET}@db.example:5432/ledger",
            f"postgresql://db.example:5432/ledger?user=someone&password={SECRET}",
        ],
    )
    def test_describing_it_shows_no_credentials(self, url: str) -> None:
        assert describe(connect(url)) == "postgresql://db.example:5432/ledger"

    @pytest.mark.parametrize(
        "url",
        [
            "",
            SECRET,
            f"mysql://u:{SECRET}@h/d",
            f"nosuch://u:{SECRET}@h/d",
            f"postgresql://u:{SECRET}@h:port/d",
            f"postgresql://u:{SECRET}/x@h/d",
            f"postgresql://u:{SECRET}@127.0.0.1:1/d",
            f"postgresql://u@127.0.0.1:1/d?nosuch={SECRET}",
            f"postgresql://u@127.0.0.1:1/d?password={SECRET}",
            f"sqlite+aiosqlite://u:{SECRET}@h/d",
            f"sqlite+nosuch://u:{SECRET}@h/d",
            "sqlite:////proc/nosuch/ledger.db",
        ],
    )
    def test_a_bad_url_is_an_error_that_does_not_repeat_it(self, url: str) -> None:
        with pytest.raises(LedgerError) as caught:
            open_ledger(url)

        assert SECRET not in str(caught.value)
        assert caught.value.__cause__ is None

    def test_a_file_that_is_no_database_is_an_error(self, tmp_path: Path) -> None:
        (tmp_path / "l.db").write_bytes(b"no database at all" * 100)

        with pytest.raises(LedgerError, match=r"the ledger cannot be reached: .*l\.db"):
            open_ledger(f"sqlite:///{tmp_path / 'l.db'}")


class TestPragmas:
    def test_readers_and_a_writer_do_not_wait_for_each_other(self, tmp_path: Path) -> None:
        with open_ledger(f"sqlite:///{tmp_path / 'l.db'}") as ledger, ledger.engine.connect() as reader:
            modes = [reader.scalar(sa.text(f"PRAGMA {name}")) for name in ("journal_mode", "synchronous")]
            assert modes == ["wal", 1]
            rows = reader.execution_options(yield_per=1).execute(sa.text("SELECT 1 UNION SELECT 2"))
            rows.fetchone()
            with ledger.engine.begin() as writer:
                writer.execute(sa.text("INSERT INTO location VALUES (1, 'e', 'b', 'p')"))
            assert len(rows.all()) == 1


def in_threads(works: list[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)


def locks_of_this_process(path: Path) -> list[str]:
    """Give the POSIX locks on a file that the kernel knows of this process."""
    inode = f":{path.stat().st_ino}"
    lines = Path("/proc/locks").read_text(encoding="ascii").splitlines()
    return [" ".join(line.split()[1:]) for line in lines if inode in line and f" {os.getpid()} " in line]


@pytest.mark.needs_postgresql
def test_postgresql_knows_after_a_run_how_much_there_is(postgres_url: str) -> None:
    # Without it, a first large run joins every object with every decision.
    store = SimulatedStore({str(number): ct(f"1.5.{number + 1}") for number in range(30)})
    with open_ledger(postgres_url) as ledger:
        screen_ct(store, ledger, "a")

        query = (
            "SELECT relname, reltuples FROM pg_class WHERE relname IN ('object', 'header', 'decision_page', 'outcome')"
        )
        assert dict(sql(ledger, query)) == {"object": 30, "header": 30, "decision_page": 1, "outcome": 1}
