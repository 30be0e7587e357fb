"""Answers of HTTP/1.1: the one that was asked for, whole; or nothing, within bounds, however a server forms them."""

from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_sieve.stores.s3.answers import LONGEST_HEAD, Answer, AnswerParser, UnclearAnswerError

START = b"HTTP/1.1 206 Partial Content\r\n"
NAMED = b'Content-Range: bytes 0-4/9\r\nETag: "e"\r\n'
WHOLE = START + NAMED + b"Content-Length: 5\r\n\r\nbytes"
RIGHT = Answer(206, b"bytes 0-4/9", b'"e"', b"bytes")
LEAST = 1_000
"""Bytes of the longest body that is wanted."""


def parse(*parts: bytes, longest: int = LEAST) -> tuple[Answer | None, AnswerParser]:
    """Give what the last part brings."""
    parser = AnswerParser()
    parser.expect(longest)
    answer = None
    for part in parts:
        answer = parser.feed(part)
    return answer, parser


class TestAnAnswer:
    @given(st.lists(st.integers(1, len(WHOLE) - 1), unique=True))
    def test_an_answer_is_the_same_in_whatever_pieces_it_comes(self, places: list[int]) -> None:
        cuts = [0, *sorted(places), len(WHOLE)]

        answer, parser = parse(*(WHOLE[start:end] for start, end in pairwise(cuts)))

        assert answer == RIGHT
        assert not parser.is_last

    @pytest.mark.parametrize(
        "given_before", [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early\r\nETag: x\r\n\r\n"]
    )
    def test_an_answer_may_follow_those_that_come_in_between(self, given_before: bytes) -> None:
        answer, _ = parse(given_before + given_before + WHOLE)

        assert answer == RIGHT

    def test_an_answer_may_come_in_chunks(self) -> None:
        chunks = b"Transfer-Encoding: chunked\r\n\r\n2;x=1\r\nby\r\n3\r\ntes\r\n0\r\nTrailer: t\r\n\r\n"

        answer, parser = parse(START + NAMED + chunks)

        assert answer == RIGHT
        assert not parser.is_last

    @pytest.mark.parametrize(
        "last", [WHOLE.replace(b"ETag", b"Connection: close\r\nETag"), WHOLE.replace(b"HTTP/1.1", b"HTTP/1.0")]
    )
    def test_an_answer_says_whether_the_connection_goes_on(self, last: bytes) -> None:
        answer, parser = parse(last)

        assert answer == RIGHT
        assert parser.is_last

    def test_an_answer_is_followed_by_the_next_one_that_is_asked_for(self) -> None:
        _, parser = parse(WHOLE)
        parser.expect(LEAST)

        assert parser.feed(b"HTTP/1.1 412 Changed\r\nContent-Length: 0\r\n\r\n") == Answer(412, b"", b"", b"")
        parser.expect(LEAST)
        assert parser.feed(WHOLE) == RIGHT


WRONG = {
    "no HTTP": b"SSH-2.0-OpenSSH_9.2\r\n",
    "a page": b"<html>PLANTED</html>",
    "TLS": b"\x15\x03\x01\x00\x02\x02\x16",
    "HTTP/2": b"\x00\x00\x06\x04\x00\x00\x00\x00\x00" + bytes(6),
    "two lengths": START + NAMED + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nbytes",
    "one length twice": START + NAMED + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nbytes",
    "a length beside chunks": START + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbytes\r\n0\r\n\r\n",
    "chunks beside a length": START + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n5\r\nbytes\r\n0\r\n\r\n",
    "a negative length": START + b"Content-Length: -5\r\n\r\nbytes",
    "a length with a sign": START + b"Content-Length: +5\r\n\r\nbytes",
    "a length of letters": START + b"Content-Length: 0x5\r\n\r\nbytes",
    "a length beyond all bounds": START + b"Content-Length: " + b"9" * 40 + b"\r\n\r\nbytes",
    "no length": START + NAMED + b"\r\nbytes",
    "a chunk of no length": START + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nbytes\r\n",
    "a chunk longer than it says": START + b"Transfer-Encoding: chunked\r\n\r\n2\r\nbytes\r\n0\r\n\r\n",
    "line feeds alone": WHOLE.replace(b"\r\n", b"\n"),
    "a header in two lines": WHOLE.replace(b"ETag", b"X: PLANTED\r\n PLANTED\r\nETag"),
    "a space before the colon": WHOLE.replace(b"ETag:", b"ETag :"),
    "a zero byte": WHOLE.replace(b'"e"', b'"e\0"'),
    "a carriage return within": WHOLE.replace(b'"e"', b'"e\r"'),
    "two etags": WHOLE.replace(b"ETag", b'ETag: "PLANTED"\r\nETag'),
    "two ranges": WHOLE.replace(b"ETag", b"Content-Range: bytes 0-4/9\r\nETag"),
    "a status of four digits": WHOLE.replace(b"206", b"2066"),
    "another protocol": b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: PLANTED\r\n\r\nbytes",
    "bytes behind it": WHOLE + b"PLANTED",
    "a second answer": WHOLE + WHOLE,
}


class TestAWrongAnswer:
    @pytest.mark.parametrize("wrong", WRONG)
    def test_a_wrong_answer_is_none_and_its_text_is_not_told(self, wrong: str) -> None:
        for parts in ([WRONG[wrong]], [bytes([byte]) for byte in WRONG[wrong]]):
            with pytest.raises(UnclearAnswerError) as raised:
                parse(*parts)

            assert "PLANTED" not in str(raised.value)
            assert raised.value.__suppress_context__ or raised.value.__context__ is None

    def endless(self, before: bytes, repeated: bytes) -> Iterator[bytes]:
        yield before
        while True:
            yield repeated * 64

    @pytest.mark.parametrize(
        ("before", "repeated"),
        [
            pytest.param(START, b"X-Header: value\r\n", id="headers"),
            pytest.param(START + b"X-Header: ", b"value", id="one header"),
            pytest.param(b"HTTP/1.1 206 ", b"OK", id="the first line"),
            pytest.param(b"", b"HTTP/1.1 100 Continue\r\n\r\n", id="answers in between"),
            pytest.param(START + b"Content-Length: 999999999\r\n\r\n", b"body", id="the body"),
            pytest.param(START + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n", id="chunks"),
            pytest.param(START + b"Transfer-Encoding: chunked\r\n\r\n1;", b"extension", id="what is said of a chunk"),
            pytest.param(START + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n", id="trailers"),
        ],
    )
    def test_a_wrong_answer_without_an_end_is_ended(self, before: bytes, repeated: bytes) -> None:
        parser, taken = AnswerParser(), 0
        parser.expect(LEAST)

        parts = self.endless(before, repeated)

        def feed() -> None:
            nonlocal taken
            for part in parts:
                taken += len(part)
                parser.feed(part)

        with pytest.raises(UnclearAnswerError):
            feed()

        assert taken <= LEAST + LONGEST_HEAD + 64 * len(repeated)

    @given(st.lists(st.binary(max_size=60) | st.sampled_from(WHOLE.splitlines(keepends=True)), max_size=12))
    def test_a_wrong_answer_of_any_bytes_is_refused_or_waited_for(self, parts: list[bytes]) -> None:
        try:
            answer, _ = parse(*parts)
        except UnclearAnswerError:
            return
        assert answer is None or len(answer.body) <= LEAST + LONGEST_HEAD
