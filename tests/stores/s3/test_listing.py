"""Every key that a bucket can hold is listed, in order, and read back."""

import asyncio
import re
from functools import partial
from typing import Any

import pytest

from dicom_sieve.errors import StoreError
from dicom_sieve.stores import Retries
from dicom_sieve.stores.listing import list_objects
from dicom_sieve.stores.s3.clients import make_boto3_client
from dicom_sieve.stores.s3.pages import list_page
from tests.conftest import S3Server
from tests.stores.buckets import fill, read_all
from tests.stores.keys import CONTROL, ODD, in_byte_order, make_keys
from tests.stores.scripted_server import Answer, ScriptedServer

PAGE = 1000
"""Keys of one page of ListObjectsV2, at most (Amazon S3 API Reference)."""


def keys_for(server: S3Server) -> list[str]:
    keys = make_keys(550, ODD + CONTROL, seed=7)
    # moto's web framework has no route for a key with a line feed.
    return [key for key in keys if not (server.is_moto and "\n" in key)]


def in_pages_of_five(params: dict[str, Any], **_: object) -> None:
    params["MaxKeys"] = 5


class TestOddKeys:
    def test_odd_keys_are_listed_all_once_in_the_order_of_their_bytes_and_read_back_exactly(
        self, s3_server: S3Server
    ) -> None:
        bucket, keys = s3_server.make_bucket(), keys_for(s3_server)
        bodies = {key: f"body of {key}".encode() for key in keys}
        fill(s3_server, bucket, bodies)
        store = s3_server.store(bucket)

        listed = list(store.list())

        assert len(keys) > 500
        assert [info.key for info in listed] == in_byte_order(keys)
        assert [info.size for info in listed] == [len(bodies[info.key]) for info in listed]
        assert read_all(store, listed) == bodies
        client = make_boto3_client(store.access)
        client.meta.events.register("before-parameter-build.s3.ListObjectsV2", in_pages_of_five)
        for prefix in ("", "x", "x/"):
            ask = partial(list_page, client, bucket, prefix)
            found = list(list_objects(ask, store.location, in_flight=4, pages_one_by_one=1))
            assert found == [info for info in listed if info.key[: len(prefix)] == prefix]

    def test_odd_keys_are_read_the_same_by_both_clients(self, s3_server: S3Server) -> None:
        bucket, keys = s3_server.make_bucket(), make_keys(300, ODD, seed=8)
        fill(s3_server, bucket, {key: f"body of {key}".encode() for key in keys})
        store = s3_server.store(bucket)
        listed = list(store.list())

        async def quickly() -> list[bytes | None]:
            return [await store._read_quickly(info, 0, info.size) for info in listed]

        assert len(listed) > 100
        assert asyncio.run(quickly()) == [f"body of {info.key}".encode() for info in listed]
        assert asyncio.run(quickly()) == [store._read_any(info, 0, info.size) for info in listed]

    @pytest.mark.parametrize("prefix", ["a", "a/", "a//", "a b+#%20", "東京/", "😀", "/", "../", "&<\"'>", "nothing"])
    def test_a_prefix_shows_the_keys_that_begin_with_it(self, s3_server: S3Server, prefix: str) -> None:
        bucket = s3_server.make_bucket()
        keys = ["a", "a/b", "a//b", "a b+#%20/x", "東京/1", "東京", "😀x", "/x", "../x", "&<\"'>/1", "A", "b/a"]
        fill(s3_server, bucket, dict.fromkeys(keys, b"x"))

        listed = [info.key for info in s3_server.store(bucket, prefix).list()]

        assert listed == in_byte_order([key for key in keys if key[: len(prefix)] == prefix])

    def test_an_empty_bucket_has_no_objects(self, s3_server: S3Server) -> None:
        assert list(s3_server.store(s3_server.make_bucket()).list()) == []

    def test_empty_objects_and_directory_markers_are_objects_of_no_bytes(self, s3_server: S3Server) -> None:
        bucket = s3_server.make_bucket()
        fill(s3_server, bucket, {"empty": b"", "folder/": b"", "folder/x": b"x"})

        listed = list(s3_server.store(bucket).list())

        assert [(info.key, info.size) for info in listed] == [("empty", 0), ("folder/", 0), ("folder/x", 1)]
        assert listed[0].etag == listed[1].etag != listed[2].etag
        assert all(info.last_modified.tzinfo is not None for info in listed)


@pytest.mark.needs_rgw
class TestPagesThatAreNoXml:
    """Ceph repeats the last key of a page as it is; characters that no XML may hold must not hide the page."""

    def test_the_page_behind_such_a_key_is_found(self, rgw_server: S3Server) -> None:
        bucket, client = rgw_server.make_bucket(), rgw_server.client()
        keys = [f"k{number:04}" for number in range(PAGE + 3)]
        fill(rgw_server, bucket, dict.fromkeys(keys, b"x"))

        for odd in ("\x01", "\x1b$B", "\x1f", "\x0b", "\ufffe", "\uffff", "\n", "\r", "&#x1;\x02", "]]>\x7f"):
            client.delete_object(Bucket=bucket, Key=keys[PAGE - 1])
            keys[PAGE - 1] = f"k0999{odd}&<"
            client.put_object(Bucket=bucket, Key=keys[PAGE - 1], Body=b"x")

            assert [info.key for info in rgw_server.store(bucket).list()] == keys

    def test_a_folder_of_such_keys_longer_than_a_page_is_listed_also_by_its_prefix(self, rgw_server: S3Server) -> None:
        bucket = rgw_server.make_bucket()
        keys = [f"\x1b$B;3ED\x1b(B/{number:04}\x1f" for number in range(2 * PAGE + 1)]
        fill(rgw_server, bucket, dict.fromkeys(keys, b"x"))

        assert [info.key for info in rgw_server.store(bucket).list()] == keys
        assert [info.key for info in rgw_server.store(bucket, "\x1b$B").list()] == keys


def page(*keys: str, truncated: bool = False, token: str = "", etag: str = '"e"') -> Answer:
    """Make a page of a listing, as the API Reference shows it."""
    contents = "".join(
        f"<Contents><Key>{key}</Key><LastModified>2024-01-01T00:00:00.000Z</LastModified>"
        f"{f'<ETag>{etag}</ETag>' if etag else ''}<Size>1</Size></Contents>"
        for key in keys
    )
    more = f"<NextContinuationToken>{token}</NextContinuationToken>" if token else ""
    return Answer(
        200,
        f"<?xml version='1.0'?><ListBucketResult><IsTruncated>{str(truncated).lower()}</IsTruncated>"
        f"{contents}{more}</ListBucketResult>".encode(),
    )


class TestPages:
    def test_the_servers_token_leads_to_the_next_page(self, scripted: ScriptedServer) -> None:
        scripted.will_answer(page("a", "b", truncated=True, token="t/+=1"), page("c"))

        assert [info.key for info in scripted.store().list()] == ["a", "b", "c"]
        assert "continuation-token" not in scripted.requests[0].path
        assert "continuation-token=t%2F%2B%3D1" in scripted.requests[1].path

    def test_the_last_key_leads_on_where_the_token_is_missing(self, scripted: ScriptedServer) -> None:
        scripted.will_answer(page("a", "b", truncated=True), page("c"))

        assert [info.key for info in scripted.store().list()] == ["a", "b", "c"]
        assert "start-after=b" in scripted.requests[1].path

    @pytest.mark.parametrize(
        "answers",
        [
            pytest.param([Answer(200, b"<html><body>Log in</body></html>")], id="a page for people"),
            pytest.param([Answer(200, b"<html><body>Log in<br></body></html>")], id="a page that is no XML"),
            pytest.param([Answer(200, b'{"objects": []}')], id="JSON"),
            pytest.param([Answer(200, b"")], id="nothing"),
            pytest.param([Answer(200, page("a").body[:-30])], id="half a page"),
            pytest.param([page(truncated=True)], id="more is said to come, but not where"),
            pytest.param([page("a", truncated=True, token="t")], id="the same token each time"),
            pytest.param([page("a", truncated=True)], id="the same page each time"),
            pytest.param([page("a", etag="")], id="an object without an etag"),
        ],
    )
    def test_an_answer_that_is_no_listing_is_never_taken_for_an_empty_bucket(
        self, scripted: ScriptedServer, answers: list[Answer]
    ) -> None:
        scripted.will_answer(*answers)

        with pytest.raises(StoreError, match=re.escape("cannot list s3://bucket: ")):
            list(scripted.store(retries=Retries(read_attempts=2, first_pause_seconds=0.0)).list())

        assert len(scripted.requests) <= 3

    def test_a_fault_between_pages_is_asked_again(self, scripted: ScriptedServer) -> None:
        scripted.will_answer(page("a", truncated=True, token="t"), Answer(503), page("b"))

        assert [info.key for info in scripted.store().list()] == ["a", "b"]
