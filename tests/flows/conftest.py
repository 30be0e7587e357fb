"""One Prefect server and one process that serves the deployment, shared by all tests here."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dicom_sieve import Ledger, open_ledger
from tests.conftest import S3Server
from tests.flows import planted
from tests.flows.s3_proxy import S3Proxy, s3_proxy
from tests.support.prefect_server import SERVE, PrefectServer, prefect_server

SHARD_OBJECTS = 100


@pytest.fixture(scope="package")  # and not longer: two servers that nobody asks take a tenth of a machine's time
def prefect(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectServer]:
    """The server as ``dicom-sieve up`` starts it, with the deployment served; all that it logs is logged."""
    home = tmp_path_factory.mktemp("prefect")
    environment = {
        "PREFECT_LOGGING_ROOT_LEVEL": "DEBUG",
        "DICOM_SIEVE_DATABASE_URL": ledger_url(home),
        "DICOM_SIEVE_SHARD_OBJECTS": str(SHARD_OBJECTS),
        "AWS_ACCESS_KEY_ID": planted.CHAIN.key_id,
        "AWS_SECRET_ACCESS_KEY": planted.CHAIN.access_key,
        "DICOM_SIEVE_DEFAULT_CHAIN_ENDPOINTS": "127.0.0.1",
        "DICOM_SIEVE_INPUT_DIRECTORIES": str(home / "images"),
    }
    with prefect_server(home, is_ours=True) as server, server.serving(SERVE, "serve.log", **environment):
        yield server


@pytest.fixture
def served_ledger(prefect: PrefectServer) -> Iterator[Ledger]:
    """The ledger of the served deployment."""
    with open_ledger(ledger_url(prefect.home)) as ledger:
        yield ledger


@pytest.fixture(scope="session")
def moto_bucket(moto_server: S3Server) -> str:
    """A small bucket: two CT, one MR, with patients' values in them. Another test may have had it read already."""
    return make_planted_bucket(moto_server)


@pytest.fixture(scope="module")
def proxy(moto_server: S3Server) -> Iterator[S3Proxy]:
    """A proxy before moto."""
    with s3_proxy(moto_server.endpoint) as running:
        yield running


def make_planted_bucket(server: S3Server) -> str:
    """Make such a bucket that no run has seen."""
    name = server.make_bucket()
    for key, body in planted.objects().items():
        server.client().put_object(Bucket=name, Key=key, Body=body)
    return name


def ledger_url(home: Path) -> str:
    return f"sqlite:///{home / 'ledger.db'}"
