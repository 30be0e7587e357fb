"""Attack: an endpoint answers with a redirect, and the request's credentials and session token go to another host."""

import asyncio
import dataclasses
import datetime
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from dicom_sieve.errors import DicomSieveError
from dicom_sieve.objects import ObjectInfo
from dicom_sieve.stores import DefaultChain, EndpointRules, Retries, S3Access, S3Store
from tests.security.certificates import make_server_context
from tests.security.resolver import Resolver
from tests.stores.buckets import read
from tests.stores.scripted_server import Answer, ScriptedServer, serve

LISTED = ObjectInfo("key.dcm", "etag", 5, datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC))
ONCE = Retries(read_attempts=1, first_pause_seconds=0.0)
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
"""urllib3 leaves the connection of a redirect that it does not follow to the garbage collector."""
NAME = "s3.example.test"


@pytest.fixture(autouse=True)
def _credentials_with_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "planted-id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "planted-key")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "planted-token")


@pytest.fixture(params=["http", "https"])
def servers(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[ScriptedServer, ScriptedServer]]:
    """The server that is asked, and the one that it redirects to."""
    tls = None
    if request.param == "https":
        tls, authority = make_server_context(tmp_path, "127.0.0.1", "localhost", NAME)
        for name in ("AWS_CA_BUNDLE", "SSL_CERT_FILE"):
            monkeypatch.setenv(name, str(authority))
    with ExitStack() as stack:
        yield stack.enter_context(serve(tls)), stack.enter_context(serve(tls))


def store_at(endpoint: str, *allowed: str, retries: Retries = ONCE) -> S3Store:
    return S3Store(S3Access("bucket", "eu-west", endpoint, DefaultChain(), retries, EndpointRules(allowed=allowed)))


def to(other: str, status: int = 307, path: str = "/bucket/key.dcm") -> Answer:
    return Answer(status, headers={"Location": other + path, "x-amz-bucket-region": "eu-elsewhere"})


def write(store: S3Store, folder: Path) -> None:
    body = folder / "body"
    body.write_bytes(b"body")
    store.write_once("key.dcm", body)


def inventory(store: S3Store, _folder: Path) -> None:
    list(store.inventory("s3://inventories/manifest.json").list())


def copy(store: S3Store, _folder: Path) -> None:
    store.copy_from(store, LISTED, "copy.dcm")


WAYS: dict[str, Callable[[S3Store, Path], object]] = {
    "listing": lambda store, _: list(store.list()),
    "looking": lambda store, _: store.find("key.dcm"),
    "stating": lambda store, _: asyncio.run(store.stat("key.dcm")),
    "reading": lambda store, _: read(store, LISTED, 0, 5),
    "reading an odd key": lambda store, _: read(store, dataclasses.replace(LISTED, key="a//b"), 0, 5),
    "downloading": lambda store, folder: store.download(LISTED, folder / "download"),
    "writing": write,
    "copying": copy,
    "reading an inventory": inventory,
}


class TestARedirect:
    def test_a_redirect_to_another_server_is_followed_by_no_request(
        self, servers: tuple[ScriptedServer, ScriptedServer], tmp_path: Path
    ) -> None:
        asked, other = servers
        store = store_at(asked.endpoint)
        for status in (301, 302, 303, 307, 308):
            asked.will_answer(to(other.endpoint, status))
            for name, way in WAYS.items():
                folder = tmp_path / f"{status} {name}"
                folder.mkdir()
                before = len(asked.requests)

                with pytest.raises(DicomSieveError):
                    way(store, folder)

                assert len(asked.requests) > before, name
                assert other.requests == [], name

    def test_a_redirect_is_not_followed_by_https_where_the_endpoint_is_listed(
        self, servers: tuple[ScriptedServer, ScriptedServer]
    ) -> None:
        asked, other = servers
        asked.will_answer(to(other.endpoint.replace("127.0.0.1", "localhost")))

        with pytest.raises(Exception, match="could not be read"):
            read(store_at(asked.endpoint, "127.0.0.1"), LISTED, 0, 5)

        assert asked.requests[0].is_range_client
        assert other.requests == []

    def test_a_redirect_from_https_to_http_is_not_followed(
        self, servers: tuple[ScriptedServer, ScriptedServer], tmp_path: Path
    ) -> None:
        asked, _ = servers
        with serve() as other:
            asked.will_answer(to(other.endpoint))
            store = store_at(asked.endpoint)
            for way in WAYS.values():
                with suppress(DicomSieveError):
                    way(store, tmp_path)

            assert other.requests == []

    def test_a_redirect_to_the_same_server_changes_no_object_that_is_read(
        self, servers: tuple[ScriptedServer, ScriptedServer]
    ) -> None:
        asked, _ = servers
        asked.will_answer(to(asked.endpoint, path="/bucket/another.dcm"), Answer(206, b"other", {"ETag": '"other"'}))

        with pytest.raises(Exception, match="changed"):
            read(store_at(asked.endpoint), LISTED, 0, 5)


class TestTheAddress:
    """Of whom reads are asked."""

    ANSWER = Answer(
        206,
        b"bytes",
        {
            "ETag": '"etag"',
            "Content-Range": "bytes 0-4/5",
            "Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT",
            "Content-Type": "application/dicom",
        },
    )

    def test_the_address_of_a_read_is_the_one_that_was_checked_under_the_name_that_was_given(
        self, servers: tuple[ScriptedServer, ScriptedServer], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked, _ = servers
        resolver = Resolver({NAME: [["127.0.0.1"], ["169.254.169.254"]]})
        monkeypatch.setattr(socket, "getaddrinfo", resolver)
        asked.will_answer(self.ANSWER)
        endpoint = asked.endpoint.replace("127.0.0.1", NAME)

        assert read(store_at(endpoint), LISTED, 0, 5) == b"bytes"

        assert resolver.asked == [NAME]
        assert [request.is_range_client for request in asked.requests] == [True]
        assert asked.requests[0].headers["host"] == endpoint.partition("://")[2]

    def test_the_address_of_a_read_is_none_that_is_forbidden(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(socket, "getaddrinfo", Resolver({NAME: [["127.0.0.1", "169.254.169.254"]]}))

        for scheme in ("http", "https"):
            with pytest.raises(Exception, match="the endpoint leads to an address of"):
                read(store_at(f"{scheme}://{NAME}:9"), LISTED, 0, 5)

    @pytest.mark.parametrize(("listed", "agent"), [((), "Boto3/"), ((NAME,), "object_store/")])
    def test_the_address_is_the_proxys_affair_where_the_environment_names_one(
        self, monkeypatch: pytest.MonkeyPatch, listed: tuple[str, ...], agent: str
    ) -> None:
        monkeypatch.setattr(socket, "getaddrinfo", Resolver({NAME: [["127.0.0.1"]]}))
        with serve() as proxy:
            for name in ("HTTP_PROXY", "http_proxy"):
                monkeypatch.setenv(name, proxy.endpoint)
            proxy.will_answer(self.ANSWER)

            assert read(store_at(f"http://{NAME}:9", *listed), LISTED, 0, 5) == b"bytes"

        (request,) = proxy.requests
        assert request.headers["user-agent"].startswith(agent)
        assert request.headers["host"] == f"{NAME}:9"
