"""Runs over REST on servers as public reports have them: public ones, ones of an authority of their own, bad ones."""

import ssl
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect_aws import AwsCredentials
from prefect_aws.client_parameters import AwsClientParameters
from pydantic import SecretStr

from dicom_sieve import Ledger
from tests.flows import planted
from tests.security.certificates import make_server_context
from tests.stores.scripted_server import ScriptedServer
from tests.stores.small_s3 import denies_reads, small_s3
from tests.support.prefect_server import PrefectServer

ENDS = {
    "anonymous": ("Completed", "2 of 3 instances passed"),
    "requester pays": ("Completed", "2 of 3 instances passed"),
    "of a block": ("Completed", "2 of 3 instances passed"),
    "of a block and another endpoint": ("Failed", "input_s3_parameters.endpoint: is another than the block's"),
    "of a block whose file is away": (
        "Failed",
        "not valid here, as a file that is not on this machine: aws_client_parameters.verify_cert_path",
    ),
    "of a block whose file is away, verify unset": (
        "Failed",
        "the block's aws_client_parameters.verify_cert_path holds no certificates that can be read",
    ),
    "nothing listed": ("Completed", "; nothing is listed: no key begins with the prefix; it begins with a slash"),
    "expired": ("Failed", "3 ExpiredToken (HTTP 400); the credentials have expired: give new ones"),
    "anonymous with credentials": ("Failed", "input_s3_parameters.anonymous: true, with credentials; accepted: one"),
}


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, Path]:
    """What a server by https shows, and the file of its authority."""
    return make_server_context(tmp_path_factory.mktemp("certificates"), "127.0.0.1")


@pytest.fixture(scope="module")
def servers(certificates: tuple[ssl.SSLContext, Path]) -> Iterator[dict[str, ScriptedServer]]:
    """One that answers all, one by https, one that lets nobody read."""
    objects = planted.objects()
    with ExitStack() as stack:
        yield {
            "plain": stack.enter_context(small_s3(objects)),
            "https": stack.enter_context(small_s3(objects, tls=certificates[0])),
            "expired": stack.enter_context(small_s3(objects, denies_reads(400, "ExpiredToken"))),
        }


def save_block(**parameters: Any) -> dict[str, str]:
    """Save a block as somebody does once; gives a reference to it."""
    block = AwsCredentials(
        aws_access_key_id=planted.KEYS.key_id,
        aws_secret_access_key=SecretStr(planted.KEYS.access_key),
        aws_client_parameters=AwsClientParameters(**parameters),
    )
    return {"$ref": str(block.save(f"block-{uuid.uuid4().hex[:8]}"))}


@pytest.fixture(scope="module")
def runs(
    prefect: PrefectServer, servers: dict[str, ScriptedServer], certificates: tuple[ssl.SSLContext, Path]
) -> dict[str, str]:
    """A run each, by name; ended."""
    lost = certificates[1].with_name("lost.pem")
    lost.write_bytes(certificates[1].read_bytes())
    with temporary_settings({PREFECT_API_URL: prefect.url}):
        of_block = save_block(endpoint_url=servers["https"].endpoint, verify_cert_path=certificates[1])
        of_lost, of_lost_too = (save_block(verify_cert_path=lost, **more) for more in ({"verify": True}, {}))
    lost.unlink()
    plain, expired = servers["plain"].endpoint, servers["expired"].endpoint
    places: dict[str, dict[str, Any]] = {
        "anonymous": planted.location(plain, "bucket", credentials=None, anonymous=True),
        "requester pays": planted.location(plain, "bucket", requester_pays=True, credentials=None),
        "of a block": {"bucket": "bucket", "region": "eu-west", "credentials": of_block},
        "of a block and another endpoint": planted.location(plain, "bucket", credentials=of_block),
        "of a block whose file is away": planted.location(plain, "bucket", credentials=of_lost),
        "of a block whose file is away, verify unset": planted.location(plain, "bucket", credentials=of_lost_too),
        "nothing listed": planted.location(plain, "bucket", prefix="/images"),
        "expired": planted.location(expired, "bucket"),
        "anonymous with credentials": planted.location(plain, "bucket", anonymous=True),
    }
    ids = {
        name: prefect.start({"input_s3_parameters": place, "criteria": planted.IS_CT}) for name, place in places.items()
    }
    for run in ids.values():
        prefect.state(run)
    return ids


@pytest.mark.parametrize("name", ENDS)
def test_each_ends_as_it_should(prefect: PrefectServer, runs: dict[str, str], name: str) -> None:
    wanted_state, words = ENDS[name]

    state, message = prefect.state(runs[name])

    assert (state, words in message) == (wanted_state, True), message


def test_what_is_no_secret_stays_so_that_a_run_can_be_started_again(
    prefect: PrefectServer, runs: dict[str, str]
) -> None:
    kept = {name: prefect.flow_run(run)["parameters"]["input_s3_parameters"] for name, run in runs.items()}

    assert kept["anonymous"]["anonymous"] is True
    assert kept["requester pays"]["requester_pays"] is True


def test_an_anonymous_run_signs_nothing_and_is_of_the_same_location(
    served_ledger: Ledger, servers: dict[str, ScriptedServer], runs: dict[str, str]
) -> None:
    unsigned = [request for request in servers["plain"].requests if "authorization" not in request.headers]
    paying = [request for request in servers["plain"].requests if "x-amz-request-payer" in request.headers]

    assert any("list-type" in request.path for request in unsigned)
    assert any("list-type" in request.path for request in paying)
    rows = [served_ledger.run(runs[name]).row for name in ("anonymous", "requester pays")]
    assert len({(row.endpoint, row.bucket, row.prefix) for row in rows}) == 1


def test_an_incomplete_run_leaves_its_causes(prefect: PrefectServer, runs: dict[str, str]) -> None:
    shown = prefect.all_of("/artifacts/filter", artifacts={"flow_run_id": {"any_": [runs["expired"]]}})
    data = {artifact["key"]: artifact["data"] for artifact in shown}

    assert set(data) == {"headers-read", "verdicts", "attrition", "unread", "result"}
    assert "ExpiredToken (HTTP 400)" in data["unread"]
    assert "the credentials have expired" in data["unread"]
    assert "3 objects could not be read: the run is INCOMPLETE" in data["attrition"]


def test_a_run_in_which_nothing_is_listed_warns_in_its_artifacts(prefect: PrefectServer, runs: dict[str, str]) -> None:
    shown = prefect.all_of("/artifacts/filter", artifacts={"flow_run_id": {"any_": [runs["nothing listed"]]}})

    data = {artifact["key"]: artifact["data"] for artifact in shown}

    assert "Nothing is listed: no key begins with the prefix" in data["attrition"]
    assert "nothing is listed" in data["verdicts"]
