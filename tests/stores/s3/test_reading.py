"""The bytes asked for, of the object that was listed: or an error that says why not."""

import asyncio
import dataclasses
import json

import pytest

from dicom_sieve.errors import StoreError
from dicom_sieve.objects import ObjectInfo
from dicom_sieve.stores import S3Store
from dicom_sieve.stores.interface import ObjectChangedError, ObjectGoneError, ReadRefusedError
from tests.conftest import S3Server
from tests.stores.buckets import fill, read

BODY = bytes(range(256)) * 40


def only_object(store: S3Store) -> ObjectInfo:
    (listed,) = store.list()
    return listed


def stat(store: S3Store, key: str) -> ObjectInfo:
    return asyncio.run(store.stat(key))


@pytest.fixture(params=["a/plain key", "odd//key"])
def key(request: pytest.FixtureRequest) -> str:
    """A key that is a path, and one that is none."""
    return str(request.param)


class TestRanges:
    @pytest.mark.parametrize(
        ("start", "end"), [(0, 1), (0, len(BODY)), (len(BODY) - 1, len(BODY)), (100, 8292), (255, 257)]
    )
    def test_ranges_are_the_bytes_from_start_up_to_but_not_end(
        self, s3_server: S3Server, key: str, start: int, end: int
    ) -> None:
        bucket = s3_server.make_bucket()
        fill(s3_server, bucket, {key: BODY})
        store = s3_server.store(bucket)

        assert read(store, only_object(store), start, end) == BODY[start:end]

    @pytest.mark.parametrize(("start", "end"), [(-1, 1), (0, 0), (5, 4), (0, len(BODY) + 1)])
    def test_outside_the_object_are_a_mistake_of_the_caller(self, moto_server: S3Server, start: int, end: int) -> None:
        bucket = moto_server.make_bucket()
        fill(moto_server, bucket, {"a": BODY})
        store = moto_server.store(bucket)

        with pytest.raises(ValueError, match="a range within the object"):
            read(store, only_object(store), start, end)

    @pytest.mark.needs_rgw
    def test_ranges_of_an_object_in_parts_have_its_etag(self, rgw_server: S3Server) -> None:
        bucket, client = rgw_server.make_bucket(), rgw_server.client()
        upload = client.create_multipart_upload(Bucket=bucket, Key="parts")["UploadId"]
        bodies = [bytes(5 << 20), b"the end"]
        parts = [
            {
                "PartNumber": number,
                "ETag": client.upload_part(Bucket=bucket, Key="parts", UploadId=upload, PartNumber=number, Body=body)[
                    "ETag"
                ],
            }
            for number, body in enumerate(bodies, 1)
        ]
        client.complete_multipart_upload(Bucket=bucket, Key="parts", UploadId=upload, MultipartUpload={"Parts": parts})
        store = rgw_server.store(bucket)
        listed = only_object(store)

        assert listed.etag.endswith("-2")
        assert read(store, listed, (5 << 20) - 2, (5 << 20) + 3) == b"\0\0the"


class TestAnObjectThatChanged:
    def test_an_object_that_changed_is_never_read_as_the_one_that_was_listed(
        self, s3_server: S3Server, key: str
    ) -> None:
        bucket = s3_server.make_bucket()
        store = s3_server.store(bucket)
        fill(s3_server, bucket, {key: b"old bytes"})
        listed = only_object(store)
        fill(s3_server, bucket, {key: b"new bytes"})

        with pytest.raises(ObjectChangedError):
            read(store, listed, 0, 9)

        now = stat(store, key)  # its time is in whole seconds, as HTTP gives it
        assert now == dataclasses.replace(only_object(store), last_modified=now.last_modified)
        assert read(store, now, 0, 9) == b"new bytes"

    def test_an_object_that_changed_and_is_shorter_now_has_changed_too(self, s3_server: S3Server, key: str) -> None:
        bucket = s3_server.make_bucket()
        store = s3_server.store(bucket)
        fill(s3_server, bucket, {key: BODY})
        listed = only_object(store)
        fill(s3_server, bucket, {key: b"short"})

        with pytest.raises(ObjectChangedError):
            read(store, listed, 5000, 6000)

    def test_an_object_that_changed_and_was_deleted_is_gone(self, s3_server: S3Server, key: str) -> None:
        bucket = s3_server.make_bucket()
        store = s3_server.store(bucket)
        fill(s3_server, bucket, {key: BODY})
        listed = only_object(store)
        s3_server.client().delete_object(Bucket=bucket, Key=key)

        with pytest.raises(ObjectGoneError):
            read(store, listed, 0, 5)
        with pytest.raises(ObjectGoneError):
            stat(store, key)
        assert store.find(key) is None


def deny(server: S3Server, bucket: str, action: str, resource: str) -> None:
    """Forbid something to everyone, the owner included."""
    statement = {"Effect": "Deny", "Principal": "*", "Action": action, "Resource": f"arn:aws:s3:::{resource}"}
    server.client().put_bucket_policy(
        Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    )


class TestRefusals:
    @pytest.mark.needs_rgw
    def test_a_denied_object_is_refused_and_the_others_are_read(self, rgw_server: S3Server) -> None:
        bucket = rgw_server.make_bucket()
        fill(rgw_server, bucket, {"denied": b"1", "granted": b"2"})
        deny(rgw_server, bucket, "s3:GetObject", f"{bucket}/denied")
        store = rgw_server.store(bucket)
        denied, granted = store.list()

        with pytest.raises(ReadRefusedError) as raised:
            read(store, denied, 0, 1)

        assert raised.value.args == ("AccessDenied",)
        assert read(store, granted, 0, 1) == b"2"

    @pytest.mark.needs_rgw
    def test_a_bucket_that_may_not_be_listed_says_which_right_is_missing(self, rgw_server: S3Server) -> None:
        bucket = rgw_server.make_bucket()
        deny(rgw_server, bucket, "s3:ListBucket", bucket)

        with pytest.raises(StoreError, match=r"AccessDenied \(HTTP 403\); .*s3:ListBucket to list"):
            list(rgw_server.store(bucket).list())

    def test_an_archived_object_is_refused(self, moto_server: S3Server, key: str) -> None:
        bucket = moto_server.make_bucket()
        moto_server.client().put_object(Bucket=bucket, Key=key, Body=BODY, StorageClass="GLACIER")
        store = moto_server.store(bucket)

        with pytest.raises(ReadRefusedError) as raised:
            read(store, only_object(store), 0, 5)

        assert raised.value.args == ("InvalidObjectState",)
