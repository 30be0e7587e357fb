"""The built image, each role in a container without rights and with a read-only root; the demo's run in them.

S3 is Ceph's and the ledger's database PostgreSQL's; both are this machine's, whose network the containers share.
Prefect keeps its own data in SQLite here: the PostgreSQL of the wheel lacks pg_trgm, which Prefect needs.
"""

import json
import os
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import pytest
import sqlalchemy as sa
import yaml

from dicom_sieve.demo import CRITERIA
from dicom_sieve.demo.bucket import objects
from dicom_sieve.version import __version__
from tests.conftest import S3Server, not_present
from tests.support import containers
from tests.support.containers import IMAGE, Container, Image, inspect, podman
from tests.support.documents import ROOT
from tests.support.postgres_of_own import proxy_before
from tests.support.prefect_server import END_STATES, SECONDS_TO_ANSWER, PrefectServer, wait_for
from tests.support.up import unused_port

pytestmark = [pytest.mark.needs_image, pytest.mark.timeout(1800)]
SECONDS_TO_START = 300
SECONDS_TO_END = 900
PASSWORD = "sieve:of-this-test"
OF_DATABASE = "of-this-database"


@pytest.fixture(scope="module", autouse=True)
def _image() -> None:
    if (reason := containers.available()) is not None:
        not_present("the image", reason)


class TestWhatIsInIt:
    def test_it_runs_as_a_user_without_rights_and_asks_the_pages_how_they_are(self) -> None:
        config = inspect(IMAGE)["Config"]

        assert config["User"] == "10001:10001"
        assert inspect(IMAGE)["Healthcheck"]["Test"] == ["CMD", "answers", "http://127.0.0.1:4201/health/live"]
        assert config["Cmd"][:2] == ["dicom-sieve", "web"]

    def test_it_holds_no_secret_and_nothing_of_who_built_it(self) -> None:
        config = inspect(IMAGE)["Config"]

        names = {variable.partition("=")[0] for variable in config["Env"]}
        assert names <= {"PATH", "HOME", "LANG", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "container"}
        assert "PIP_" not in podman("history", "--no-trunc", IMAGE).stdout.partition("ENTRYPOINT")[0]

    def test_it_has_this_version_and_no_program_that_installs(self, sieve: Image) -> None:
        assert sieve.command("dicom-sieve", "--version") == f"{__version__}\n"
        found = sieve.command("sh", "-c", "command -v pip gcc curl git || echo none")
        assert found == "none\n"

    def test_licences_of_what_is_installed_are_in_it(self, sieve: Image) -> None:
        notices = sieve.command("cat", "/opt/dicom-sieve/NOTICES")
        names = "from importlib.metadata import distributions as all; print(*(each.name for each in all()))"
        installed = sieve.command("python", "-c", names).split()

        heads = {line.partition(" ")[0] for line in notices.splitlines()}
        assert len(installed) > 100
        assert set(installed) <= heads
        assert "psycopg-binary 3." in notices
        texts = [line for line in notices.splitlines() if line.startswith("/opt/")]
        kept = sieve.command("sh", "-c", f"ls {' '.join(texts)} /usr/share/common-licenses/LGPL-3 | wc -l")
        assert int(kept) == len(texts) + 1
        assert "GNU LESSER GENERAL PUBLIC LICENSE" in sieve.command("cat", *_texts_of("psycopg-binary", notices))

    def test_what_is_not_named_as_a_file_of_a_secret_stays_as_it_is(self, folder: Path) -> None:
        (folder / "api-password").write_text("a:b")
        environment = {
            "PREFECT_API_AUTH_STRING_FILE": "/run/secrets/api-password",
            "PREFECT_API_SSL_CERT_FILE": "/run/secrets/authorities.pem",
        }
        image = Image("secrets", folder, environment)

        printed = image.command("sh", "-c", "env | grep ^PREFECT_ | sort")

        assert printed == "PREFECT_API_AUTH_STRING=a:b\nPREFECT_API_SSL_CERT_FILE=/run/secrets/authorities.pem\n"

    def test_a_secret_that_cannot_be_read_is_said(self, tmp_path: Path) -> None:
        options = ("--env=DICOM_SIEVE_DATABASE_URL_FILE=/run/secrets/none", "--no-healthcheck", *containers.LIMITS)

        done = podman("run", "--rm", *options, IMAGE, "dicom-sieve", "runs", check=False)

        assert done.returncode == 2
        assert "with-secrets: DICOM_SIEVE_DATABASE_URL_FILE names a file that cannot be read" in done.stderr


def _texts_of(name: str, notices: str) -> list[str]:
    part = next(part for part in notices.split("\n\n") if part.startswith(f"{name} "))
    return part.splitlines()[1:]


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder that the user of a container may enter; pytest's own may be entered by root alone."""
    with TemporaryDirectory(prefix="dicom-sieve-secrets-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def sieve(folder: Path) -> Image:
    """The image with nothing set."""
    return Image("plain", folder, {})


@dataclass(frozen=True)
class Service:
    """All roles, running.

    Attributes:
        image: For commands.
        roles: By name.
        prefect: Prefect's server, with a client that has the password.
        pages: A client of the pages.
        secrets: What is in no log.
    """

    image: Image
    roles: dict[str, Container]
    prefect: PrefectServer
    pages: httpx.Client
    secrets: list[str]


@pytest.fixture(scope="module")
def buckets(rgw_server: S3Server) -> tuple[str, str]:
    """The demo's bucket, and an empty one."""
    client = rgw_server.client()
    filled, empty = rgw_server.make_bucket(), rgw_server.make_bucket()
    for key, body in objects():
        client.put_object(Bucket=filled, Key=key, Body=body)
    return filled, empty


def _places(server: S3Server, buckets: tuple[str, str]) -> dict[str, dict[str, str]]:
    names = ("input_s3_parameters", "output_s3_parameters")
    return {
        name: {"endpoint": server.endpoint, "bucket": bucket, "region": "eu-west"}
        for name, bucket in zip(names, buckets, strict=True)
    }


@pytest.fixture(scope="module")
def secrets(
    rgw_server: S3Server, postgres_server: sa.URL, buckets: tuple[str, str], folder: Path
) -> Iterator[list[str]]:
    """Write the files of secrets, for a ledger on PostgreSQL behind a port; gives what may be told nowhere."""
    name = f"ledger_{uuid.uuid4().hex}"
    with proxy_before(postgres_server.render_as_string(hide_password=False)) as (proxy, _):
        engine = sa.create_engine(postgres_server, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(sa.text(f"CREATE DATABASE {name}"))
        engine.dispose()
        ledger = f"postgresql://{postgres_server.username}:{OF_DATABASE}@127.0.0.1:{proxy.port}/{name}"
        following = {**_places(rgw_server, buckets), "parameters": {}}
        files = {
            "api-password": PASSWORD,
            "ledger-url": ledger,
            "key-id": rgw_server.credentials.key_id,
            "access-key": rgw_server.credentials.access_key,
            "then.json": json.dumps(following),
        }
        for file, text in files.items():
            (folder / file).write_text(text)
        yield [PASSWORD, OF_DATABASE, rgw_server.credentials.access_key]


@pytest.fixture(scope="module")
def service(rgw_server: S3Server, secrets: list[str], folder: Path) -> Iterator[Service]:
    """Prefect's server, the pages and a worker of the pool, all of the image."""
    port, pages, health = (unused_port() for _ in range(3))
    url = f"http://127.0.0.1:{port}/api"
    environment = {
        "PREFECT_HOME": "/tmp/prefect",
        "PREFECT_API_URL": url,
        "PREFECT_API_AUTH_STRING_FILE": "/run/secrets/api-password",
        "PREFECT_WORKER_WEBSERVER_PORT": str(health),
        "PREFECT_WORKER_QUERY_SECONDS": "2",
        "DICOM_SIEVE_DATABASE_URL_FILE": "/run/secrets/ledger-url",
        "DICOM_SIEVE_DEFAULT_CHAIN_ENDPOINTS": rgw_server.endpoint.partition("://")[2],
        "AWS_ACCESS_KEY_ID_FILE": "/run/secrets/key-id",
        "AWS_SECRET_ACCESS_KEY_FILE": "/run/secrets/access-key",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    image = Image(f"sieve-{os.getpid()}", folder, environment)
    ports = {"prefect": ["--port", str(port)], "web": ["--port", str(pages)], "worker": []}
    asked = {
        "prefect": f"{url}/ready",
        "web": f"http://127.0.0.1:{pages}/health/ready",
        "worker": f"http://127.0.0.1:{health}/health",
    }
    with ExitStack() as stack:
        started = {}
        for role, options in ports.items():
            started[role] = stack.enter_context(image.running(role, *_command_of(role), *options))
            _wait_until_healthy(started[role], asked[role])
            if role == "prefect":
                then = "lung-segmentation=/run/secrets/then.json"
                image.command(*_command_of("deployments"), "--then", then)
        user, _, word = PASSWORD.partition(":")
        api = stack.enter_context(httpx.Client(base_url=url, auth=(user, word), timeout=SECONDS_TO_ANSWER))
        web = stack.enter_context(httpx.Client(base_url=f"http://127.0.0.1:{pages}", timeout=SECONDS_TO_ANSWER))
        yield Service(image, started, PrefectServer(folder, url, api, {}), web, secrets)


def _command_of(service: str) -> list[str]:
    """Give the command of a service in compose.yaml, listening on loopback alone."""
    command: list[str] = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text())["services"][service]["command"]
    return [word.replace("0.0.0.0", "127.0.0.1") for word in command]


def _wait_until_healthy(container: Container, url: str) -> None:
    """Wait as an orchestrator does: by the program of the image that health checks call."""

    def is_healthy() -> bool:
        assert container.is_running(), container.log()
        return podman("exec", container.name, "answers", url, check=False).returncode == 0

    try:
        wait_for(is_healthy, f"{url} to answer", SECONDS_TO_START)
    except TimeoutError as error:
        raise AssertionError(container.log()) from error


@pytest.fixture(scope="module")
def run(service: Service, rgw_server: S3Server, buckets: tuple[str, str]) -> str:
    """The demo's run, started over REST, and what follows it, both at their ends."""
    credentials = rgw_server.credentials
    places = {
        name: {**place, "credentials": f"{credentials.key_id}:{credentials.access_key}"}
        for name, place in _places(rgw_server, buckets).items()
    }
    run = service.prefect.start({"criteria": CRITERIA, **places})
    _wait_for_completion(service, run)

    def following() -> str | None:
        runs = service.prefect.all_of("/flow_runs/filter", flows={"name": {"any_": ["compute-series"]}})
        return next((str(each["id"]) for each in runs if each["parameters"].get("run_id") == run), None)

    computed = wait_for(following, "the segmentation to follow", SECONDS_TO_START)
    _wait_for_completion(service, str(computed))
    return run


def _wait_for_completion(service: Service, run: str) -> None:
    def ended() -> str | None:
        state: str = service.prefect.flow_run(run)["state"]["type"]
        return state if state in END_STATES else None

    assert wait_for(ended, f"the end of run {run}", SECONDS_TO_END) == "COMPLETED", service.roles["worker"].log()


class TestTheDemosRun:
    def test_it_says_what_the_demo_says(self, service: Service, run: str, buckets: tuple[str, str]) -> None:
        shown = service.image.command("dicom-sieve", "show", run)
        series = json.loads(service.image.command("dicom-sieve", "series", run, "--selection", "WHOLE", "--json"))

        assert "179" in shown
        assert len(series) == 3
        assert "lung-segmentation" in service.image.command("dicom-sieve", "computations", run)

    def test_manifest_and_segmentation_lie_in_the_bucket(
        self, service: Service, run: str, rgw_server: S3Server, buckets: tuple[str, str]
    ) -> None:
        listed = rgw_server.client().list_objects_v2(Bucket=buckets[1])["Contents"]

        keys = [found["Key"] for found in listed]
        assert any(key.endswith("manifest.json") for key in keys)
        assert any(key.endswith(".dcm") for key in keys)

    def test_metrics_are_read_with_the_password(self, service: Service, run: str) -> None:
        user, _, word = PASSWORD.partition(":")

        assert service.pages.get("/metrics").status_code == 401
        figures = service.pages.get("/metrics", auth=(user, word)).raise_for_status().text
        assert 'dicom_sieve_runs{state="COMPLETED"} 1.0' in figures

    def test_pages_are_live_and_ready(self, service: Service, run: str) -> None:
        assert service.pages.get("/health/live").json() == {"status": "ok"}
        assert service.pages.get("/health/ready").json() == {"status": "ok", "ledger": "ok", "prefect": "ok"}

    @pytest.mark.parametrize("role", ["prefect", "web", "worker"])
    def test_each_role_has_no_rights_and_can_write_nothing_but_tmp(self, service: Service, run: str, role: str) -> None:
        container = service.roles[role]

        status = dict(
            line.split(":\t", 1) for line in container.run("cat", "/proc/1/status").splitlines() if ":\t" in line
        )
        assert status["Uid"].split() == ["10001"] * 4
        assert {int(status[name], 16) for name in ("CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
        assert status["NoNewPrivs"] == "1"
        for place in ("/opt/dicom-sieve", "/var/lib/dicom-sieve", "/usr/local/bin", "/etc", "/run"):
            assert podman("exec", container.name, "touch", f"{place}/made", check=False).returncode == 1, place
        container.run("touch", "/tmp/made")

    def test_secrets_are_in_no_log_and_not_in_what_podman_knows(self, service: Service, run: str) -> None:
        for container in service.roles.values():
            told = container.log() + json.dumps(inspect(container.name))
            assert not [secret for secret in service.secrets if secret in told], container.name

    def test_told_to_stop_each_role_ends_in_time(self, service: Service, run: str) -> None:
        ended = {role: service.roles[role].stop() for role in ("web", "worker", "prefect")}

        assert ended["web"] in {0, 143}
        assert ended["worker"] in {0, 143}
        assert ended["prefect"] in {0, 143}
