"""Credentials come as text, as a block or by the default chain; a text lasts for one start of a run."""

import re
import uuid
from typing import Any

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect_aws import AwsCredentials
from pydantic import SecretStr

from dicom_sieve import Ledger
from dicom_sieve.stores import StaticCredentials
from tests.flows import planted
from tests.flows.s3_proxy import Answer, S3Proxy
from tests.support.prefect_server import PrefectServer, wait_for

RETRY = {"type": "SCHEDULED", "name": "AwaitingRetry", "message": "Retry from the Prefect UI"}
BLOCK = StaticCredentials("AKIAPLANTEDBLOCK", "planted/block+key")


@pytest.fixture(scope="module")
def block_id(prefect: PrefectServer) -> str:
    """An AwsCredentials block, as someone saves it once."""
    with temporary_settings({PREFECT_API_URL: prefect.url}):
        block = AwsCredentials(
            aws_access_key_id=BLOCK.key_id, aws_secret_access_key=SecretStr(BLOCK.access_key), region_name="eu-west"
        )
        return str(block.save(f"block-{uuid.uuid4().hex[:8]}"))


@pytest.fixture(scope="module")
def runs(prefect: PrefectServer, proxy: S3Proxy, moto_bucket: str, block_id: str) -> dict[str, str]:
    """A run with each kind of credentials, by kind; ended."""
    given: dict[str, Any] = {"text": planted.CREDENTIALS, "block": {"$ref": block_id}, "chain": None, "empty": ""}
    prefixes = dict(zip(given, ("one", "two", "three", "none"), strict=True))  # by which their requests are known
    place = planted.location(proxy.endpoint, moto_bucket)
    ids = {
        kind: prefect.start(
            {
                "input_s3_parameters": {**place, "credentials": secret, "prefix": prefixes[kind]},
                "criteria": planted.IS_CT,
            }
        )
        for kind, secret in given.items()
    }
    for run in ids.values():
        assert prefect.state(run)[0] == "Completed"
    return ids


class TestEachKind:
    @pytest.mark.usefixtures("runs")
    def test_signs_with_its_own_key(self, proxy: S3Proxy) -> None:
        listings = (request for request in proxy.requests if "list-type=2" in request.path)
        signed = {
            (_text(r"prefix=(\w+)", listing.path), _text(r"Credential=(\w+)", listing.authorization))
            for listing in listings
        }

        assert signed == {
            ("one", planted.KEYS.key_id),
            ("two", BLOCK.key_id),
            ("three", planted.CHAIN.key_id),
            ("none", planted.CHAIN.key_id),
        }

    def test_each_kind_is_stored_without_what_is_secret(
        self, prefect: PrefectServer, runs: dict[str, str], block_id: str
    ) -> None:
        stored = {
            kind: prefect.flow_run(run)["parameters"]["input_s3_parameters"]["credentials"]
            for kind, run in runs.items()
        }

        assert stored == {"text": "***", "block": {"$ref": block_id}, "chain": None, "empty": ""}


class TestStartingAFailedRunAgain:
    def test_starting_a_failed_run_again_completes_with_a_block_as_a_run_of_its_own(
        self, prefect: PrefectServer, served_ledger: Ledger, proxy: S3Proxy, moto_bucket: str, block_id: str
    ) -> None:
        place = planted.location(proxy.endpoint, moto_bucket, credentials={"$ref": block_id})
        proxy.rule = lambda _: Answer(403, "AccessDenied")
        run = prefect.start({"input_s3_parameters": place, "criteria": planted.IS_CT})
        assert prefect.state(run)[0] == "Failed"
        proxy.rule = lambda _: None

        state, _ = _start_again(prefect, run)

        assert state == "Completed"
        assert served_ledger.run(f"{run}.2").row.state == "COMPLETED"


def _start_again(prefect: PrefectServer, run: str) -> tuple[str, str]:
    """Do what the button "Retry" of Prefect's UI does, and wait for the end."""
    count = prefect.flow_run(run)["run_count"]
    answer = prefect.api.post(f"/flow_runs/{run}/set_state", json={"state": RETRY, "force": True}).raise_for_status()
    assert answer.json()["status"] == "ACCEPT"
    wait_for(lambda: prefect.flow_run(run)["run_count"] > count, "the run to start again", 60)
    return prefect.state(run)


def _text(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    assert found is not None
    return found[1]
