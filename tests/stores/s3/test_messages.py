"""What is said of an answer that is not the one asked for: the cause, and what to do about it.

Public reports: boto3#2148, aws-cli#8963, minio#12580, mc#3773, datachain#929, boto3#4138, aws-cli#2557, aws-cli#3793,
opendal PR#3478, botocore PR#929, aws-cli#5374.
"""

import asyncio
import datetime
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from dicom_sieve.errors import StoreError
from dicom_sieve.objects import ObjectInfo
from dicom_sieve.stores import Retries, S3Access, S3Store, StaticCredentials
from dicom_sieve.stores.interface import TransportError
from tests.conftest import S3Server
from tests.security.certificates import make_server_context
from tests.stores.buckets import read
from tests.stores.scripted_server import Answer, ScriptedServer, serve
from tests.stores.small_s3 import error

TWICE = Retries(read_attempts=2, first_pause_seconds=0.0)
LISTED = ObjectInfo("key", "etag", 5, datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC))
PAGE = b"<!DOCTYPE html>\n<html><head><title>Console</title><br></head><body>SECRET</body></html>"
NO_ETAG = (
    b"<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>k</Key><Size>5</Size>"
    b"<LastModified>2024-01-01T00:00:00Z</LastModified></Contents></ListBucketResult>"
)
KEYS = StaticCredentials("key-id", "access-key")


def said_of(store: S3Store) -> str:
    """Give what is said where the bucket is listed."""
    with pytest.raises(StoreError) as caught:
        list(store.list())
    return str(caught.value).removeprefix("cannot list s3://bucket: ")


def to(address: str, status: int = 307) -> Answer:
    return Answer(status, headers={"Location": address})


class TestARedirect:
    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_a_redirect_to_another_address_is_named_without_what_may_be_secret(
        self, scripted: ScriptedServer, status: int
    ) -> None:
        scripted.will_answer(to("https://key:SECRET@S3.example.org:9000/SECRET?sig=SECRET", status))

        assert said_of(scripted.store(retries=TWICE)) == (
            f"Redirect (HTTP {status}); the endpoint redirects to https://s3.example.org:9000: give that address as "
            "the endpoint, redirects are not followed"
        )

    def test_a_redirect_to_https_of_the_same_host_is_named(self, scripted: ScriptedServer) -> None:
        scripted.will_answer(to(scripted.endpoint.replace("http", "https") + "/bucket", 301))

        assert f"redirects to {scripted.endpoint.replace('http', 'https')}: give" in said_of(
            scripted.store(retries=TWICE)
        )

    @pytest.mark.parametrize(
        "address", ["/login?next=SECRET", "", "javascript:SECRET", "https://SECRET:x", "//[SECRET"]
    )
    def test_a_redirect_to_a_page_of_its_own_is_taken_for_a_console(
        self, scripted: ScriptedServer, address: str
    ) -> None:
        scripted.will_answer(to(address, 302))

        assert said_of(scripted.store(retries=TWICE)) == (
            "Redirect (HTTP 302); the endpoint redirects to another page: it is perhaps a console, or asks for a "
            "sign-in; give the address of the S3 server itself"
        )

    def test_a_redirect_is_a_cause_of_what_is_not_read(self, scripted: ScriptedServer) -> None:
        scripted.will_answer(to("https://s3.example.org"))

        with pytest.raises(TransportError, match=r"could not be read: Redirect \(HTTP 307\)$"):
            read(scripted.store(retries=TWICE), LISTED, 0, 5)

    def test_a_redirect_asks_the_server_no_more_than_once_for_an_attempt(self, scripted: ScriptedServer) -> None:
        scripted.will_answer(to("https://s3.example.org"))

        said_of(scripted.store(retries=TWICE))

        assert len(scripted.requests) == 1


class TestAWebPage:
    @pytest.mark.parametrize(
        "answer",
        [
            Answer(200, PAGE, {"Content-Type": "text/html; charset=utf-8"}),
            Answer(200, PAGE),
            Answer(200, b"<html><body>Welcome to nginx!</body></html>"),
            Answer(404, PAGE, {"Content-Type": "text/html"}),
            Answer(403, PAGE, {"Content-Type": "text/html"}),
            Answer(403, PAGE.lower()),
        ],
    )
    def test_a_web_page_in_place_of_a_listing_is_told_for_what_it_is(
        self, scripted: ScriptedServer, answer: Answer
    ) -> None:
        scripted.will_answer(answer)

        assert said_of(scripted.store(retries=TWICE)) == (
            "WebPage; the answer is a web page, not S3's: is this the port of a console, or of a proxy? give the "
            "address of the S3 server itself"
        )

    def test_a_web_page_of_a_proxy_whose_server_is_away_has_its_status(self, scripted: ScriptedServer) -> None:
        scripted.will_answer(Answer(502, PAGE, {"Content-Type": "text/html"}))

        assert said_of(scripted.store(retries=TWICE)).startswith("502; a proxy before the S3 server answers")

    def test_a_web_page_in_place_of_an_object_is_a_cause(self, scripted: ScriptedServer) -> None:
        scripted.will_answer(Answer(403, PAGE, {"Content-Type": "text/html"}))

        with pytest.raises(TransportError, match=r"could not be read: WebPage \(HTTP 403\)$"):
            read(scripted.store(retries=TWICE), LISTED, 0, 5)


class TestAnAnswerThatIsNotS3s:
    @pytest.mark.parametrize("answer", [Answer(200, b'{"a": 1}'), Answer(400, b"SECRET"), Answer(200, b"")])
    def test_an_answer_that_is_not_s3s_sends_one_to_the_endpoint(
        self, scripted: ScriptedServer, answer: Answer
    ) -> None:
        scripted.will_answer(answer)

        said = said_of(scripted.store(retries=TWICE))

        assert "check the endpoint" in said
        assert "SECRET" not in said

    def test_an_answer_that_is_not_s3s_has_no_code_that_could_hold_anything(self, scripted: ScriptedServer) -> None:
        for code in ("x" * 65, "key id PLANTED", "a\nb", "<![CDATA[<b>]]>", "é"):
            scripted.will_answer(error(403, code))

            assert said_of(scripted.store(retries=TWICE)) == "Unknown (HTTP 403)"


class TestHttp:
    def test_http_on_a_port_that_speaks_https_is_said(self, tmp_path: Path) -> None:
        tls, _ = make_server_context(tmp_path, "127.0.0.1")
        with serve(tls) as server:
            endpoint = server.endpoint.replace("https", "http")

            said = said_of(S3Store(S3Access("bucket", "r", endpoint, KEYS, TWICE)))

        assert said == (
            "ConnectionClosedError; the endpoint ends the connection without an answer: where it speaks https, give it "
            "as https://"
        )

    @pytest.mark.parametrize(
        "answer",
        [
            Answer(400, b"Client sent an HTTP request to an HTTPS server.\n", {"Content-Type": "text/plain"}),
            Answer(
                400,
                b"<html><head><title>400 The plain HTTP request was sent to HTTPS port</title></head></html>",
                {"Content-Type": "text/html"},
            ),
        ],
        ids=["of Go", "of nginx"],
    )
    def test_http_on_such_a_port_that_says_so_is_repeated(self, scripted: ScriptedServer, answer: Answer) -> None:
        scripted.will_answer(answer)

        assert said_of(scripted.store(retries=TWICE)) == (
            "HttpsExpected; the endpoint speaks https: give it as https://"
        )

    def test_http_that_is_all_an_endpoint_speaks_is_said(self, scripted: ScriptedServer) -> None:
        endpoint = scripted.endpoint.replace("http", "https")

        assert said_of(S3Store(S3Access("bucket", "r", endpoint, KEYS, TWICE))) == (
            "NoTls; the endpoint does not speak https: give it as http://, or another port"
        )


class TestAnEndpointThatNamesTheBucket:
    @pytest.mark.needs_rgw
    @pytest.mark.parametrize("end", ["/{bucket}", "/{bucket}/"])
    def test_an_endpoint_that_names_the_bucket_is_told_from_a_bucket_that_is_not_there(
        self, rgw_server: S3Server, end: str
    ) -> None:
        bucket = rgw_server.make_bucket()
        endpoint = rgw_server.endpoint + end.format(bucket=bucket)

        with pytest.raises(
            StoreError, match=r"NoSuch\w+ \(HTTP 404\); the endpoint names the bucket already: leave it"
        ):
            list(S3Store(S3Access(bucket, "eu-west", endpoint.rstrip("/"), rgw_server.credentials, TWICE)).list())

    def test_an_endpoint_that_names_the_bucket_is_told_of_a_host_too(self, scripted: ScriptedServer) -> None:
        scripted.will_answer(error(404, "NoSuchKey"))
        endpoint = scripted.endpoint.replace("127.0.0.1", "localhost")

        with pytest.raises(StoreError, match="the endpoint names the bucket already"):
            list(S3Store(S3Access("localhost", "r", endpoint, KEYS, TWICE)).list())

    def test_an_endpoint_that_names_the_bucket_is_guessed_where_a_listing_finds_no_key(
        self, scripted: ScriptedServer
    ) -> None:
        scripted.will_answer(error(404, "NoSuchKey"))

        assert said_of(scripted.store()) == (
            "NoSuchKey (HTTP 404); the endpoint takes the bucket's name for a key: where the endpoint names a bucket, "
            "leave that out"
        )


class TestAWrongRegion:
    @pytest.mark.parametrize(
        "answer",
        [
            error(400, "AuthorizationHeaderMalformed", "<Region>eu-central-1</Region>"),
            error(301, "PermanentRedirect", x_amz_bucket_region="eu-central-1"),
            error(400, "IllegalLocationConstraintException", "<Region>eu-central-1</Region>"),
            Answer(301, headers={"x-amz-bucket-region": "eu-central-1"}),
            Answer(400, headers={"x-amz-bucket-region": "eu-central-1"}),
        ],
    )
    def test_a_wrong_region_is_said_with_the_right_one(self, scripted: ScriptedServer, answer: Answer) -> None:
        scripted.will_answer(answer)

        said = said_of(scripted.store(retries=TWICE))

        assert said.endswith("; the bucket is in region eu-central-1: give that as the region")
        assert len(scripted.requests) == 1

    def test_a_wrong_region_that_the_answer_does_not_name_is_said_without(self, scripted: ScriptedServer) -> None:
        for region in ("", "<Region>PLANTED SECRET</Region>", f"<Region>{'x' * 99}</Region>"):
            scripted.will_answer(error(400, "AuthorizationHeaderMalformed", region))

            assert said_of(scripted.store(retries=TWICE)).endswith("; the bucket is in another region")


class TestCredentials:
    @pytest.mark.parametrize("code", ["InvalidAccessKeyId", "InvalidToken"])
    def test_credentials_that_are_temporary_want_their_token(self, scripted: ScriptedServer, code: str) -> None:
        scripted.will_answer(error(403, code))

        assert "temporary keys need their session token" in said_of(scripted.store())

    def test_credentials_with_a_token_behind_the_keys_are_told_that_it_is_not_read(
        self, scripted: ScriptedServer
    ) -> None:
        keys = StaticCredentials.parse("ASIAPLANTED:SECRET:TOKEN")
        assert keys is not None
        for code in ("InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken"):
            scripted.will_answer(error(403, code))

            said = said_of(S3Store(S3Access("bucket", "r", scripted.endpoint, keys, TWICE)))

            assert "a session token behind the keys is not read: give a block" in said
            assert not {"ASIAPLANTED", "SECRET", "TOKEN"} & set(said.replace(":", " ").split())

    def test_credentials_that_lack_a_right_may_lack_the_will_to_pay(self, scripted: ScriptedServer) -> None:
        scripted.will_answer(error(403, "AccessDenied"))

        assert "where the requester pays, say so: requester_pays, --requester-pays" in said_of(scripted.store())


class TestAListingWithoutEtags:
    def test_a_listing_without_etags_is_told_for_what_it_is(self, scripted: ScriptedServer) -> None:
        scripted.will_answer(Answer(200, NO_ETAG))

        assert said_of(scripted.store(retries=TWICE)) == (
            "NoEtagError; the server lists no ETag, which is needed: objects are known by key and ETag"
        )


class TestACertificate:
    def said(self, folder: Path, *names: str, expired: bool = False) -> str:
        tls, _ = make_server_context(folder, *names, expired=expired)
        with serve(tls) as server:
            return said_of(S3Store(S3Access("bucket", "r", server.endpoint, KEYS, TWICE)))

    def test_a_certificate_that_is_not_trusted_is_said(self, tmp_path: Path) -> None:
        assert self.said(tmp_path, "127.0.0.1") == (
            "CertificateNotTrusted; the endpoint's certificate is of no authority that is trusted: name the file of "
            "its authority in DICOM_SIEVE_CA_BUNDLE"
        )

    def test_a_certificate_of_another_host_is_said(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "authority.pem"))

        assert self.said(tmp_path, "s3.example.test") == (
            "CertificateOfAnotherHost; the endpoint's certificate is of another host: give the endpoint by the name "
            "that the certificate has"
        )

    def test_a_certificate_that_has_expired_is_said(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "authority.pem"))

        assert self.said(tmp_path, "127.0.0.1", expired=True) == (
            "CertificateExpired; the endpoint's certificate has expired, or is not valid yet: renew it, and check this "
            "machine's clock"
        )


class TestAWeakEtag:
    """minio#13497, hapi#3956: a proxy that compresses makes ``W/"…"`` of ``"…"``."""

    BYTES = Answer(
        206,
        b"bytes",
        {
            "ETag": 'W/"etag"',
            "Content-Range": "bytes 0-4/5",
            "Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT",
            "Content-Type": "application/dicom",
        },
    )

    @pytest.mark.parametrize("key", ["key", "a//b"], ids=["by obstore", "by boto3"])
    @pytest.mark.parametrize("etag", ["etag", 'W/"etag'], ids=["listed", "in an old ledger"])
    def test_a_weak_etag_is_compared_and_sent_without_its_mark(
        self, scripted: ScriptedServer, key: str, etag: str
    ) -> None:
        scripted.will_answer(self.BYTES)

        assert read(scripted.store(retries=TWICE), replace(LISTED, key=key, etag=etag), 0, 5) == b"bytes"

        assert [request.headers["if-match"] for request in scripted.requests] == ['"etag"']

    def test_a_weak_etag_is_listed_and_looked_up_without_its_mark(self, scripted: ScriptedServer) -> None:
        page = NO_ETAG.replace(b"<Size>", b"<ETag>W/&quot;etag&quot;</ETag><Size>")
        scripted.will_answer(Answer(200, page), self.BYTES)
        store = scripted.store()

        listed = list(store.list())

        assert [info.etag for info in listed] == ["etag"]
        assert asyncio.run(store.stat("key")).etag == "etag"

    @pytest.mark.parametrize("way", [lambda store, to: store.download(LISTED, to)])
    def test_a_weak_etag_is_downloaded(
        self, scripted: ScriptedServer, way: Callable[[S3Store, Path], None], tmp_path: Path
    ) -> None:
        scripted.will_answer(self.BYTES)

        way(scripted.store(), tmp_path / "file")

        assert (tmp_path / "file").read_bytes() == b"bytes"
