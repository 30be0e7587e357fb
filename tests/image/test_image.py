"""The built image, each role in a container without rights and with a read-only root; the demo's run in them.

S3 is Ceph's, the databases are PostgreSQL's, and both are this machine's; containers share its network.
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

from dicom_sieve.demo import CRITERIA
from dicom_sieve.demo.bucket import objects
from dicom_sieve.version import __version__
from tests.conftest import S3Server, not_present
from tests.support import containers
from tests.support.containers import IMAGE, Container, Image, inspect, podman
from tests.support.postgres_of_own import proxy_before
from tests.support.prefect_server import SECONDS_TO_ANSWER, PrefectServer, wait_for
from tests.support.up import unused_port

pytestmark = [pytest.mark.image, pytest.mark.timeout(600)]
SECONDS_TO_START = 120
PASSWORD = "sieve:of-this-test"
OF_DATABASE = "of-this-database"


@pytest.fixture(scope="module", autouse=True)
def _image() -> None:
    if (reason := containers.available()) is not None:
        not_present("the image", reason)


class TestWhatIsInIt:
    def test_it_runs_as_nobody_of_importance_and_asks_the_pages_how_they_are(self) -> None:
        config = inspect(IMAGE)["Config"]

        assert config["User"] == "10001:10001"
        assert config["Healthcheck"]["Test"] == ["CMD", "answers", "http://127.0.0.1:4201/health/live"]
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

    def test_what_is_not_named_as_a_file_of_a_secret_stays_as_it_is(self, tmp_path: Path) -> None:
        (tmp_path / "api-password").write_text("a:b")
        environment = {
            "PREFECT_API_AUTH_STRING_FILE": "/run/secrets/api-password",
            "PREFECT_API_SSL_CERT_FILE": "/run/secrets/authorities.pem",
        }
        image = Image("secrets", tmp_path, environment)

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


@pytest.fixture
def sieve(tmp_path: Path) -> Image:
    """The image with nothing set."""
    return Image("plain", tmp_path, {})


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
def secrets_folder(
    rgw_server: S3Server, postgres_server: sa.URL, buckets: tuple[str, str]
) -> Iterator[tuple[Path, int, list[str]]]:
    """Files of secrets that all may read in a folder that only its owner enters; two databases through one port."""
    prefix = uuid.uuid4().hex[:8]
    with (
        TemporaryDirectory(prefix="dicom-sieve-secrets-") as folder,
        proxy_before(postgres_server.render_as_string(hide_password=False)) as (proxy, _),
    ):
        engine = sa.create_engine(postgres_server, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            for name in ("ledger", "prefect"):
                connection.execute(sa.text(f"CREATE DATABASE {name}_{prefix}"))
        engine.dispose()
        where = f"{postgres_server.username}:{OF_DATABASE}@127.0.0.1:{proxy.port}"
        following = {**_places(rgw_server, buckets), "parameters": {}}
        secrets = {
            "api-password": PASSWORD,
            "ledger-url": f"postgresql://{where}/ledger_{prefix}",
            "prefect-url": f"postgresql+asyncpg://{where}/prefect_{prefix}",
            "key-id": rgw_server.credentials.key_id,
            "access-key": rgw_server.credentials.access_key,
            "then.json": json.dumps(following),
        }
        for name, text in secrets.items():
            (Path(folder) / name).write_text(text)
        # Others than root must be able to enter what a container shows them as /run/secrets.
        Path(folder).chmod(0o755)
        yield Path(folder), proxy.port, [PASSWORD, OF_DATABASE, rgw_server.credentials.access_key]


@pytest.fixture(scope="module")
def service(rgw_server: S3Server, secrets_folder: tuple[Path, int, list[str]]) -> Iterator[Service]:
    """Prefect's server, the pages and a worker of the pool, all of the image."""
    folder, _, secrets = secrets_folder
    port, pages, health = (unused_port() for _ in range(3))
    url = f"http://127.0.0.1:{port}/api"
    environment = {
        "PREFECT_HOME": "/tmp/prefect",
        "PREFECT_API_URL": url,
        "PREFECT_API_AUTH_STRING_FILE": "/run/secrets/api-password",
        "PREFECT_SERVER_DATABASE_CONNECTION_URL_FILE": "/run/secrets/prefect-url",
        "PREFECT_WORKER_WEBSERVER_PORT": str(health),
        "PREFECT_WORKER_QUERY_SECONDS": "2",
        "DICOM_SIEVE_DATABASE_URL_FILE": "/run/secrets/ledger-url",
        "DICOM_SIEVE_DEFAULT_CHAIN_ENDPOINTS": rgw_server.endpoint.partition("://")[2],
        "AWS_ACCESS_KEY_ID_FILE": "/run/secrets/key-id",
        "AWS_SECRET_ACCESS_KEY_FILE": "/run/secrets/access-key",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    image = Image(f"sieve-{os.getpid()}", folder, environment)
    roles = {
        "prefect": ("dicom-sieve", "prefect-server", "--port", str(port)),
        "web": ("dicom-sieve", "web", "--port", str(pages)),
        "worker": ("prefect", "worker", "start", "--pool", "dicom", "--limit", "2", "--with-healthcheck"),
    }
    asked = {
        "prefect": f"{url}/ready",
        "web": f"http://127.0.0.1:{pages}/health/ready",
        "worker": f"http://127.0.0.1:{health}/health",
    }
    with ExitStack() as stack:
        started = {}
        for role, command in roles.items():
            started[role] = stack.enter_context(image.running(role, *command))
            _wait_until_healthy(started[role], asked[role])
            if role == "prefect":
                image.command(
                    "dicom-sieve", "deploy", "--pool", "dicom", "--then", "lung-segmentation=/run/secrets/then.json"
                )
        user, _, word = PASSWORD.partition(":")
        api = stack.enter_context(httpx.Client(base_url=url, auth=(user, word), timeout=SECONDS_TO_ANSWER))
        web = stack.enter_context(httpx.Client(base_url=f"http://127.0.0.1:{pages}", timeout=SECONDS_TO_ANSWER))
        yield Service(image, started, PrefectServer(folder, url, api, {}), web, secrets)


def _wait_until_healthy(container: Container, url: str) -> None:
    """Wait as an orchestrator does: by the program of the image that health checks call."""

    def is_healthy() -> bool:
        assert container.is_running(), container.log()
        return podman("exec", container.name, "answers", url, check=False).returncode == 0

    wait_for(is_healthy, f"{url} to answer", SECONDS_TO_START)


@pytest.fixture(scope="module")
def run(service: Service, rgw_server: S3Server, buckets: tuple[str, str]) -> str:
    """The demo's run, started over REST, and what follows it, both at their ends."""
    credentials = rgw_server.credentials
    places = {
        name: {**place, "credentials": f"{credentials.key_id}:{credentials.access_key}"}
        for name, place in _places(rgw_server, buckets).items()
    }
    run = service.prefect.start({"criteria": CRITERIA, **places})
    assert service.prefect.state(run)[0] == "Completed", service.roles["worker"].log()

    def following() -> str | None:
        runs = service.prefect.all_of("/flow_runs/filter", flows={"name": {"any_": ["compute-series"]}})
        return next((str(each["id"]) for each in runs if each["parameters"].get("run_id") == run), None)

    computed = wait_for(following, "the segmentation to follow", SECONDS_TO_START)
    assert service.prefect.state(str(computed))[0] == "Completed", service.roles["worker"].log()
    return run


@pytest.mark.real_s3
@pytest.mark.real_postgres
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
