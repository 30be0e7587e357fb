"""Public buckets, whose requests need no signature, and buckets whose requester pays; both clients alike.

Public reports: hats#451, tensorstore#169, rust-s3#85, wsidicom#141 (anonymous); boto3#4138, aws-cli#2557, hadoop#3962.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dicom_sieve.errors import StoreError
from dicom_sieve.stores import Anonymous, DefaultChain, Retries, S3Access, S3Store, StaticCredentials
from tests.conftest import S3Server
from tests.stores.buckets import fill, read
from tests.stores.scripted_server import Answer, Request, ScriptedServer
from tests.stores.small_s3 import error, small_s3

OBJECTS = {"one.dcm": b"bytes", "odd//key.dcm": b"other"}
ONCE = Retries(read_attempts=1)
SIGNED = {"authorization", "x-amz-security-token", "x-amz-date"}


def wants_payer(request: Request, answer: Answer) -> Answer:
    return answer if request.headers.get("x-amz-request-payer") == "requester" else error(403, "AccessDenied")


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with small_s3(OBJECTS) as running:
        yield running


@pytest.fixture(autouse=True)
def _own_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "PLANTED")


def use_all(store: S3Store, folder: Path) -> dict[str, bytes]:
    """List, read by each client, look up and download."""
    found = {}
    for number, listed in enumerate(store.list()):
        found[listed.key] = read(store, listed, 0, listed.size)
        assert store.find(listed.key) is not None
        store.download(listed, folder / str(number))
        assert (folder / str(number)).read_bytes() == found[listed.key]
    return found


class TestAnonymous:
    def test_anonymous_sends_no_credentials_at_all(self, server: ScriptedServer, tmp_path: Path) -> None:
        store = S3Store(S3Access("bucket", "eu-west", server.endpoint, Anonymous(), ONCE))

        assert use_all(store, tmp_path) == OBJECTS

        assert {request.is_range_client for request in server.requests} == {True, False}
        assert not any(SIGNED & set(request.headers) for request in server.requests)
        assert "PLANTED" not in str(server.requests)

    def test_anonymous_does_not_change_the_location(self, server: ScriptedServer) -> None:
        access = S3Access("bucket", "eu-west", server.endpoint, DefaultChain())

        assert S3Store(replace(access, credentials=Anonymous())).location == S3Store(access).location

    def test_anonymous_asks_the_default_chain_for_nothing(
        self, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
            monkeypatch.delenv(name)  # half of a pair of keys is an error, where anybody asks for them

        assert len(list(S3Store(S3Access("bucket", "r", server.endpoint, Anonymous(), ONCE)).list())) == len(OBJECTS)

    @pytest.mark.needs_rgw
    def test_anonymous_reads_a_public_bucket(self, rgw_server: S3Server, tmp_path: Path) -> None:
        bucket, public = rgw_server.make_bucket(), ["s3:ListBucket", "s3:GetObject"]
        fill(rgw_server, bucket, OBJECTS)
        store = S3Store(S3Access(bucket, "eu-west", rgw_server.endpoint, Anonymous(), ONCE))

        with pytest.raises(StoreError, match=r"AccessDenied .*; the bucket is not public, or not for this: give cred"):
            list(store.list())

        resources = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
        statement = {"Effect": "Allow", "Principal": "*", "Action": public, "Resource": resources}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        rgw_server.client().put_bucket_policy(Bucket=bucket, Policy=policy)
        assert use_all(store, tmp_path) == OBJECTS

    @pytest.mark.needs_rgw
    def test_anonymous_is_copied_from_within_a_server(self, rgw_server: S3Server) -> None:
        bucket, output = rgw_server.make_bucket(), rgw_server.make_bucket()
        rgw_server.client().put_bucket_acl(Bucket=bucket, ACL="public-read")
        for key, body in OBJECTS.items():
            rgw_server.client().put_object(Bucket=bucket, Key=key, Body=body, ACL="public-read")
        source = S3Store(S3Access(bucket, "eu-west", rgw_server.endpoint, Anonymous(), ONCE))
        target = rgw_server.store(output)

        for listed in source.list():
            target.copy_from(source, listed, f"copies/{listed.key}")

        found = {info.key: read(target, info, 0, info.size) for info in target.list()}
        assert found == {f"copies/{key}": body for key, body in OBJECTS.items()}


class TestRequesterPays:
    KEYS = StaticCredentials("key-id", "access-key")

    def test_requester_pays_is_said_by_every_request_of_both_clients(self, tmp_path: Path) -> None:
        with small_s3(OBJECTS, wants_payer) as server:
            access = S3Access("bucket", "eu-west", server.endpoint, self.KEYS, ONCE, requester_pays=True)

            assert use_all(S3Store(access), tmp_path) == OBJECTS
            assert {request.is_range_client for request in server.requests} == {True, False}
            assert all("x-amz-request-payer" in request.headers["authorization"] for request in server.requests)

    def test_requester_pays_is_hinted_at_where_it_was_not_said(self) -> None:
        with small_s3(OBJECTS, wants_payer) as server:
            store = S3Store(S3Access("bucket", "eu-west", server.endpoint, self.KEYS, ONCE))

            with pytest.raises(StoreError, match="where the requester pays, say so: requester_pays, --requester-pays"):
                list(store.list())
            assert not any("x-amz-request-payer" in request.headers for request in server.requests)

    def test_requester_pays_is_said_of_the_source_where_the_server_copies(
        self, scripted: ScriptedServer, tmp_path: Path
    ) -> None:
        etag = "&quot;etag-of-one.dcm&quot;"
        copied = Answer(200, f"<CopyObjectResult><ETag>{etag}</ETag></CopyObjectResult>".encode())
        scripted.will_answer(copied)
        source = S3Store(S3Access("from", "r", scripted.endpoint, self.KEYS, ONCE, requester_pays=True))
        target = S3Store(S3Access("to", "r", scripted.endpoint, self.KEYS, ONCE))
        with small_s3(OBJECTS) as server:
            listed = next(info for info in server.store().list() if info.key == "one.dcm")

        target.copy_from(source, listed, "copy.dcm")

        assert [request.headers.get("x-amz-request-payer") for request in scripted.requests] == ["requester"]

    def test_requester_pays_reads_from_real_servers(self, s3_server: S3Server, tmp_path: Path) -> None:
        bucket = s3_server.make_bucket()
        fill(s3_server, bucket, OBJECTS)
        store = s3_server.store(bucket)

        assert use_all(S3Store(replace(store.access, requester_pays=True)), tmp_path) == OBJECTS
