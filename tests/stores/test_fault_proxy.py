"""The proxy itself: it changes nothing but what it is told to, and each fault is what it says."""

import asyncio
import http.client
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from dicom_sieve.stores import S3Access, S3Store
from tests.conftest import S3Server
from tests.stores.buckets import fill, read_all
from tests.stores.scripted_server import Answer, ScriptedServer
from tests.support.fault_proxy import OF_BODIES, OF_RANGES, Fault, FaultProxy, Message, fault_proxy

BODY = bytes(range(256)) * 4
WHOLE = Answer(200, BODY, {"ETag": '"e"'})
PART = Answer(206, BODY[:512], {"ETag": '"e"', "Content-Range": "bytes 0-511/1024"})


@pytest.fixture
def proxy(scripted: ScriptedServer) -> Iterator[FaultProxy]:
    """A proxy before a server that always gives a part of an object."""
    scripted.will_answer(PART)
    with fault_proxy(scripted.endpoint, stall_seconds=0.3) as running:
        yield running


def get(proxy: FaultProxy, fault: Fault, method: str = "GET") -> tuple[http.client.HTTPResponse, bytes]:
    """Ask once, as plainly as can be."""
    proxy.planned.append(fault)
    connection = http.client.HTTPConnection(urlsplit(proxy.endpoint).netloc, timeout=5)
    try:
        connection.request(method, "/bucket/key", headers={"Range": "bytes=0-511"})
        answer = connection.getresponse()
        return answer, answer.read()
    finally:
        connection.close()


class TestWithoutFaults:
    def test_writing_listing_and_reading_are_as_without_the_proxy(self, s3_server: S3Server, tmp_path: Path) -> None:
        bucket, body = s3_server.make_bucket(), tmp_path / "body"
        body.write_bytes(BODY)
        fill(s3_server, bucket, {f"{number:02}{'//' * (number % 2)}ü +": BODY * (number + 1) for number in range(20)})
        with fault_proxy(s3_server.endpoint) as proxy:
            direct = s3_server.store(bucket)
            through = S3Store(S3Access(bucket, "eu-west", proxy.endpoint, s3_server.credentials))

            through.write_once("written", body)

            listed = list(direct.list())
            assert list(through.list()) == listed
            assert len(listed) == 21
            assert read_all(through, listed) == read_all(direct, listed)
            assert asyncio.run(through.stat("written")) == asyncio.run(direct.stat("written"))
            assert proxy.happened.total() == 0
            assert len(proxy.requests) == 1 + 1 + 21 + 1

    def test_one_connection_carries_many_requests_and_bodies_in_chunks(self, s3_server: S3Server) -> None:
        bucket = s3_server.make_bucket()
        fill(s3_server, bucket, {"key": BODY})
        with fault_proxy(s3_server.endpoint) as proxy:
            connection = http.client.HTTPConnection(urlsplit(proxy.endpoint).netloc, timeout=5)
            for _ in range(3):
                connection.request("POST", f"/{bucket}", iter([b"a" * 10, b"b" * 20]), encode_chunked=True)
                answer = connection.getresponse()
                assert 400 <= answer.status < 500
                answer.read()
            connection.close()
            assert len(proxy.requests) == 3

    def test_many_connections_at_once_are_kept_apart(self, s3_server: S3Server) -> None:
        bucket = s3_server.make_bucket()
        bodies = {f"{number:03}": f"{number:03}".encode() * 100 for number in range(200)}
        fill(s3_server, bucket, bodies)
        with fault_proxy(s3_server.endpoint) as proxy:
            through = S3Store(S3Access(bucket, "eu-west", proxy.endpoint, s3_server.credentials))

            assert read_all(through, list(through.list())) == bodies


class TestFaults:
    @pytest.mark.parametrize(
        ("fault", "status", "code"),
        [
            (Fault.ERROR_500, 500, b"InternalError"),
            (Fault.SLOW_DOWN_503, 503, b"SlowDown"),
            (Fault.TOO_MANY_429, 429, b"TooManyRequests"),
            (Fault.NOT_SATISFIABLE_416, 416, b"InvalidRange"),
            (Fault.XML_ERROR_IN_200, 200, b"InternalError"),
        ],
    )
    def test_faults_that_are_answers_keep_the_request_from_the_server(
        self, proxy: FaultProxy, scripted: ScriptedServer, fault: Fault, status: int, code: bytes
    ) -> None:
        answer, body = get(proxy, fault)

        assert answer.status == status
        assert code in body
        assert scripted.requests == []

    @pytest.mark.parametrize("fault", [Fault.LOST_ANSWER, Fault.RESET_IN_HEADERS])
    def test_faults_that_break_before_the_body_let_the_request_through(
        self, proxy: FaultProxy, scripted: ScriptedServer, fault: Fault
    ) -> None:
        with pytest.raises((ConnectionError, http.client.HTTPException)):
            get(proxy, fault)

        assert len(scripted.requests) == 1

    def test_faults_that_break_in_the_body_have_given_the_headers(self, proxy: FaultProxy) -> None:
        proxy.planned.append(Fault.RESET_IN_BODY)
        connection = http.client.HTTPConnection(urlsplit(proxy.endpoint).netloc, timeout=5)
        connection.request("GET", "/bucket/key")
        answer = connection.getresponse()

        assert answer.status == 206
        with pytest.raises((ConnectionError, http.client.IncompleteRead)):
            answer.read()
        connection.close()

    def test_a_stall_gives_nothing_for_as_long_as_it_lasts(self, proxy: FaultProxy, scripted: ScriptedServer) -> None:
        began = time.monotonic()

        with pytest.raises((ConnectionError, http.client.HTTPException)):
            get(proxy, Fault.STALL)

        assert time.monotonic() - began >= 0.3
        assert scripted.requests == []

    def test_a_length_that_says_more_leaves_the_reader_waiting_for_the_rest(self, proxy: FaultProxy) -> None:
        with pytest.raises(http.client.IncompleteRead) as raised:
            get(proxy, Fault.SAYS_MORE)

        assert raised.value.partial == BODY[:512]

    def test_a_length_that_says_less_comes_with_less(self, proxy: FaultProxy) -> None:
        answer, body = get(proxy, Fault.SAYS_LESS)

        assert (answer.status, body) == (206, BODY[:256])

    def test_a_wrong_range_comes_with_the_right_bytes(self, proxy: FaultProxy) -> None:
        answer, body = get(proxy, Fault.WRONG_RANGE)

        assert body == BODY[:512]
        assert answer.headers["Content-Range"] == "bytes 512-1023/1536"

    def test_the_whole_is_asked_of_the_server_instead_of_the_range(
        self, proxy: FaultProxy, scripted: ScriptedServer
    ) -> None:
        scripted.will_answer(WHOLE)

        answer, body = get(proxy, Fault.WHOLE_FOR_RANGE)

        assert (answer.status, body) == (200, BODY)
        assert "range" not in scripted.requests[0].headers

    def test_a_drip_gives_all_of_it_slowly(self, proxy: FaultProxy) -> None:
        began = time.monotonic()

        answer, body = get(proxy, Fault.DRIP)

        assert (answer.status, body) == (206, BODY[:512])
        assert time.monotonic() - began >= 0.1

    def test_a_dead_server_answers_nothing(self, proxy: FaultProxy, scripted: ScriptedServer) -> None:
        proxy.is_dead = True

        with pytest.raises((ConnectionError, http.client.HTTPException)):
            get(proxy, Fault.DRIP)

        assert scripted.requests == []


class TestDraws:
    def test_draws_are_the_same_for_the_same_seed_and_as_many_as_asked_for(self) -> None:
        ranged = Message("GET /b/k HTTP/1.1", (("Range", "bytes=0-1"),))

        first, second, other = (FaultProxy("", probability=0.1, seed=seed) for seed in (3, 3, 4))
        drawn = [[proxy.draw(ranged) for _ in range(5_000)] for proxy in (first, second, other)]

        assert drawn[0] == drawn[1] != drawn[2]
        assert 400 < sum(fault is not None for fault in drawn[0]) < 600
        assert set(drawn[0]) == {None, *Fault}

    @pytest.mark.parametrize(
        ("request_line", "never"),
        [
            ("GET /b?list-type=2", OF_RANGES),
            ("PUT /b/k", OF_BODIES),
            ("HEAD /b/k", OF_BODIES | {Fault.XML_ERROR_IN_200}),
        ],
    )
    def test_draws_are_of_what_can_happen_to_the_request(self, request_line: str, never: set[Fault]) -> None:
        proxy = FaultProxy("", probability=1.0)

        drawn = {proxy.draw(Message(f"{request_line} HTTP/1.1")) for _ in range(1_000)}

        assert drawn == set(Fault) - never

    def test_draws_are_made_for_requests_that_come_together(self, scripted: ScriptedServer) -> None:
        scripted.will_answer(PART)
        with fault_proxy(scripted.endpoint, probability=1.0, faults=(Fault.ERROR_500,)) as proxy:
            netloc = urlsplit(proxy.endpoint).netloc

            def ask(_: int) -> int:
                connection = http.client.HTTPConnection(netloc, timeout=5)
                connection.request("GET", "/")
                status = connection.getresponse().status
                connection.close()
                return status

            with ThreadPoolExecutor(8) as pool:
                assert list(pool.map(ask, range(40))) == [500] * 40
            assert proxy.happened == {Fault.ERROR_500: 40}
