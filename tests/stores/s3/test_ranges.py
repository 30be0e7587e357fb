"""Reads over plain connections, whatever the server does with them: the bytes asked for, or one typed error in time."""

import asyncio
import dataclasses
import datetime
import socket
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest
import uvloop

from dicom_sieve.objects import ObjectInfo
from dicom_sieve.stores import EndpointRules, Retries, S3Access, S3Store, StaticCredentials
from dicom_sieve.stores.interface import ObjectChangedError, SlowDownError, TransportError
from dicom_sieve.stores.s3 import connections
from dicom_sieve.stores.s3.ranges import RangeClient
from tests.security.resolver import Resolver
from tests.stores.raw_server import Does, RawServer, raw_server

LISTED = ObjectInfo("series/key.dcm", "e", 9, datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC))
NAMED = b'HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-4/9\r\nETag: "e"\r\n'
RIGHT = NAMED + b"Content-Length: 5\r\n\r\nbytes"
CHANGED = b"HTTP/1.1 412 Precondition Failed\r\nContent-Length: 7\r\n\r\n<Error>"
ONCE = Retries(read_attempts=1, request_timeout_seconds=5.0)
HASTY = Retries(read_attempts=1, request_timeout_seconds=0.3)


@pytest.fixture(params=[asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def server(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[RawServer]:
    """A server, and an event loop as tests have it, or as runs do."""
    monkeypatch.setattr(asyncio, "run", request.param)
    with raw_server() as running:
        yield running


def ask(store: S3Store, times: int = 1, listed: ObjectInfo = LISTED, pause: float = 0.0) -> list[bytes | None]:
    """Read one after another in one event loop, by the client of ranges alone; None where boto3 is to be asked."""

    async def read() -> list[bytes | None]:
        answers = []
        for number in range(times):
            await asyncio.sleep(pause if number else 0.0)
            answers.append(await store._read_quickly(listed, 0, 5))
        return answers

    return asyncio.run(read())


def made(store: S3Store) -> S3Store:
    """Make its clients, which takes its time."""
    assert store._range_client is not None
    return store


def close(_: socket.socket) -> bool:
    return False


def close_after(answer: bytes) -> Does:
    def send(connection: socket.socket) -> bool:
        connection.sendall(answer)
        return False

    return send


class TestARequest:
    def test_a_request_says_all_that_the_answer_must_be_and_nothing_that_leads_elsewhere(
        self, server: RawServer
    ) -> None:
        server.will_answer(RIGHT)

        assert ask(server.store(ONCE), listed=dataclasses.replace(LISTED, key="a//b c+ü/../%2e?x#y")) == [b"bytes"]

        first, *lines = server.requests[0].decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines if line)
        assert first == "GET /bucket/a//b%20c%2B%C3%BC/../%252e%3Fx%23y HTTP/1.1"
        assert headers["Host"] == server.endpoint.removeprefix("http://")
        assert (headers["Range"], headers["If-Match"]) == ("bytes=0-4", '"e"')
        assert headers["Accept-Encoding"] == "identity"
        assert headers["Authorization"].startswith("AWS4-HMAC-SHA256 Credential=key-id/")

    @pytest.mark.parametrize("planted", ['e"\r\nX-Planted: "', "e\n", "e\0", 'e", "f', "é", "", "e" * 2_000])
    def test_a_request_is_not_made_for_an_etag_that_would_write_more_of_it(
        self, server: RawServer, planted: str
    ) -> None:
        server.will_answer(RIGHT)

        assert ask(server.store(ONCE), listed=dataclasses.replace(LISTED, etag=planted)) == [None]

        assert server.requests == []

    def test_a_request_holds_no_line_of_a_key(self, server: RawServer) -> None:
        server.will_answer(RIGHT)

        ask(server.store(ONCE), listed=dataclasses.replace(LISTED, key="a HTTP/1.1\r\nX-Planted: 1\r\n\r\n\0"))

        (head,) = server.requests
        assert b"\r\nX-Planted" not in head
        assert head.startswith(b"GET /bucket/a%20HTTP/1.1%0D%0AX-Planted%3A%201%0D%0A%0D%0A%00 HTTP/1.1\r\n")

    def test_a_request_goes_below_the_path_of_an_endpoint(self, server: RawServer) -> None:
        server.will_answer(RIGHT)

        assert ask(server.store(ONCE, f"{server.endpoint}/s3/")) == [b"bytes"]

        assert server.requests[0].startswith(b"GET /s3/bucket/series/key.dcm HTTP/1.1\r\n")


class TestAConnection:
    def test_a_connection_carries_one_request_after_another(self, server: RawServer) -> None:
        server.will_answer(RIGHT, CHANGED, RIGHT)

        async def read() -> None:
            store = server.store(ONCE)
            assert await store._read_quickly(LISTED, 0, 5) == b"bytes"
            with pytest.raises(ObjectChangedError):
                await store._read_quickly(LISTED, 0, 5)
            assert await store._read_quickly(LISTED, 0, 5) == b"bytes"

        asyncio.run(read())

        assert (server.connections, len(server.requests)) == (1, 3)

    def test_a_connection_is_opened_for_each_request_at_a_time_and_no_more(self, server: RawServer) -> None:
        def slowly(connection: socket.socket) -> None:
            time.sleep(0.05)
            connection.sendall(RIGHT)

        server.will_answer(slowly)
        store = server.store(dataclasses.replace(ONCE, requests_in_flight=3))

        async def read() -> list[bytes]:
            return await asyncio.gather(*(store.read(LISTED, start=0, end=5) for _ in range(12)))

        assert asyncio.run(read()) == [b"bytes"] * 12
        assert server.connections == 3

    def test_a_connection_that_the_server_announces_to_close_is_not_used_again(self, server: RawServer) -> None:
        server.will_answer(RIGHT.replace(b"ETag", b"Connection: close\r\nETag"))

        assert ask(server.store(ONCE), times=2) == [b"bytes"] * 2

        assert server.connections == 2

    def test_a_connection_that_was_closed_while_idle_is_replaced(self, server: RawServer) -> None:
        server.will_answer(close_after(RIGHT), RIGHT)

        assert ask(server.store(ONCE), times=2, pause=0.1) == [b"bytes"] * 2

        assert (server.connections, len(server.requests)) == (2, 2)

    def test_a_connection_that_was_used_and_closes_at_the_next_request_is_replaced_once(
        self, server: RawServer
    ) -> None:
        server.will_answer(RIGHT, close, RIGHT)

        assert ask(server.store(ONCE), times=2) == [b"bytes"] * 2
        assert (server.connections, len(server.requests)) == (2, 3)

        server.will_answer(RIGHT, close)
        with pytest.raises(TransportError, match="ConnectionClosedError"):
            ask(server.store(ONCE), times=2)
        assert (server.connections, len(server.requests)) == (4, 6)

    @pytest.mark.parametrize("answer", [close, close_after(RIGHT[:20]), close_after(RIGHT[:-2])])
    def test_a_connection_that_breaks_is_a_fault_that_counts_as_an_attempt(
        self, server: RawServer, answer: Does
    ) -> None:
        server.will_answer(answer)

        with pytest.raises(TransportError, match="ConnectionClosedError"):
            ask(server.store(ONCE))

        assert len(server.requests) == 1

    def test_a_connection_that_breaks_within_an_answer_is_not_replaced_without_an_attempt(
        self, server: RawServer
    ) -> None:
        server.will_answer(RIGHT, close_after(RIGHT[:-2]), RIGHT)

        with pytest.raises(TransportError, match="ConnectionClosedError"):
            ask(server.store(ONCE), times=2)

        assert len(server.requests) == 2

    def test_a_connection_that_sends_before_it_is_asked_is_not_believed(self, server: RawServer) -> None:
        server.at_once = b"x"

        def late(connection: socket.socket) -> None:
            time.sleep(0.05)
            connection.sendall(RIGHT)

        server.will_answer(late)

        told: list[bytes | None] = [None]  # it came behind the request
        with suppress(TransportError):  # it came before
            told = ask(server.store(ONCE))

        assert told == [None]

    def test_a_connection_that_sends_while_idle_is_closed(self, server: RawServer) -> None:
        def twice(connection: socket.socket) -> None:
            connection.sendall(RIGHT)
            time.sleep(0.05)
            connection.sendall(RIGHT.replace(b"bytes", b"wrong"))

        server.will_answer(twice, RIGHT)

        assert ask(server.store(ONCE), times=2, pause=0.2) == [b"bytes"] * 2

        assert server.connections == 2

    def test_a_connection_of_a_cancelled_read_is_closed_and_not_used_again(self, server: RawServer) -> None:
        server.will_answer(b"", RIGHT)
        store = server.store(ONCE)

        async def cancel_and_read() -> bytes | None:
            reading = asyncio.create_task(store._read_quickly(LISTED, 0, 5))
            while not server.requests:
                await asyncio.sleep(0.01)
            reading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading
            assert await asyncio.to_thread(server.closed.acquire, timeout=5)
            return await store._read_quickly(LISTED, 0, 5)

        assert asyncio.run(cancel_and_read()) == b"bytes"
        assert server.connections == 2

    def test_a_connection_that_nobody_uses_is_closed_in_time(
        self, server: RawServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(connections, "IDLE_SECONDS", 0.1)
        server.will_answer(RIGHT)
        store = server.store(ONCE)

        async def read_and_rest() -> None:
            await asyncio.gather(*(store._read_quickly(LISTED, 0, 5) for _ in range(3)))
            for _ in range(3):
                assert await asyncio.to_thread(server.closed.acquire, timeout=5)
            assert await store._read_quickly(LISTED, 0, 5) == b"bytes"

        asyncio.run(read_and_rest())
        assert server.connections == 4

    def test_a_connection_is_closed_with_its_event_loop_and_another_loop_opens_its_own(self, server: RawServer) -> None:
        server.will_answer(RIGHT)
        store = server.store(ONCE)

        for count in (1, 2):
            assert ask(store) == [b"bytes"]
            assert server.closed.acquire(timeout=2)
            assert server.connections == count


class TestAnAnswer:
    @pytest.mark.parametrize("status", [429, 503])
    def test_an_answer_that_asks_for_fewer_requests_says_so(self, server: RawServer, status: int) -> None:
        server.will_answer(b"HTTP/1.1 %d Slow\r\nContent-Length: 0\r\n\r\n" % status)

        with pytest.raises(SlowDownError, match=f"HTTP {status}"):
            ask(server.store(ONCE))

    @pytest.mark.parametrize(
        "answer",
        [
            pytest.param(b"HTTP/1.1 301 Moved\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n", id="301"),
            pytest.param(b"HTTP/1.1 307 Moved\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n", id="307"),
            pytest.param(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", id="403"),
            pytest.param(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", id="404"),
            pytest.param(b'HTTP/1.1 200 OK\r\nETag: "e"\r\nContent-Length: 9\r\n\r\nbytes...!', id="whole"),
            pytest.param(RIGHT.replace(b'"e"', b'"f"'), id="another etag"),
            pytest.param(RIGHT.replace(b"0-4/9", b"1-5/9"), id="another range"),
            pytest.param(RIGHT.replace(b"0-4/9", b"0-4/8"), id="another size"),
            pytest.param(RIGHT.replace(b"0-4/9", b"0-4/*"), id="no size"),
            pytest.param(RIGHT.replace(b"h: 5", b"h: 4")[:-1], id="too short, and says so"),
            pytest.param(RIGHT.replace(b"h: 5", b"h: 6") + b"!", id="too long, and says so"),
            pytest.param(RIGHT + b"!", id="longer than it says"),
            pytest.param(RIGHT + RIGHT, id="followed by another"),
            pytest.param(RIGHT.replace(b"\r\n", b"\n"), id="no HTTP"),
        ],
    )
    def test_an_answer_that_is_not_what_was_asked_for_is_left_to_boto3(self, server: RawServer, answer: bytes) -> None:
        server.will_answer(answer)

        assert ask(server.store(ONCE)) == [None]
        assert len(server.requests) == 1

    @pytest.mark.parametrize(
        "answer",
        [
            pytest.param(b"", id="nothing"),
            pytest.param(RIGHT.replace(b"h: 5", b"h: 6"), id="shorter than it says"),
            pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n", id="one in between"),
        ],
    )
    def test_an_answer_that_does_not_end_is_ended_by_the_timeout(self, server: RawServer, answer: bytes) -> None:
        server.will_answer(answer)
        store = made(server.store(HASTY))
        began = time.monotonic()

        with pytest.raises(TransportError, match="ReadTimeoutError"):
            ask(store)

        assert 0.25 < time.monotonic() - began < 2.0

    def test_an_answer_a_byte_at_a_time_is_ended_by_the_timeout(self, server: RawServer) -> None:
        def drip(connection: socket.socket) -> None:
            for place in range(len(RIGHT)):
                connection.sendall(RIGHT[place : place + 1])
                time.sleep(0.04)

        server.will_answer(drip)
        store = made(server.store(HASTY))
        began = time.monotonic()

        with pytest.raises(TransportError, match="ReadTimeoutError"):
            ask(store)

        assert 0.25 < time.monotonic() - began < 2.0

    def test_an_answer_of_endless_headers_is_ended_at_a_bound(self, server: RawServer) -> None:
        sent = 0

        def flood(connection: socket.socket) -> None:
            nonlocal sent
            connection.sendall(b"HTTP/1.1 206 OK\r\n")
            while True:
                sent += connection.send(b"X-Header: value\r\n" * 256)

        server.will_answer(flood)

        assert ask(server.store(ONCE)) == [None]
        assert sent < 32 << 20  # what the kernel takes on its way


NAME = "s3.example.test"


class TestAnAddress:
    def store(self, server: RawServer, retries: Retries = ONCE, *allowed: str) -> S3Store:
        endpoint = server.endpoint.replace("127.0.0.1", NAME)
        credentials = StaticCredentials("key-id", "access-key")
        return S3Store(S3Access("bucket", "eu-west", endpoint, credentials, retries, EndpointRules(allowed=allowed)))

    def test_an_address_is_checked_at_each_connection_that_opens(
        self, server: RawServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        resolver = Resolver({NAME: [["127.0.0.1"], ["127.0.0.1"], ["169.254.169.254"]]})
        monkeypatch.setattr(socket, "getaddrinfo", resolver)
        server.will_answer(close_after(RIGHT.replace(b"ETag", b"Connection: close\r\nETag")))

        assert ask(self.store(server), times=3) == [b"bytes", b"bytes", None]

        assert resolver.asked == [NAME] * 3
        assert len(server.requests) == 2
        assert f"Host: {NAME}:".encode() in server.requests[0]

    def test_an_address_that_takes_no_connection_is_passed_over(
        self, server: RawServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(socket, "getaddrinfo", Resolver({NAME: [["127.0.0.99", "127.0.0.1"]]}))
        server.will_answer(RIGHT)

        assert ask(self.store(server)) == [b"bytes"]

    def test_an_address_that_is_forbidden_keeps_the_others_of_the_name_from_being_asked(
        self, server: RawServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(socket, "getaddrinfo", Resolver({NAME: [["127.0.0.1", "169.254.169.254"]]}))

        assert ask(self.store(server)) == [None]
        assert server.connections == 0

    def test_an_address_that_takes_no_connection_in_time_is_left_to_boto3(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
            address = full.getsockname()
            waiting = [socket.socket() for _ in range(4)]
            for client in waiting:
                client.setblocking(False)
                client.connect_ex(address)
            endpoint = f"http://127.0.0.1:{address[1]}"
            credentials = StaticCredentials("key-id", "access-key")
            retries = dataclasses.replace(ONCE, connect_timeout_seconds=0.3)
            store = made(S3Store(S3Access("bucket", "eu-west", endpoint, credentials, retries)))
            began = time.monotonic()

            assert ask(store) == [None]

            assert time.monotonic() - began < 2.0
            for client in waiting:
                client.close()


def test_a_client_shows_no_secret() -> None:
    access = S3Access("bucket", "eu-west", "http://host", StaticCredentials("PLANTED-ID", "PLANTED-KEY"))

    client = RangeClient(access, "http://host")

    assert "PLANTED" not in f"{client!r} {client._signer!r} {client._target!r}"
