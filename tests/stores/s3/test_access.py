"""Reaching a bucket: regions, endpoints, credentials, and what is said when it cannot be reached."""

import asyncio
import datetime
import socket
from dataclasses import dataclass
from pathlib import Path

import boto3
import pytest
from botocore.credentials import CredentialResolver
from botocore.exceptions import CredentialRetrievalError

from dicom_sieve.errors import StoreError
from dicom_sieve.objects import ObjectInfo
from dicom_sieve.stores import (
    DefaultChain,
    GivesSession,
    Retries,
    S3Access,
    S3Store,
    StaticCredentials,
    check_endpoint,
)
from dicom_sieve.stores.interface import NotSentError, TransportError
from dicom_sieve.stores.s3.ranges import RangeClient
from tests.conftest import S3Server
from tests.stores.buckets import read
from tests.stores.scripted_server import Answer, ScriptedServer, error

TWICE = Retries(read_attempts=2, first_pause_seconds=0.0)
REGIONS = ["eu-west", "my_Region", "EU West", "", "12345", "-", "Zürich", "東京", "x" * 100]
UNLISTED = ObjectInfo("key", "e", 5, datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC))


class TestARegion:
    @pytest.mark.needs_rgw
    @pytest.mark.parametrize("region", REGIONS)
    def test_a_region_is_any_string(self, rgw_server: S3Server, region: str, tmp_path: Path) -> None:
        bucket, body = rgw_server.make_bucket(), tmp_path / "body"
        body.write_bytes(b"body")
        store = S3Store(S3Access(bucket, region, rgw_server.endpoint, rgw_server.credentials))

        store.write_once("plain", body)
        store.write_once("odd//key", body)

        for listed in store.list():
            assert store.find(listed.key) is not None
            assert read(store, listed, 1, 3) == b"od"
            assert store._read_any(listed, 1, 3) == b"od"
        assert asyncio.run(store._read_quickly(listed, 1, 3)) == b"od"

    @pytest.mark.parametrize("region", ["eu-west", "my_Region", "EU West", "12345"])
    def test_a_region_is_what_both_clients_sign_for(self, scripted: ScriptedServer, region: str) -> None:
        scripted.will_answer(error(404, "NoSuchKey"))
        store = scripted.store(region=region)

        with pytest.raises(StoreError):
            list(store.list())
        with pytest.raises(Exception, match="gone"):
            read(store, UNLISTED, 0, 5)

        assert [request.is_range_client for request in scripted.requests] == [False, True, False]
        scopes = [request.signed_for.split("/") for request in scripted.requests]
        assert [(scope[0], scope[2], scope[3]) for scope in scopes] == [("key-id", region, "s3")] * 3

    def test_a_region_that_no_request_can_carry_is_said(self, moto_server: S3Server) -> None:
        store = S3Store(S3Access("bucket", "a\r\nb", moto_server.endpoint, moto_server.credentials))

        with pytest.raises(StoreError, match="check the key id and the region"):
            list(store.list())

    def test_a_region_that_aws_cannot_have_is_said_before_any_request(self) -> None:
        store = S3Store(S3Access("bucket", "my_Region", None, StaticCredentials("key-id", "access-key")))

        with pytest.raises(StoreError, match="InvalidRegionError; AWS has no such region; give the endpoint"):
            list(store.list())


class TestNoEndpoint:
    def test_no_endpoint_is_aws_in_that_region_whatever_the_environment_says(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT"):
            monkeypatch.setenv(name, "http://127.0.0.1:9")
        store = S3Store(S3Access("bucket", "eu-west-1", None, StaticCredentials("key-id", "access-key")))

        assert store._boto3.meta.endpoint_url == "https://s3.eu-west-1.amazonaws.com"
        assert isinstance(store._range_client, RangeClient)
        assert store._range_client.endpoint == "https://s3.eu-west-1.amazonaws.com"
        assert store.location.endpoint == "https://s3.amazonaws.com"


class TestCredentialsOfTheEnvironment:
    def test_credentials_of_the_environment_are_not_sent_where_others_were_given(
        self, scripted: ScriptedServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "environment-id")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "environment-key")
        monkeypatch.setenv("AWS_SESSION_TOKEN", "environment-token")
        monkeypatch.setenv("AWS_SKIP_SIGNATURE", "true")
        scripted.will_answer(error(404, "NoSuchKey"))

        with pytest.raises(Exception, match="gone"):
            read(scripted.store(), UNLISTED, 0, 5)

        assert [request.is_range_client for request in scripted.requests] == [True, False]
        for request in scripted.requests:
            assert request.signed_for.startswith("key-id/")
            assert "environment" not in str(request.headers)

    def test_credentials_of_the_environment_are_used_by_both_clients_where_none_were_given(
        self, scripted: ScriptedServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "environment-id")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "environment-key")
        monkeypatch.setenv("AWS_SESSION_TOKEN", "environment-token")
        scripted.will_answer(error(404, "NoSuchKey"))

        with pytest.raises(Exception, match="gone"):
            read(S3Store(S3Access("bucket", "eu-west", scripted.endpoint, DefaultChain())), UNLISTED, 0, 5)

        assert [request.is_range_client for request in scripted.requests] == [True, False]
        for request in scripted.requests:
            assert request.signed_for.startswith("environment-id/")
            assert request.headers["x-amz-security-token"] == "environment-token"


@dataclass(frozen=True)
class Failing:
    """Credentials that cannot be had."""

    error: Exception

    def get_boto3_session(self) -> boto3.Session:
        raise self.error


def closed_endpoint() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


class TestABucketThatCannotBeReached:
    def ways(self, store: S3Store, body: Path) -> list[str]:
        """Try everything that a store can; every failure is one of ours."""
        told = []
        with pytest.raises(StoreError) as listing:
            list(store.list())
        with pytest.raises(StoreError) as looking:
            store.find("key")
        with pytest.raises(StoreError) as writing:
            store.write_once("key", body)
        with pytest.raises(TransportError) as reading:
            read(store, UNLISTED, 0, 5)
        with pytest.raises(TransportError) as stating:
            asyncio.run(store.stat("key"))
        told = [str(caught.value) for caught in (listing, looking, writing, reading, stating)]
        assert not any("PLANTED" in text for text in told)
        return told

    @pytest.fixture
    def body(self, tmp_path: Path) -> Path:
        path = tmp_path / "body"
        path.write_bytes(b"body")
        return path

    def test_a_bucket_that_cannot_be_reached_because_no_server_listens(self, body: Path) -> None:
        store = S3Store(S3Access("b", "r", closed_endpoint(), StaticCredentials("PLANTED-ID", "PLANTED-KEY"), TWICE))

        told = self.ways(store, body)

        assert told[0] == (
            "cannot list s3://b: EndpointConnectionError; check the endpoint and that it can be reached from here"
        )
        assert told[3] == "the object could not be read: EndpointConnectionError"

    @pytest.mark.needs_rgw
    @pytest.mark.parametrize(
        ("key_id", "access_key", "words"),
        [
            ("PLANTED-ID", "PLANTED-KEY", "InvalidAccessKeyId (HTTP 403); the server does not know the key id"),
            (None, "PLANTED-KEY", "SignatureDoesNotMatch (HTTP 403); check the access key and the region"),
            ("PLANTED\n", "PLANTED-KEY", "HTTPClientError; check the key id and the region for characters"),
            ("PLANTED-é東", "PLANTED-é東", "InvalidAccessKeyId (HTTP 403); the server does not know the key id"),
        ],
    )
    def test_a_bucket_that_cannot_be_reached_because_the_credentials_are_wrong(
        self, rgw_server: S3Server, body: Path, key_id: str | None, access_key: str, words: str
    ) -> None:
        bucket = rgw_server.make_bucket()
        credentials = StaticCredentials(key_id or rgw_server.credentials.key_id, access_key)

        told = self.ways(S3Store(S3Access(bucket, "eu-west", rgw_server.endpoint, credentials, TWICE)), body)

        assert told[0].startswith(f"cannot list s3://{bucket}: {words}")
        assert rgw_server.credentials.key_id not in " ".join(told)

    @pytest.mark.parametrize(
        ("credentials", "words"),
        [
            (DefaultChain(), "NoCredentialsError; give credentials as key_id:access_key, a block, or by AWS's default"),
            (
                Failing(CredentialRetrievalError(provider="PLANTED", error_msg="PLANTED")),
                "CredentialRetrievalError",
            ),
            (Failing(RuntimeError("PLANTED")), "RuntimeError"),
        ],
    )
    def test_a_bucket_that_cannot_be_reached_because_there_are_no_credentials(
        self, scripted: ScriptedServer, body: Path, credentials: GivesSession, words: str, tmp_path: Path
    ) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
            patch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
            store = S3Store(S3Access("b", "r", scripted.endpoint, credentials, TWICE))

            assert self.ways(store, body)[0].startswith(f"cannot list s3://b: {words}")

        assert scripted.requests == []

    @pytest.mark.parametrize(
        ("name", "words"),
        [("AWS_PROFILE", "ProfileNotFound; AWS_PROFILE names a profile"), ("AWS_ACCESS_KEY_ID", "PartialCredentials")],
    )
    def test_a_bucket_that_cannot_be_reached_because_the_default_chain_is_broken(
        self, scripted: ScriptedServer, body: Path, name: str, words: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(name, "PLANTED")
        store = S3Store(S3Access("b", "r", scripted.endpoint, DefaultChain(), TWICE))

        assert self.ways(store, body)[0].startswith(f"cannot list s3://b: {words}")

    def test_a_bucket_that_cannot_be_reached_because_the_bucket_is_in_another_region(
        self, scripted: ScriptedServer, body: Path
    ) -> None:
        scripted.will_answer(error(400, "AuthorizationHeaderMalformed"))

        assert "; the bucket is in another region" in self.ways(scripted.store(retries=TWICE), body)[0]

    def test_a_bucket_that_cannot_be_reached_because_it_is_no_s3_server(self, scripted: ScriptedServer) -> None:
        scripted.will_answer(Answer(200, b"<html><body>Welcome to nginx!</body></html>"))

        with pytest.raises(StoreError, match="the answer is a web page, not S3's"):
            list(scripted.store().list())

    def test_a_bucket_that_cannot_be_reached_because_there_is_none_of_that_name(self, s3_server: S3Server) -> None:
        store = s3_server.store("no-such-bucket")

        with pytest.raises(
            StoreError, match=r"list s3://no-such-bucket: NoSuchBucket .*; check the name of the bucket"
        ):
            list(store.list())

    @pytest.mark.parametrize("name", ["", "a bucket", "a/b", "ü", "x" * 300])
    def test_a_bucket_that_cannot_be_reached_because_none_can_have_that_name(
        self, moto_server: S3Server, body: Path, name: str
    ) -> None:
        assert (
            "ParamValidationError; check the name of the bucket"
            in self.ways(
                S3Store(S3Access(name, "eu-west", moto_server.endpoint, moto_server.credentials, TWICE)), body
            )[0]
        )


class TestAnEndpoint:
    @pytest.mark.parametrize(
        "endpoint",
        [
            "https://localhost:9000",
            "http://127.0.0.1:7480",
            "http://127.0.0.1:7480/",
            "https://[::1]:9000",
            "https://s3.example.org/storage/v1/s3",
            "HTTPS://S3.EXAMPLE.ORG",
        ],
    )
    def test_an_endpoint_that_is_a_url_is_accepted(self, endpoint: str) -> None:
        assert check_endpoint(endpoint) is None
        S3Store(S3Access("bucket", "r", endpoint, StaticCredentials("key-id", "access-key")))._boto3.close()

    @pytest.mark.parametrize(
        "endpoint",
        [
            "https://PLANTED:SECRET@host",
            "https://PLANTED@host",
            "https://:SECRET@host",
            "https://@host",
            "https://PLANTED:12/SECRET@host",
            "https://PLANTED:SE/CRET@host:9000",
            "https://PLANTED%3ASECRET@host",
            "PLANTED:SECRET@host",
            "PLANTED:SECRET",
            "https://host/?X-Amz-Credential=PLANTED",
            "https://host?SECRET",
            "https://host#SECRET",
            "https://host/?",
            "https://host:SECRET",
            "https://host:0",
            "https://host:99999",
            "https://[SECRET",
            "https://",
            "https:///SECRET",
            "",
            "SECRET",
            "host:9000",
            "s3://PLANTED",
            "file:///SECRET",
            "ftp://SECRET",
            "https://a_SECRET_host:9000",
            "https://a SECRET host",
            "https://host\nSECRET",
            "https://host\r\nAuthorization: SECRET",
            "https://-SECRET",
            "https://a..SECRET",
            "https://PLANTED\\SECRET",
        ],
    )
    def test_an_endpoint_that_is_none_is_refused_and_never_quoted(self, endpoint: str) -> None:
        problem = check_endpoint(endpoint)

        assert problem is not None
        assert "accepted: " in problem
        assert "PLANTED" not in problem
        assert "SECRET" not in problem


class TestWithoutCredentials:
    @pytest.fixture
    def looked(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """What AWS's default chain was asked for credentials, each time; it has none."""
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        asked: list[str] = []

        def look(resolver: CredentialResolver) -> None:
            asked.append(type(resolver).__name__)

        monkeypatch.setattr(CredentialResolver, "load_credentials", look)
        return asked

    def test_without_credentials_no_read_is_tried_twice(self, scripted: ScriptedServer, looked: list[str]) -> None:
        store = S3Store(S3Access("bucket", "eu-west", scripted.endpoint, DefaultChain()))

        with pytest.raises(NotSentError, match="NoCredentialsError"):
            read(store, UNLISTED, 0, 5)

        assert len(looked) <= 2  # once for each client
        assert scripted.requests == []

    def test_without_credentials_no_download_is_tried_twice(
        self, scripted: ScriptedServer, looked: list[str], tmp_path: Path
    ) -> None:
        store = S3Store(S3Access("bucket", "eu-west", scripted.endpoint, DefaultChain()))

        with pytest.raises(NotSentError, match="NoCredentialsError"):
            store.download(UNLISTED, tmp_path / "object")

        assert len(looked) <= 2
        assert scripted.requests == []
