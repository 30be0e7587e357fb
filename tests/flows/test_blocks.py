"""What an AWS Credentials block says beside its keys is honoured, or refused by name; none of it is passed over.

Public reports: datachain#929, jupyterlab-s3-browser#102, nextcloud#32726 (certificates), samltoawsstskeys#40 (tokens).
"""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prefect_aws import AwsCredentials
from prefect_aws.client_parameters import AwsClientParameters
from pydantic import SecretStr

from dicom_sieve.contract.read import Request, read_request
from dicom_sieve.errors import InvalidRequestError
from dicom_sieve.flows import follow_up
from dicom_sieve.flows.blocks_in_requests import rules_of, with_blocks
from dicom_sieve.settings import load_settings
from dicom_sieve.stores import Retries, S3Store
from tests.flows import planted
from tests.security.certificates import make_server_context
from tests.stores.buckets import read
from tests.stores.scripted_server import ScriptedServer
from tests.stores.small_s3 import small_s3

FIELD = "input_s3_parameters"
OBJECTS = {"one.dcm": b"bytes"}


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with small_s3(OBJECTS) as running:
        yield running


def block(parameters: dict[str, Any] | None = None, **members: Any) -> AwsCredentials:
    keys = {"aws_access_key_id": "key-id", "aws_secret_access_key": SecretStr("PLANTED-SECRET")}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # prefect-aws, of a path as "verify"
        return AwsCredentials(**{**keys, **members}, aws_client_parameters=AwsClientParameters(**(parameters or {})))


def asked(credentials: AwsCredentials, endpoint: str | None = None, **members: Any) -> Request:
    place = {"bucket": "bucket", "region": "eu-west-1", "endpoint": endpoint, "credentials": credentials, **members}
    return read_request(
        with_blocks({FIELD: place, "criteria": planted.IS_CT}), Retries(read_attempts=1), rules_of(load_settings())
    )


def problem(credentials: AwsCredentials, endpoint: str | None = None, **members: Any) -> str:
    """Read a request, and give the one thing that is wrong with it."""
    with pytest.raises(InvalidRequestError) as caught:
        asked(credentials, endpoint, **members)
    (line,) = caught.value.problems
    assert "PLANTED" not in line
    return line


class TestAnEndpointOfABlock:
    def test_an_endpoint_of_a_block_is_the_one_that_is_asked(self, server: ScriptedServer) -> None:
        store = asked(block({"endpoint_url": f"{server.endpoint}/"})).store

        (listed,) = store.list()

        assert read(store, listed, 0, 5) == b"bytes"
        assert store.location.endpoint == server.endpoint
        assert [request.is_range_client for request in server.requests] == [False, True]

    def test_an_endpoint_of_a_block_may_be_in_the_request_too(self, server: ScriptedServer) -> None:
        assert asked(block({"endpoint_url": server.endpoint}), f"{server.endpoint}/").store.location.endpoint == (
            server.endpoint
        )

    def test_an_endpoint_of_a_block_that_contradicts_the_request_is_refused(self, server: ScriptedServer) -> None:
        told = problem(block({"endpoint_url": "https://PLANTED.example.org"}), server.endpoint)

        assert told == (
            f"{FIELD}.endpoint: is another than the block's aws_client_parameters.endpoint_url; accepted: the same in "
            "both, or one of them alone"
        )

    @pytest.mark.parametrize(
        ("endpoint", "words"),
        [
            ("http://169.254.169.254", "leads to an address of a cloud's metadata"),
            ("https://key:PLANTED@host", "holds credentials"),
            ("PLANTED", "is no http or https URL"),
        ],
    )
    def test_an_endpoint_of_a_block_goes_through_the_same_door(self, endpoint: str, words: str) -> None:
        told = problem(block({"endpoint_url": endpoint}))

        assert told.startswith(f"{FIELD}.credentials: the block's aws_client_parameters.endpoint_url {words}")

    def test_an_endpoint_of_a_block_is_not_sent_this_machines_own_credentials(self, server: ScriptedServer) -> None:
        told = problem(AwsCredentials(aws_client_parameters=AwsClientParameters(endpoint_url=server.endpoint)))

        assert "would be sent this machine's own credentials" in told
        assert server.requests == []

    def test_an_endpoint_of_a_block_is_held_to_the_list_of_those_that_are_allowed(
        self, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("DICOM_SIEVE_ALLOWED_ENDPOINTS", "s3.example.test")

        assert "is not allowed here" in problem(block({"endpoint_url": server.endpoint}))

    def test_an_endpoint_of_a_block_is_where_an_automation_waits_for_runs(self, server: ScriptedServer) -> None:
        given = {"bucket": "bucket", "region": "r", "credentials": block({"endpoint_url": server.endpoint})}

        [following] = follow_up.read_following({}, {FIELD: given, "output_s3_parameters": given})

        assert following.location.endpoint == server.endpoint


class TestCertificates:
    @pytest.mark.parametrize("member", ["verify_cert_path", "verify"])
    def test_certificates_of_a_block_are_trusted_by_both_clients(self, tmp_path: Path, member: str) -> None:
        tls, authority = make_server_context(tmp_path, "127.0.0.1")
        with small_s3(OBJECTS, tls=tls) as server:
            store = asked(block({"endpoint_url": server.endpoint, member: str(authority)})).store

            (listed,) = store.list()

            assert read(store, listed, 0, 5) == b"bytes"
            assert [request.is_range_client for request in server.requests] == [False, True]

    def test_certificates_are_not_left_unchecked(self, server: ScriptedServer) -> None:
        told = problem(block({"verify": False}), server.endpoint)

        assert told == (
            f"{FIELD}.credentials: the block's aws_client_parameters.verify is false, and certificates are always "
            "checked; accepted: true, and the file of the server's authority in verify_cert_path, or in "
            "DICOM_SIEVE_CA_BUNDLE"
        )

    def test_certificates_that_are_no_file_any_more_are_refused(self, tmp_path: Path, server: ScriptedServer) -> None:
        file = tmp_path / "PLANTED.pem"
        file.write_text("none")

        told = problem(block({"verify_cert_path": str(file)}), server.endpoint)

        assert told.startswith(f"{FIELD}.credentials: the block's aws_client_parameters.verify_cert_path holds no")


class TestOtherMembers:
    def test_other_members_use_ssl_is_what_the_endpoint_says(self, server: ScriptedServer) -> None:
        plain = block({"use_ssl": False})

        assert asked(plain, server.endpoint).store.location.endpoint == server.endpoint
        for endpoint in (None, "https://127.0.0.1:9"):
            assert problem(plain, endpoint) == (
                f"{FIELD}.credentials: the block's aws_client_parameters.use_ssl is false; accepted: true, or an "
                "endpoint as http://host"
            )

    def test_a_region_is_the_requests(self, server: ScriptedServer) -> None:
        store = asked(block(region_name="eu-west-1"), server.endpoint).store
        assert isinstance(store, S3Store)
        assert store.access.region == "eu-west-1"
        assert problem(block(region_name="PLANTED-1"), server.endpoint) == (
            f"{FIELD}.region: is another than the block's region_name; accepted: the same in both, or a block without"
        )

    def test_a_session_token_is_sent_by_both_clients(self, server: ScriptedServer) -> None:
        store = asked(block(aws_session_token="token"), server.endpoint).store

        (listed,) = store.list()
        read(store, listed, 0, 5)

        assert [request.headers["x-amz-security-token"] for request in server.requests] == ["token", "token"]

    @pytest.mark.parametrize("missing", ["aws_access_key_id", "aws_secret_access_key"])
    def test_a_session_token_without_both_keys_is_refused(self, missing: str) -> None:
        assert problem(block(aws_session_token="PLANTED", **{missing: None})) == (
            f"{FIELD}.credentials: the block has aws_session_token without both keys; accepted: aws_access_key_id and "
            "aws_secret_access_key with it"
        )

    def test_an_api_version_is_the_one_that_s3_has(self, server: ScriptedServer) -> None:
        assert asked(block({"api_version": "2006-03-01"}), server.endpoint).store.location.endpoint == server.endpoint
        assert problem(block({"api_version": "PLANTED"}), server.endpoint) == (
            f"{FIELD}.credentials: the block's aws_client_parameters.api_version is not read; accepted: none, or "
            "2006-03-01"
        )

    def test_a_config_is_refused_by_its_members(self, server: ScriptedServer) -> None:
        config = {"signature_version": "unsigned", "proxies": {"https": "http://PLANTED@host"}, "PLANTED": 1}

        assert asked(block({"config": {}}), server.endpoint).store.location.endpoint == server.endpoint
        assert problem(block({"config": config}), server.endpoint) == (
            f"{FIELD}.credentials: the block's aws_client_parameters.config has proxies, signature_version, which are "
            "not read; accepted: none. For requests that are not signed: anonymous; for times: DICOM_SIEVE_… settings"
        )

    def test_other_members_that_are_empty_are_none(self, server: ScriptedServer) -> None:
        store = asked(block({"endpoint_url": "", "api_version": ""}, region_name="", aws_session_token="")).store

        assert store.location.endpoint == "https://s3.amazonaws.com"
        assert server.requests == []
