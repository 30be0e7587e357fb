"""Copies of an SQLite ledger: whole or not there, for their owner alone, and never over another ledger."""

import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from dicom_sieve import open_ledger
from tests.cli.command import run_command
from tests.ledger.first_version import make_first_version
from tests.screening.screenings import ct, screen_ct, sql, verdicts
from tests.support.file_sizes import files_of_at_most
from tests.support.simulated_store import SimulatedStore


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with a ledger of one run."""
    (tmp_path / ".dicom-sieve").mkdir()
    with open_ledger(url_of(tmp_path)) as ledger:
        store = SimulatedStore({f"{n}": ct(f"1.5.{n}", f"1.6.{n}", StudyDescription=f"SECRET{n}") for n in range(50)})
        screen_ct(store, ledger, "run")
    return tmp_path


def file_of(home: Path) -> Path:
    return home / ".dicom-sieve" / "ledger.db"


def url_of(home: Path) -> str:
    return f"sqlite:///{file_of(home)}"


def lose(home: Path) -> None:
    for file in file_of(home).parent.glob("ledger.db*"):
        file.unlink()


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


class TestABackup:
    def test_is_one_file_for_its_owner_alone_that_says_what_it_holds(self, home: Path) -> None:
        done = run_command("ledger", "backup", str(home / "copy.db"), home=home)

        size = (home / "copy.db").stat().st_size
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == f"backed up to {home / 'copy.db'}: {size:,} bytes, 1 runs, 4 entries\n"
        assert stat.S_IMODE((home / "copy.db").stat().st_mode) == 0o600
        assert names_in(home) == {".dicom-sieve", "copy.db"}

    def test_holds_nothing_that_was_forgotten(self, home: Path) -> None:
        forget = ("forget", "s3://challenge-tech", "--reason", "x", "--yes")
        assert run_command(*forget, home=home).returncode == 0
        assert run_command("ledger", "backup", str(home / "copy.db"), home=home).returncode == 0

        with open_ledger(url_of(home)) as ledger:
            assert sql(ledger, "SELECT count(*) FROM object") == [(0,)]
            freed = sql(ledger, "PRAGMA freelist_count")[0][0]
        assert freed > 0, "the ledger itself keeps freed pages"
        with closing(sqlite3.connect(home / "copy.db")) as connection:
            assert connection.execute("PRAGMA freelist_count").fetchall() == [(0,)]
        assert (home / "copy.db").stat().st_size < file_of(home).stat().st_size

    def test_does_not_overwrite_a_file(self, home: Path) -> None:
        (home / "copy.db").write_bytes(b"of yesterday")

        done = run_command("ledger", "backup", str(home / "copy.db"), home=home)

        assert done.returncode == 1
        assert done.stderr == (
            f"dicom-sieve: the ledger {file_of(home)} cannot be backed up to {home / 'copy.db'}: "
            "there is a file of that name\n"
        )
        assert (home / "copy.db").read_bytes() == b"of yesterday"
        assert names_in(home) == {".dicom-sieve", "copy.db"}

    def test_that_finds_no_room_leaves_no_file(self, home: Path) -> None:
        with files_of_at_most(file_of(home).stat().st_size // 2):
            done = run_command("ledger", "backup", str(home / "copy.db"), home=home)

        assert done.returncode == 1
        assert f"cannot be backed up to {home / 'copy.db'}: the ledger cannot be used" in done.stderr
        assert names_in(home) == {".dicom-sieve"}

    def test_of_no_ledger_makes_none(self, tmp_path: Path) -> None:
        done = run_command("ledger", "backup", str(tmp_path / "copy.db"), home=tmp_path)

        assert (done.returncode, done.stderr) == (1, f"dicom-sieve: the ledger {file_of(tmp_path)} is not there\n")
        assert names_in(tmp_path) == set()

    @pytest.mark.parametrize("command", ["backup", "restore"])
    def test_of_postgresql_names_the_tools(self, command: str, tmp_path: Path) -> None:
        url = "postgresql://user:password@host/ledger"
        done = run_command("ledger", command, str(tmp_path / "copy.db"), home=tmp_path, DICOM_SIEVE_DATABASE_URL=url)

        assert done.returncode == 1
        assert "by PostgreSQL's own tools: docs/keeping.md has the commands" in done.stderr
        assert "password" not in done.stderr


class TestARestoredCopy:
    def test_answers_as_the_ledger_did(self, home: Path) -> None:
        with open_ledger(url_of(home)) as ledger:
            before = verdicts(ledger, "run")
        run_command("ledger", "backup", str(home / "copy.db"), home=home)
        lose(home)

        done = run_command("ledger", "restore", str(home / "copy.db"), home=home)

        assert done.returncode == 0
        assert done.stdout.startswith(f"restored to {file_of(home)}: ")
        assert stat.S_IMODE(file_of(home).stat().st_mode) == 0o600
        with open_ledger(url_of(home)) as ledger:
            assert verdicts(ledger, "run") == before

    @pytest.mark.parametrize("left", ["ledger.db", "ledger.db-wal"])
    def test_takes_no_other_ledger_s_place_and_no_log(self, home: Path, left: str) -> None:
        run_command("ledger", "backup", str(home / "copy.db"), home=home)
        lose(home)
        (file_of(home).parent / left).write_bytes(b"left")

        done = run_command("ledger", "restore", str(home / "copy.db"), home=home)

        assert done.returncode == 1
        assert done.stderr == (
            f"dicom-sieve: there is a ledger, or a log of one, already: {file_of(home).parent / left}; stop what uses "
            f"it, move all of {file_of(home)}* into another folder, then run this again\n"
        )
        assert names_in(file_of(home).parent) == {left}

    def test_of_an_older_version_is_upgraded_then(self, home: Path) -> None:
        make_first_version(f"sqlite:///{home / 'old.db'}")
        lose(home)

        done = run_command("ledger", "restore", str(home / "old.db"), home=home)

        assert done.returncode == 0
        assert done.stdout.splitlines()[1] == (
            "it has version 0001: 'dicom-sieve ledger upgrade' brings it to this software's"
        )
        assert run_command("ledger", "upgrade", home=home).returncode == 0
        with open_ledger(url_of(home)) as ledger:
            assert len(ledger.runs()) == 4

    @pytest.mark.parametrize(
        ("spoil", "said"),
        [
            (
                "UPDATE alembic_version SET version_num = '9999'",
                "it has version 9999, which this software does not know",
            ),
            ("DROP TABLE alembic_version", "it is no ledger: it has no version"),
        ],
    )
    def test_of_what_is_no_ledger_of_this_software_is_refused(self, home: Path, spoil: str, said: str) -> None:
        run_command("ledger", "backup", str(home / "copy.db"), home=home)
        with closing(sqlite3.connect(home / "copy.db")) as connection:
            connection.execute(spoil)
            connection.commit()
        lose(home)

        done = run_command("ledger", "restore", str(home / "copy.db"), home=home)

        assert done.returncode == 1
        assert said in done.stderr
        assert names_in(file_of(home).parent) == set()

    @pytest.mark.parametrize(("at", "said"), [(0, "is no SQLite database"), (8_192, "damaged")])
    def test_that_is_damaged_is_refused(self, home: Path, at: int, said: str) -> None:
        run_command("ledger", "backup", str(home / "copy.db"), home=home)
        with (home / "copy.db").open("r+b") as file:
            file.seek(at)
            file.write(b"\xff" * 4_096)
        lose(home)

        done = run_command("ledger", "restore", str(home / "copy.db"), home=home)

        assert done.returncode == 1
        assert said in done.stderr
        assert names_in(file_of(home).parent) == set()
