"""A server that answers wrongly: asked again as a unit, then given up; never wrong bytes."""

import datetime

import pytest

from dicom_sieve.objects import ObjectInfo
from dicom_sieve.stores.interface import ObjectChangedError, ObjectGoneError, ReadRefusedError, TransportError
from tests.stores.buckets import read
from tests.stores.scripted_server import AT_ONCE, Answer, ScriptedServer, error

BODY = bytes(range(100, 200))
START, END = 10, 30
KEYS = {"plain": "a/plain", "odd": "odd//key"}
NOW = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)


def part(
    body: bytes = BODY[START:END], *, content_range: str = f"bytes {START}-{END - 1}/100", etag: str | None = '"e"'
) -> Answer:
    """Make an answer of 206; as it stands, the right one."""
    headers = {"Content-Range": content_range, "Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT"}
    return Answer(206, body, headers if etag is None else headers | {"ETag": etag})


def lying(length: int, answer: Answer) -> Answer:
    return Answer(answer.status, answer.body, answer.headers, announced=length)


FAULTS = {
    "no answer": Answer(0),
    "cut short": lying(END - START, part(BODY[START : END - 5])),
    "too short, and says so": part(BODY[START : END - 5]),
    "too short, with its range": part(BODY[START : END - 5], content_range=f"bytes {START}-{END - 6}/100"),
    "other bytes, with their range": part(BODY[:20], content_range="bytes 0-19/100"),
    "of an object of another size": part(content_range=f"bytes {START}-{END - 1}/200"),
    "a range that is none": part(content_range="lines 1-2"),
    "without an etag": part(etag=None),
    "the whole object, cut short": lying(100, Answer(200, BODY[:25], {"ETag": '"e"'})),
    "the whole object, without an etag": Answer(200, BODY),
    "an error without a body": Answer(500),
    "InternalError": error(500, "InternalError"),
    "SlowDown": error(503, "SlowDown"),
    "TooManyRequests": error(429, "TooManyRequests"),
    "a gateway's page": Answer(502, b"<html>Bad gateway<br></html>"),
    "an error that is no XML": Answer(500, b"<Error><Code>Inter"),
    "a page for people": Answer(200, b"<html>Log in</html>"),
    "expired credentials": error(400, "ExpiredToken"),
    "a wrong clock": error(403, "RequestTimeTooSkewed"),
    "a wrong signature": error(403, "SignatureDoesNotMatch"),
    "403 and no more": Answer(403),
    "no such bucket": error(404, "NoSuchBucket"),
}
TOLD_AT_ONCE = {
    "no answer",
    "the whole object, cut short",
    "cut short",
    "an error without a body",
    "InternalError",
    "SlowDown",
    "TooManyRequests",
    "a gateway's page",
    "an error that is no XML",
}
"""A server that is in trouble is not asked a second time for the reason."""


@pytest.fixture(params=KEYS)
def listed(request: pytest.FixtureRequest) -> ObjectInfo:
    """An object whose key is a path, and one whose key is none."""
    return ObjectInfo(KEYS[request.param], "e", len(BODY), NOW)


class TestAFault:
    @pytest.mark.parametrize("fault", FAULTS)
    def test_a_fault_is_asked_again_until_the_right_bytes_come(
        self, scripted: ScriptedServer, listed: ObjectInfo, fault: str
    ) -> None:
        scripted.will_answer(FAULTS[fault], FAULTS[fault], FAULTS[fault], part())

        assert read(scripted.store(), listed, START, END) == BODY[START:END]
        assert len(scripted.requests) == 4
        for request in scripted.requests:
            assert request.headers["range"] == f"bytes={START}-{END - 1}"
            assert request.headers["if-match"] == '"e"'

    @pytest.mark.parametrize("fault", FAULTS)
    def test_a_fault_that_stays_is_a_fault_of_transport(
        self, scripted: ScriptedServer, listed: ObjectInfo, fault: str
    ) -> None:
        scripted.will_answer(FAULTS[fault])

        with pytest.raises(TransportError) as raised:
            read(scripted.store(), listed, START, END)

        assert "said" not in str(raised.value)
        assert "html" not in str(raised.value)
        clients = 1 if fault in TOLD_AT_ONCE else 2
        assert len(scripted.requests) == clients * AT_ONCE.read_attempts


class TestAnAnswer:
    def test_an_answer_of_the_whole_object_gives_the_bytes_asked_for(
        self, scripted: ScriptedServer, listed: ObjectInfo
    ) -> None:
        scripted.will_answer(Answer(200, BODY, {"ETag": '"e"'}))

        assert read(scripted.store(), listed, START, END) == BODY[START:END]

    def test_an_answer_that_is_right_is_asked_for_once(self, scripted: ScriptedServer, listed: ObjectInfo) -> None:
        scripted.will_answer(part())

        assert read(scripted.store(), listed, START, END) == BODY[START:END]
        (request,) = scripted.requests
        assert request.is_range_client

    @pytest.mark.parametrize(
        "answer",
        [
            pytest.param(part(etag='"other"'), id="of another etag, as servers give that ignore If-Match"),
            pytest.param(Answer(200, BODY, {"ETag": '"other"'}), id="whole and of another etag"),
            pytest.param(error(412, "PreconditionFailed"), id="412"),
            pytest.param(Answer(412), id="412 without a body"),
            pytest.param(error(416, "InvalidRange"), id="416"),
        ],
    )
    def test_an_answer_of_another_object_is_a_change(
        self, scripted: ScriptedServer, listed: ObjectInfo, answer: Answer
    ) -> None:
        scripted.will_answer(answer)

        with pytest.raises(ObjectChangedError):
            read(scripted.store(), listed, START, END)

    @pytest.mark.parametrize("answer", [error(404, "NoSuchKey"), Answer(404)])
    def test_an_answer_of_no_object_says_that_it_is_gone(
        self, scripted: ScriptedServer, listed: ObjectInfo, answer: Answer
    ) -> None:
        scripted.will_answer(answer)

        with pytest.raises(ObjectGoneError):
            read(scripted.store(), listed, START, END)

    @pytest.mark.parametrize(
        ("status", "code"),
        [
            (403, "AccessDenied"),
            (403, "AllAccessDisabled"),
            (403, "InvalidObjectState"),
            (400, "InvalidRequest"),
            (400, "KMS.DisabledException"),
        ],
    )
    def test_an_answer_that_refuses_the_object_is_a_refusal_and_not_asked_again(
        self, scripted: ScriptedServer, listed: ObjectInfo, status: int, code: str
    ) -> None:
        scripted.will_answer(error(status, code))

        with pytest.raises(ReadRefusedError) as raised:
            read(scripted.store(), listed, START, END)

        assert raised.value.args == (code,)
        assert len(scripted.requests) <= 2
