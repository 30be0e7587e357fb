"""kill -9 anywhere, any number of times: the ledger of an undisturbed run, and only what was in flight is read again.

``KILLS`` sets how many kills of the run's process there are on each database.
"""

import random
import shutil
import sqlite3
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import pytest
import sqlalchemy as sa

from dicom_sieve import open_ledger
from dicom_sieve.ledger.audit.verify import verify
from tests.ledger.export import export
from tests.screening.doomed import MOST_LOST, Work, screen_and_note
from tests.screening.killing import INDEXED, KILLS, OBJECTS, assert_same, fill, start, watch
from tests.screening.screenings import mr, sql

KILLS_A_ROUND = 10


class Databases(Protocol):
    """Ledgers that all begin alike, and what can be seen of one whose process has just been killed."""

    def prepare(self) -> str: ...
    def copy(self) -> str: ...
    def indexed(self, url: str) -> int: ...


class SqliteFiles:
    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def prepare(self) -> str:
        return f"sqlite:///{self._directory / 'prepared.db'}"

    def copy(self) -> str:
        path = self._directory / f"{uuid.uuid4().hex}.db"
        shutil.copy(self._directory / "prepared.db", path)
        return f"sqlite:///{path}"

    def indexed(self, url: str) -> int:
        """Look at a copy of file and log, as they were left: the next run itself is to find them so."""
        path = Path(url.removeprefix("sqlite:///"))
        seen = self._directory / "seen.db"
        for suffix in ("", "-wal"):
            seen.with_name(seen.name + suffix).unlink(missing_ok=True)
            if path.with_name(path.name + suffix).exists():
                shutil.copy(path.with_name(path.name + suffix), seen.with_name(seen.name + suffix))
        with closing(sqlite3.connect(seen)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            return int(connection.execute(INDEXED).fetchone()[0])


class PostgresDatabases:
    def __init__(self, server: sa.URL) -> None:
        self._server = server
        self._names: list[str] = []

    def prepare(self) -> str:
        return self._make("template0")

    def copy(self) -> str:
        return self._make(self._names[0])

    def indexed(self, url: str) -> int:
        engine = sa.create_engine(url, poolclass=sa.NullPool)
        with engine.connect() as connection:
            return int(connection.scalar(sa.text(INDEXED)) or 0)

    def drop(self) -> None:
        for name in self._names:
            self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    def _make(self, template: str) -> str:
        self._names.append(f"crash_{uuid.uuid4().hex}")
        self._execute(f"CREATE DATABASE {self._names[-1]} TEMPLATE {template}")
        return self._server.set(database=self._names[-1]).render_as_string(hide_password=False)

    def _execute(self, statement: str) -> None:
        engine = sa.create_engine(self._server, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        with engine.connect() as connection:
            connection.execute(sa.text(statement))


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.needs_postgresql)])
def databases(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Databases]:
    if request.param == "sqlite":
        yield SqliteFiles(tmp_path)
    else:
        made = PostgresDatabases(request.getfixturevalue("postgres_server"))
        yield made
        made.drop()


def change(root: Path) -> None:
    """Leave most as it is, and add, overwrite and delete some of the rest."""
    fill(root, OBJECTS, 2 * OBJECTS)
    for number, path in enumerate(sorted(root.glob("*/*.dcm"))):
        if number % 6 == 1:
            path.write_bytes(mr("1.5.9", f"1.7.{number + 1}"))
        elif number % 6 == 2:
            path.unlink()


class TestKilledAtRandomPoints:
    @pytest.mark.timeout(max(600, 12 * KILLS))
    def test_the_same_trigger_again_gives_what_an_undisturbed_run_gives(
        self, databases: Databases, tmp_path: Path
    ) -> None:
        root = tmp_path / "objects"
        fill(root, 0, OBJECTS)
        before = Work(databases.prepare(), root, tmp_path / "published", tmp_path / "before", "before")
        screen_and_note(before)
        change(root)
        undisturbed = replace(
            before, url=databases.copy(), notes=tmp_path / "undisturbed", output=tmp_path / "once", execution_id="again"
        )
        expected, statements, seconds = watch(undisturbed)
        chance = random.Random(20260101)
        kills = 0
        while kills < KILLS:
            work = replace(undisturbed, url=databases.copy(), output=tmp_path / uuid.uuid4().hex)
            kills += kill_again_and_again(work, databases, chance, statements, seconds)

            # The id tells how often the run was started; all else is the same.
            outcome = screen_and_note(replace(work, notes=tmp_path / "last"))
            with open_ledger(work.url) as ledger:
                assert_same(export(ledger, "before", outcome.run_id), expected, outcome.run_id, work.output)
                assert {row.state for row in ledger.runs()} <= {"COMPLETED", "FAILED"}
                assert sql(ledger, "SELECT * FROM lease") == []
                assert verify(ledger.engine).damages == []
            databases.indexed(work.url)


def kill_again_and_again(
    work: Work, databases: Databases, chance: random.Random, statements: int, seconds: float
) -> int:
    """Start and kill; half of the times before a statement, half at any moment. Gives how many did not complete."""
    kills = 0
    known = databases.indexed(work.url)
    for _ in range(KILLS_A_ROUND):
        work.notes.unlink(missing_ok=True)
        if chance.random() < 0.5:
            process = start(replace(work, at_statement=chance.randint(1, statements)))
        else:
            process = start(work)
            time.sleep(chance.uniform(0, seconds))
            process.kill()
        process.join(60)
        now_known = databases.indexed(work.url)
        assert len(work.reads) - (now_known - known) <= MOST_LOST
        known = now_known
        assert process.exitcode in {0, -9}, work.error
        if process.exitcode == 0:
            return kills
        kills += 1
    return kills
