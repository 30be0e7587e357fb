"""Attack: what stands for a cloud redirects, resolves to another address, or answers with more than was asked for."""

import datetime
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from dicom_sieve.errors import DicomSieveError, StoreError
from dicom_sieve.objects import ObjectInfo
from dicom_sieve.stores import EndpointRules, Retries
from dicom_sieve.stores.azure.service import AzureService
from dicom_sieve.stores.azure.signing import SharedKey
from dicom_sieve.stores.gcs.service import GcsService
from dicom_sieve.stores.interface import NotSentError, TransportError
from dicom_sieve.stores.rest.store import RestStore
from dicom_sieve.stores.rest.tokens import Bearer, Token
from tests.security.certificates import make_server_context
from tests.security.resolver import Resolver
from tests.stores.buckets import read
from tests.stores.scripted_server import Answer, ScriptedServer, serve

LISTED = ObjectInfo("key.dcm", "17", 5, datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC))
ONCE = Retries(read_attempts=1, first_pause_seconds=0.0)
NAME = "storage.example.test"
ANSWER = Answer(206, b"bytes", {"ETag": '"17"', "x-goog-generation": "17", "Content-Range": "bytes 0-4/5"})


@dataclass(frozen=True)
class GivesOne:
    """Gives a token, and asks nobody."""

    def fetch(self) -> Token:
        return Token("planted-token", time.monotonic() + 3_600)


def gcs(endpoint: str, rules: EndpointRules) -> RestStore:
    return RestStore(GcsService("bucket", Bearer(GivesOne()), endpoint, rules, ONCE))


def azure(endpoint: str, rules: EndpointRules) -> RestStore:
    return RestStore(AzureService("account", "container", SharedKey("account", b"k" * 64), endpoint, rules, ONCE))


@pytest.fixture(params=[gcs, azure], ids=["gcs", "azure"])
def make(request: pytest.FixtureRequest) -> Callable[..., RestStore]:
    """A store of each cloud, at any endpoint."""

    def at(endpoint: str, *allowed: str) -> RestStore:
        store: RestStore = request.param(endpoint, EndpointRules(allowed=allowed))
        return store

    return at


@pytest.fixture(params=["http", "https"])
def servers(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[ScriptedServer, ScriptedServer]]:
    """The server that is asked, and the one that it redirects to."""
    tls = None
    if request.param == "https":
        tls, authority = make_server_context(tmp_path, "127.0.0.1", "localhost", NAME)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority))
    with ExitStack() as stack:
        yield stack.enter_context(serve(tls)), stack.enter_context(serve(tls))


def write(store: RestStore, folder: Path) -> None:
    (folder / "body").write_bytes(b"body")
    store.write_once("key.dcm", folder / "body")


WAYS: dict[str, Callable[[RestStore, Path], object]] = {
    "list": lambda store, _: list(store.list()),
    "read": lambda store, _: read(store, LISTED, 0, 5),
    "download": lambda store, folder: store.download(LISTED, folder / "target"),
    "find": lambda store, _: store.find("key.dcm"),
    "write": write,
    "copy": lambda store, _: store.copy_from(store, LISTED, "copy"),
}


class TestRedirects:
    def test_redirects_are_followed_by_no_request(
        self, servers: tuple[ScriptedServer, ScriptedServer], make: Callable[..., RestStore], tmp_path: Path
    ) -> None:
        asked, other = servers
        store = make(asked.endpoint)
        for status in (301, 302, 303, 307, 308):
            asked.will_answer(Answer(status, headers={"Location": f"{other.endpoint}/key.dcm"}))
            for name, way in WAYS.items():
                folder = tmp_path / f"{status} {name}"
                folder.mkdir()
                before = len(asked.requests)

                with pytest.raises(DicomSieveError):
                    way(store, folder)

                assert len(asked.requests) > before, name
                assert other.requests == [], name


class TestAddresses:
    def test_connections_go_to_the_address_that_was_checked(
        self,
        servers: tuple[ScriptedServer, ScriptedServer],
        make: Callable[..., RestStore],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        asked, _ = servers
        monkeypatch.setattr(socket, "getaddrinfo", Resolver({NAME: [["127.0.0.1"], ["169.254.169.254"]]}))
        asked.will_answer(ANSWER)
        endpoint = asked.endpoint.replace("127.0.0.1", NAME)

        assert read(make(endpoint), LISTED, 0, 5) == b"bytes"
        assert asked.requests[0].headers["host"] == endpoint.partition("://")[2]
        with pytest.raises(StoreError, match="the endpoint leads to an address of"):
            list(make(endpoint).list())
        assert len(asked.requests) == 1

    def test_addresses_that_are_forbidden_are_not_asked_whatever_name_they_have(
        self, make: Callable[..., RestStore], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(socket, "getaddrinfo", Resolver({NAME: [["127.0.0.1", "169.254.169.254"]]}))

        for scheme in ("http", "https"):
            with pytest.raises(NotSentError, match="the endpoint leads to an address of"):
                read(make(f"{scheme}://{NAME}:9"), LISTED, 0, 5)

    def test_addresses_are_the_proxys_affair_where_the_environment_names_one(
        self, make: Callable[..., RestStore], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(socket, "getaddrinfo", Resolver({NAME: [["127.0.0.1"]]}))
        with serve() as proxy:
            for name in ("HTTP_PROXY", "http_proxy"):
                monkeypatch.setenv(name, proxy.endpoint)
            proxy.will_answer(ANSWER)

            assert read(make(f"http://{NAME}:9"), LISTED, 0, 5) == b"bytes"

        (request,) = proxy.requests
        assert request.headers["host"] == f"{NAME}:9"

    def test_a_certificate_of_another_host_is_not_accepted(
        self, make: Callable[..., RestStore], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tls, authority = make_server_context(tmp_path, "other.example.test")
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority))
        with serve(tls) as server, pytest.raises(StoreError, match="certificate is of another host"):
            list(make(server.endpoint).list())


class TestAnswers:
    @pytest.mark.parametrize(
        "answer",
        [
            Answer(206, b"bytes", {"Content-Range": "bytes 0-4/5"}),
            Answer(206, b"bytes", {"ETag": '"18"', "x-goog-generation": "18", "Content-Range": "bytes 0-4/5"}),
            Answer(206, b"bytes", {"ETag": '"17"', "x-goog-generation": "17", "Content-Range": "bytes 0-4/6"}),
            Answer(206, b"byte", {"ETag": '"17"', "x-goog-generation": "17", "Content-Range": "bytes 0-4/5"}),
            Answer(
                206, b"bytes" * 900_000, {"ETag": '"17"', "x-goog-generation": "17", "Content-Range": "bytes 0-4/5"}
            ),
            Answer(200, b"longer than the object", {"ETag": '"17"', "x-goog-generation": "17"}),
            Answer(204),
        ],
    )
    def test_answers_that_are_not_what_was_asked_for_are_no_bytes(
        self, make: Callable[..., RestStore], answer: Answer
    ) -> None:
        with serve() as server:
            server.will_answer(answer)
            with pytest.raises(DicomSieveError) as raised:
                read(make(server.endpoint), LISTED, 0, 5)

        assert isinstance(raised.value, TransportError) or "changed" in str(raised.value)

    @pytest.mark.parametrize(
        "page",
        [
            b"",
            b"<html>",
            b"{}x",
            b"[]",
            b'{"error": {}}',
            b'{"items": 7}',
            b'{"items": [{"name": "a"}]}',
            b'{"items": [{"name": "a", "generation": "x", "size": "1", "updated": "2026-01-01T00:00:00Z"}]}',
            b"<Error><Code>x</Code></Error>",
            b"<EnumerationResults/>",
            b"<EnumerationResults><Blobs><Blob/></Blobs></EnumerationResults>",
            b"<EnumerationResults><Blobs><Blob><Name>a</Name><Properties/></Blob></Blobs></EnumerationResults>",
        ],
    )
    def test_pages_that_are_none_are_no_empty_listings(self, make: Callable[..., RestStore], page: bytes) -> None:
        with serve() as server:
            server.will_answer(Answer(200, page))
            with pytest.raises(StoreError):
                list(make(server.endpoint).list())

    def test_listings_that_never_end_are_given_up(self, make: Callable[..., RestStore]) -> None:
        with serve() as server:
            for body in (b'{"nextPageToken": "same"}', _azure_page("same")):
                server.will_answer(Answer(200, body))
                with pytest.raises(StoreError):
                    list(make(server.endpoint).list())
                assert len(server.requests) < 20


def _azure_page(marker: str) -> bytes:
    return f"<EnumerationResults><Blobs/><NextMarker>{marker}</NextMarker></EnumerationResults>".encode()
