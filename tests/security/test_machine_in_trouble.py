"""Disks that are full, rights that are missing, names that are no text, clocks that jump: each ends in a sentence that
says what to do, never in "unexpected", and no sentence quotes a value.
"""

import datetime
import errno
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import httpx
import psycopg
import pytest
import sqlalchemy as sa
from prefect.exceptions import TerminationSignal

from dicom_sieve import Ledger, open_ledger
from dicom_sieve.computations import open_computation
from dicom_sieve.errors import LeaseLostError, LedgerError, StoreError
from dicom_sieve.explain import explain, explain_ledger
from dicom_sieve.ledger.audit.verify import verify
from dicom_sieve.ledger.database import engine as database
from dicom_sieve.ledger.database.column_types import UtcDateTime
from dicom_sieve.ledger.leases.lease import Lease
from dicom_sieve.objects import Location
from dicom_sieve.stores import DirectoryStore
from tests.cli.command import environment_of
from tests.screening.screenings import ct, screen_ct, sql, state_of, write_images
from tests.support.prefect_server import wait_for
from tests.support.simulated_store import SimulatedStore

AGAIN = "then start it again: a run reads only what is missing"
START = "start it again: a run reads only what is missing"
LESS = "lower DICOM_SIEVE_SHARDS_IN_FLIGHT and DICOM_SIEVE_READS_IN_FLIGHT"
TEMPORARY = tempfile.gettempdir()
HOUR = datetime.timedelta(hours=1)
SECRET = "DOE^JANE"
CRITERIA = '[{"dicom_tag": ["0008", "0060"], "operation": "EQUALS", "reference": "CT"}]'


def surrogate() -> UnicodeEncodeError:
    try:
        "bad \udcff".encode()
    except UnicodeEncodeError as error:
        return error
    raise AssertionError


SENTENCES = [
    (
        OSError(errno.ENOSPC, "x", f"/out/{SECRET}"),
        f"the disk is full: make room where the ledger, the output and the temporary folder ({TEMPORARY}) are, {AGAIN}",
    ),
    (
        OSError(errno.EDQUOT, "x"),
        f"the disk is full: make room where the ledger, the output and the temporary folder ({TEMPORARY}) are, {AGAIN}",
    ),
    (
        OSError(errno.EMFILE, "x", SECRET),
        f"this process may not open more files: raise its limit (ulimit -n), or {LESS}, {AGAIN}",
    ),
    (
        PermissionError(errno.EACCES, "x", SECRET),
        (
            "permission denied: give the user that runs this rights to the ledger, the output and the temporary folder "
            f"({TEMPORARY}), {AGAIN}"
        ),
    ),
    (MemoryError(), f"the memory is used up: give the process more, or {LESS}, {AGAIN}"),
    (
        BrokenProcessPool(SECRET),
        f"a worker process was killed, perhaps for want of memory: give it more, or {LESS}, {AGAIN}",
    ),
    (
        httpx.ConnectError(SECRET),
        f"Prefect's server does not answer, or answers with an error: look at it, {AGAIN}",
    ),
    (surrogate(), "a name or a setting has bytes that are not UTF-8: rename it, or set it again"),
    (
        KeyboardInterrupt(),
        "it was interrupted (SIGINT, Ctrl-C); start it again: a run reads only what is missing",
    ),
    (
        TerminationSignal(signal.SIGTERM),
        "it was cancelled, or its process was told to stop (SIGTERM); start it again: a run reads only what is missing",
    ),
]


@pytest.mark.parametrize(("error", "sentence"), SENTENCES, ids=lambda error: type(error).__name__)
def test_each_has_its_own_sentence(error: BaseException, sentence: str) -> None:
    assert explain(error) == sentence
    assert SECRET not in sentence


@pytest.mark.parametrize(
    "error", [ValueError("x"), KeyError("x"), FileNotFoundError(errno.ENOENT, "x"), ZeroDivisionError()]
)
def test_what_may_be_a_bug_has_none(error: BaseException) -> None:
    assert explain(error) is None


def test_what_an_error_was_raised_from_explains_it() -> None:
    error = RuntimeError(SECRET)
    error.__cause__ = OSError(errno.ENOSPC, "x")

    assert str(explain(error)).startswith("the disk is full")


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("25006", "cannot be used: P: it is read-only; name the primary in DICOM_SIEVE_DATABASE_URL, not a replica"),
        ("53100", f"cannot be used: P: PostgreSQL's disk is full; make room there, {AGAIN}"),
        (
            "57014",
            (
                "cannot be used: P: PostgreSQL cancelled a statement that took too long; "
                f"raise its statement_timeout, {AGAIN}"
            ),
        ),
    ],
)
def test_postgresql_s_states_have_theirs(state: str, words: str) -> None:
    error = psycopg.errors.lookup(state)(f"Key (patient)=({SECRET})")

    assert explain_ledger(error, "P") == f"the ledger {words}"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            'FATAL:  password authentication failed for user "u"',
            "its password is wrong; correct DICOM_SIEVE_DATABASE_URL",
        ),
        (
            "FATAL:  sorry, too many clients already",
            f"PostgreSQL takes no more connections; raise its max_connections, or run less at once, {AGAIN}",
        ),
    ],
)
def test_a_refused_connection_says_why(words: str, sentence: str) -> None:
    assert explain_ledger(psycopg.OperationalError(words), "P") == f"the ledger cannot be reached: P: {sentence}"


def test_an_output_whose_disk_is_full_says_which_and_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    (tmp_path / "part").write_bytes(b"x")

    with pytest.raises(StoreError) as caught:
        DirectoryStore(tmp_path / "out").write_once("manifest.json", tmp_path / "part")

    assert str(caught.value) == (
        f"cannot write {tmp_path / 'out' / 'manifest.json'}: No space left on device; the disk is full: "
        f"make room where the ledger, the output and the temporary folder ({TEMPORARY}) are, {AGAIN}"
    )


class TestSqlite:
    def failing(self, ledger: Ledger, pragma: str) -> str:
        sa.event.listen(ledger.engine, "connect", lambda connection, _: connection.execute(f"PRAGMA {pragma}"))
        ledger.engine.dispose()
        store = SimulatedStore({str(number): ct(f"1.5.{number + 1}") for number in range(500)})
        with pytest.raises(LedgerError) as caught:
            screen_ct(store, ledger, "r")
        return str(caught.value)

    def test_sqlite_whose_disk_is_full_says_so(self, tmp_path: Path) -> None:
        with open_ledger(f"sqlite:///{tmp_path / 'l.db'}") as ledger:
            pages = sql(ledger, "PRAGMA page_count")[0][0]

            said = self.failing(ledger, f"max_page_count = {pages}")

        assert said == f"the ledger cannot be used: {tmp_path / 'l.db'}: its disk is full; make room, {AGAIN}"

    def test_sqlite_that_is_read_only_says_so(self, tmp_path: Path) -> None:
        with open_ledger(f"sqlite:///{tmp_path / 'l.db'}") as ledger:
            said = self.failing(ledger, "query_only = ON")

        assert said == (
            f"the ledger cannot be used: {tmp_path / 'l.db'}: it is read-only; "
            "give the user that runs this the right to write to it"
        )

    def test_sqlite_that_another_process_writes_to_for_a_while_is_waited_for(self, tmp_path: Path) -> None:
        with open_ledger(f"sqlite:///{tmp_path / 'l.db'}") as ledger:
            holding = "import sqlite3, sys, time; c = sqlite3.connect(sys.argv[1]); c.execute('BEGIN IMMEDIATE'); "
            holding += "print(flush=True); time.sleep(12)"
            command = [sys.executable, "-c", holding, str(tmp_path / "l.db")]
            with subprocess.Popen(command, stdout=subprocess.PIPE) as other:
                assert other.stdout is not None
                other.stdout.readline()
                began = time.monotonic()
                screen_ct(SimulatedStore({"1": ct()}), ledger, "r")

            assert time.monotonic() - began > 5
            assert state_of(ledger, "r") == ("COMPLETED", None)


@pytest.mark.needs_postgresql
class TestPostgresql:
    def run_sql(self, url: str, *statements: str) -> None:
        engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)
        engine.dispose()

    def said_of_run(self, url: str) -> str:
        with open_ledger(url) as ledger, pytest.raises(LedgerError) as caught:
            screen_ct(SimulatedStore({"1": ct()}), ledger, "r")
        return str(caught.value)

    def test_postgresql_that_is_read_only_says_so(self, postgres_url: str) -> None:
        open_ledger(postgres_url).close()
        self.run_sql(postgres_url, f"ALTER DATABASE {name_of(postgres_url)} SET default_transaction_read_only = on")

        assert "it is read-only; name the primary" in self.said_of_run(postgres_url)

    def test_postgresql_that_cancels_a_statement_says_so(self, postgres_url: str) -> None:
        with open_ledger(postgres_url) as ledger, ledger.engine.connect() as connection:
            connection.exec_driver_sql("SET statement_timeout = '10ms'")
            with pytest.raises(LedgerError, match="cancelled a statement that took too long; raise its statement_time"):
                connection.exec_driver_sql("SELECT pg_sleep(5)")

    def test_postgresql_that_knows_the_role_but_gives_it_no_rights_says_so(self, postgres_url: str) -> None:
        open_ledger(postgres_url).close()
        role = f"guest_{name_of(postgres_url)}"
        self.run_sql(postgres_url, f"CREATE ROLE {role} LOGIN")
        try:
            with pytest.raises(LedgerError, match="this role has not the rights; let it own the ledger's database"):
                open_ledger(as_role(postgres_url, role))
            self.run_sql(postgres_url, f"ALTER ROLE {role} CONNECTION LIMIT 0")
            with pytest.raises(LedgerError, match="PostgreSQL takes no more connections"):
                open_ledger(as_role(postgres_url, role))
        finally:
            self.run_sql(postgres_url, f"DROP ROLE {role}")

    def test_postgresql_without_the_database_or_the_role_says_so(self, postgres_url: str) -> None:
        parsed = sa.make_url(postgres_url)
        with pytest.raises(LedgerError, match="there is no such database; make it"):
            open_ledger(parsed.set(database="nosuch").render_as_string(hide_password=False))
        with pytest.raises(LedgerError, match="PostgreSQL refuses this role; correct"):
            open_ledger(as_role(postgres_url, "nosuch"))


def name_of(url: str) -> str:
    return str(sa.make_url(url).database)


def as_role(url: str, role: str) -> str:
    return sa.make_url(url).set(username=role).render_as_string(hide_password=False)


class TestAClockThatJumps:
    @pytest.mark.parametrize("jump", [HOUR, -HOUR])
    def test_a_clock_that_jumps_takes_no_lease_from_a_run_that_renews_it(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jump: datetime.timedelta
    ) -> None:
        store = SimulatedStore({str(number): ct(uid=f"1.6.{number + 1}") for number in range(10)})
        store.on_list = lambda: monkeypatch.setattr(database, "moment", shifted(jump))

        with open_ledger(f"sqlite:///{tmp_path / 'l.db'}") as ledger:
            screen_ct(store, ledger, "r", lease_seconds=30.0)

            assert state_of(ledger, "r") == ("COMPLETED", None)
            assert verify(ledger.engine).is_intact

    def test_a_clock_that_jumps_lets_another_run_in_and_the_first_one_says_why_it_ends(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        place = Location("https://simulated", "b")

        with (
            open_ledger(f"sqlite:///{tmp_path / 'l.db'}") as ledger,
            ledger.lease(place, on_wait=lambda: None) as first,
        ):
            monkeypatch.setattr(database, "moment", shifted(HOUR))
            assert Lease(ledger.engine, place, first.location_id, 60.0, "of another machine").take()

            with pytest.raises(LeaseLostError, match="because the clock of this machine was set by more than"):
                first.write(lambda _: None)


def shifted(jump: datetime.timedelta) -> Callable[..., sa.ColumnElement[datetime.datetime]]:
    """Give the ledger's clock as it is after a jump."""
    return lambda _, seconds=0: sa.literal(
        datetime.datetime.now(datetime.UTC) + jump + datetime.timedelta(seconds=seconds), UtcDateTime()
    )


class TestACancelledRun:
    @pytest.mark.parametrize(
        ("error", "failure"),
        [
            (
                TerminationSignal(signal.SIGTERM),
                f"it was cancelled, or its process was told to stop (SIGTERM); {START}",
            ),
            (
                KeyboardInterrupt(),
                "it was interrupted (SIGINT, Ctrl-C); start it again: a run reads only what is missing",
            ),
        ],
    )
    def test_a_cancelled_run_is_on_record_as_cancelled_sealed_and_final(
        self, ledger: Ledger, error: BaseException, failure: str
    ) -> None:
        store = SimulatedStore({"1": ct(), "2": ct(uid="1.6.2")})

        def stop() -> None:
            raise error

        store.on_list = stop
        with pytest.raises(type(error)):
            screen_ct(store, ledger, "r")

        assert state_of(ledger, "r") == ("CANCELLED", failure)
        assert sql(ledger, "SELECT count(*) FROM run WHERE seal IS NULL") == [(0,)]
        with pytest.raises(sa.exc.DBAPIError, match="never changed"), ledger.engine.begin() as connection:
            connection.execute(sa.text("UPDATE run SET state = 'COMPLETED'"))
        store.on_list = lambda: None
        screen_ct(store, ledger, "next")
        assert verify(ledger.engine).is_intact

    def test_a_computation_is_cancelled_too(self, ledger: Ledger) -> None:
        screen_ct(SimulatedStore({"1": ct()}), ledger, "r")

        with pytest.raises(KeyboardInterrupt):
            compute_until_interrupted(ledger)

        [row] = ledger.computations()
        assert (row.state, row.counts) == ("CANCELLED", {"FAILED": 1})
        [computed] = ledger.run("r").computed()
        assert (
            computed.failure == "it was interrupted (SIGINT, Ctrl-C); start it again: a run reads only what is missing"
        )


def compute_until_interrupted(ledger: Ledger) -> None:
    with open_computation(ledger, "c", version="1", run="r") as computation:
        for series in computation.series():
            with series:
                raise KeyboardInterrupt


def run_apart(*arguments: str, home: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run the command in a process of its own, whose streams have an encoding."""
    command = [sys.executable, "-m", "dicom_sieve", *arguments]
    return subprocess.run(command, env=environment_of(home, **environment), capture_output=True, text=True, check=False)


LIMITED = """
import os, resource, sys
from dicom_sieve.cli import main
import dicom_sieve.cli.app, dicom_sieve.cli.criteria_file, dicom_sieve.cli.open_store, dicom_sieve.cli.output.progress
import dicom_sieve.cli.output.tables, dicom_sieve.explain, dicom_sieve.ledger, dicom_sieve.lineage
import dicom_sieve.screening
sys.argv = sys.argv[1:]
highest = max(int(name) for name in os.listdir("/proc/self/fd"))
resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1, highest + 1))
main()
"""
"""Runs the command with room for one more open file, once all modules are there."""


class TestTheCommand:
    @pytest.fixture
    def images(self, tmp_path: Path) -> Path:
        folder = write_images(tmp_path / "images")
        (folder / "Müller-日本.dcm").write_bytes(ct())
        (folder / os.fsdecode(b"bad-\xff.dcm")).write_bytes(ct(uid="1.6.99"))
        (tmp_path / "criteria.json").write_text(CRITERIA)
        return folder

    @pytest.mark.parametrize("locale", [{"LC_ALL": "C"}, {"PYTHONIOENCODING": "ascii"}])
    def test_the_command_prints_names_that_the_terminal_has_no_letters_for(
        self, images: Path, tmp_path: Path, locale: dict[str, str]
    ) -> None:
        criteria = str(tmp_path / "criteria.json")
        screened = run_apart("screen", str(images), "--criteria", criteria, home=tmp_path, **locale)
        assert screened.returncode == 0, screened.stderr
        for command in (["trace", "Müller-日本.dcm"], ["trace", "1.2.3.4"], ["runs"], ["check", criteria], ["--help"]):
            ended = run_apart(*command, home=tmp_path, **locale)
            assert (ended.returncode, ended.stderr) == (0, ""), command

    def test_the_command_refuses_a_place_whose_name_is_no_text_in_words(self, images: Path, tmp_path: Path) -> None:
        folder = tmp_path / os.fsdecode(b"im\xffages")
        images.rename(folder)

        ended = run_apart("screen", str(folder), "--criteria", str(tmp_path / "criteria.json"), home=tmp_path)

        assert ended.returncode in (1, 2)
        assert "a name or a setting has bytes that are not UTF-8: rename it, or set it again" in ended.stderr

    def test_the_command_without_file_descriptors_says_so(self, images: Path, tmp_path: Path) -> None:
        arguments = ["dicom-sieve", "screen", str(images), "--criteria", str(tmp_path / "criteria.json")]
        limited = [sys.executable, "-c", LIMITED, *arguments]
        ended = subprocess.run(limited, env=environment_of(tmp_path), capture_output=True, text=True, check=False)

        assert (ended.returncode, ended.stdout) == (1, "")
        assert "open more files" in ended.stderr
        assert "unexpected" not in ended.stderr

    def test_the_command_that_is_interrupted_leaves_with_130_and_a_cancelled_run(
        self, images: Path, tmp_path: Path
    ) -> None:
        for number in range(4_000):
            (images / f"more-{number}").write_bytes(b"x")
        command = ["screen", str(images), "--criteria", str(tmp_path / "criteria.json")]
        environment = {**os.environ, "HOME": str(tmp_path), "DICOM_SIEVE_SHARD_OBJECTS": "5"}
        process = subprocess.Popen(
            [sys.executable, "-m", "dicom_sieve", *command], env=environment, stderr=subprocess.PIPE, text=True
        )
        wait_for(lambda: runs_in(tmp_path) == [("RUNNING",)], "the run to begin", 60)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)

        assert process.returncode == 130
        assert said == "dicom-sieve: stopped; start it again: a run reads only what is missing\n"
        assert runs_in(tmp_path) == [("CANCELLED",)]


def runs_in(home: Path) -> list[tuple[str]]:
    path = home / ".dicom-sieve" / "ledger.db"
    if not path.exists():
        return []
    try:
        with sqlite3.connect(path) as connection:
            return connection.execute("SELECT state FROM run").fetchall()
    except sqlite3.OperationalError:  # not a ledger yet
        return []
