"""Reads through a proxy that the environment names: by obstore, and what it does not tell, by boto3."""

import datetime
from collections.abc import Iterator
from dataclasses import replace

import pytest

from dicom_sieve.objects import ObjectInfo
from dicom_sieve.stores import EndpointRules, Retries, S3Store
from dicom_sieve.stores.interface import ObjectChangedError, ObjectGoneError, SlowDownError, TransportError
from tests.stores.buckets import read
from tests.stores.scripted_server import Answer, ScriptedServer, error, serve

LISTED = ObjectInfo("key", "e", 9, datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC))
RIGHT = Answer(
    206, b"bytes", {"ETag": '"e"', "Content-Range": "bytes 0-4/9", "Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT"}
)
ONCE = Retries(read_attempts=1)


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedServer]:
    """A proxy by http, which answers itself."""
    with serve() as running:
        for name in ("HTTP_PROXY", "http_proxy"):
            monkeypatch.setenv(name, running.endpoint)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        yield running


def store(proxy: ScriptedServer) -> S3Store:
    made = proxy.store(retries=ONCE)
    return S3Store(replace(made.access, endpoint="http://s3.example.test:9", rules=EndpointRules(allowed=("*",))))


def agents(proxy: ScriptedServer) -> list[str]:
    return [request.headers["user-agent"].partition("/")[0] for request in proxy.requests]


def test_a_proxy_is_asked_once_for_what_comes_as_it_should(proxy: ScriptedServer) -> None:
    proxy.will_answer(RIGHT)

    assert read(store(proxy), LISTED, 0, 5) == b"bytes"

    assert agents(proxy) == ["object_store"]


def test_a_proxy_is_asked_by_boto3_for_a_key_that_obstore_refuses(proxy: ScriptedServer) -> None:
    proxy.will_answer(RIGHT)

    assert read(store(proxy), replace(LISTED, key="a//b"), 0, 5) == b"bytes"

    assert agents(proxy) == ["Boto3"]


@pytest.mark.parametrize(
    ("answer", "kind", "told"),
    [
        (error(412, "PreconditionFailed"), ObjectChangedError, "changed"),
        (error(503, "SlowDown"), SlowDownError, "HTTP 503"),
        (error(429, "TooMany"), SlowDownError, "HTTP 429"),
        (error(500, "InternalError"), TransportError, "HTTP 500"),
        (Answer(0), TransportError, "ConnectionClosedError"),
        (replace(RIGHT, announced=9), TransportError, "ConnectionClosedError"),
    ],
)
def test_a_proxy_is_not_asked_twice_where_obstore_tells_what_is_wrong(
    proxy: ScriptedServer, answer: Answer, kind: type[Exception], told: str
) -> None:
    proxy.will_answer(answer)

    with pytest.raises(kind, match=told):
        read(store(proxy), LISTED, 0, 5)

    assert agents(proxy) == ["object_store"]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (error(404, "NoSuchKey"), ObjectGoneError),
        (error(403, "SignatureDoesNotMatch"), TransportError),
        (replace(RIGHT, body=b"byte"), TransportError),
    ],
)
def test_a_proxy_is_asked_again_by_boto3_where_obstore_does_not_tell(
    proxy: ScriptedServer, answer: Answer, kind: type[Exception]
) -> None:
    proxy.will_answer(answer)

    with pytest.raises(kind):
        read(store(proxy), LISTED, 0, 5)

    assert agents(proxy) == ["object_store", "Boto3"]
