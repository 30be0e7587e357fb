"""Signatures: those that botocore makes of the same request."""

import asyncio
import datetime
import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials, RefreshableCredentials
from hypothesis import example, given
from hypothesis import strategies as st

from dicom_sieve.stores.s3.signing import Signer, require_text

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=40)
ASCII = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=60)
ETAGS = st.text(st.characters(min_codepoint=35, max_codepoint=126), min_size=1, max_size=40).map('"{}"'.format)
KEYS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40)


def headers_of(signer: Signer, path: str, host: str, etag: str, byte_range: str) -> dict[str, str]:
    """Sign, and take the headers apart."""
    asyncio.run(signer.renew())
    return dict(line.split(": ", 1) for line in signer.sign(path, host, etag, byte_range).split("\r\n") if line)


def by_botocore(credentials: Credentials, region: str, url: str, headers: dict[str, str], date: str) -> str:
    """Give botocore's signature of a request that has all headers but that."""
    auth, request = S3SigV4Auth(credentials, "s3", region), AWSRequest("GET", url, headers=headers)
    request.context["timestamp"] = date
    return str(auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request))


@given(
    st.builds(Credentials, ASCII, TEXT, st.none() | ASCII),
    TEXT,
    KEYS,
    ETAGS,
    st.integers(0, 1 << 40),
    st.booleans(),
)
@example(Credentials("id", "key"), "region/of/a/server", "key", '"etag"', 0, False)
def test_signatures_are_botocores_of_the_same_request(
    credentials: Credentials, region: str, key: str, etag: str, start: int, requester_pays: bool
) -> None:
    signer = Signer(credentials, region, requester_pays=requester_pays)
    path, byte_range = f"/bucket/{quote(key, safe='/~')}", f"bytes={start}-{start + 8191}"

    headers = headers_of(signer, path, "host.example:8080", etag, byte_range)

    said, date = headers.pop("Authorization"), headers["x-amz-date"]
    scope, names, signature = (part.partition("=")[2] for part in said.split(", "))
    assert said.startswith("AWS4-HMAC-SHA256 Credential=")
    assert scope == f"{credentials.access_key}/{date[:8]}/{region}/s3/aws4_request"
    assert names.split(";") == sorted(name.lower() for name in headers)
    assert signature == by_botocore(credentials, region, f"http://host.example:8080{path}", headers, date)
    assert abs(datetime.datetime.strptime(f"{date}+0000", "%Y%m%dT%H%M%SZ%z").timestamp() - time.time()) < 60
    assert headers.get("x-amz-security-token") == credentials.token
    assert ("x-amz-request-payer" in headers) == requester_pays


def temporary(ask: Callable[[], dict[str, Any]], lasting: float) -> RefreshableCredentials:
    """Make credentials that end soon, and how new ones are asked for."""
    now = datetime.datetime.now(datetime.UTC)
    expiry = now + datetime.timedelta(seconds=lasting)
    return RefreshableCredentials("id-0", "key-0", "token-0", expiry, ask, "test")


def fresh(number: int) -> dict[str, Any]:
    expiry = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1)
    return {
        "access_key": f"id-{number}",
        "secret_key": f"key-{number}",
        "token": f"token-{number}",
        "expiry_time": expiry.isoformat(),
    }


class TestTemporaryCredentials:
    def test_temporary_credentials_are_renewed_in_time_and_in_a_thread(self) -> None:
        asked: list[str] = []

        def ask() -> dict[str, Any]:
            asked.append(threading.current_thread().name)
            return fresh(len(asked))

        signer = Signer(temporary(ask, lasting=30), "eu-west", requester_pays=False)

        headers = [headers_of(signer, "/b/k", "host", '"e"', "bytes=0-1") for _ in range(3)]

        assert {head["x-amz-security-token"] for head in headers} == {"token-1"}
        assert "Credential=id-1/" in headers[0]["Authorization"]
        assert len(asked) == 1
        assert asked[0] != threading.main_thread().name

    def test_temporary_credentials_that_cannot_be_renewed_are_no_signature(self) -> None:
        def ask() -> dict[str, Any]:
            raise OSError("PLANTED")

        signer = Signer(temporary(ask, lasting=-1), "eu-west", requester_pays=False)

        with pytest.raises(OSError, match="PLANTED"):
            asyncio.run(signer.renew())

    def test_temporary_credentials_of_the_next_second_are_looked_at_again(self) -> None:
        signer = Signer(temporary(lambda: fresh(1), lasting=3_600), "eu-west", requester_pays=False)

        first = headers_of(signer, "/b/k", "host", '"e"', "bytes=0-1")
        time.sleep(1.05)
        second = headers_of(signer, "/b/k", "host", '"e"', "bytes=0-1")

        assert first["x-amz-date"] < second["x-amz-date"]
        assert first["Authorization"] != second["Authorization"]


@pytest.mark.parametrize("text", ["a\r\nX: y", "a\n", "a\0", "\x7f", "a\u2028b"])
def test_a_text_that_would_end_a_header_is_in_none_and_is_not_told(text: str) -> None:
    with pytest.raises(ValueError, match="a header of HTTP cannot hold it") as raised:
        require_text(text)

    assert text not in str(raised.value)
    with pytest.raises(ValueError, match="cannot hold it"):
        Signer(Credentials("id", "key"), text, requester_pays=False)
    with pytest.raises(ValueError, match="cannot hold it"):
        asyncio.run(Signer(Credentials(f"id{text}", "key"), "eu-west", requester_pays=False).renew())
    with pytest.raises(ValueError, match="cannot hold it"):
        asyncio.run(Signer(Credentials("id", "key", text), "eu-west", requester_pays=False).renew())
