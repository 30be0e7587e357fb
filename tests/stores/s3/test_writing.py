"""What is written once stays as it was written."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from dicom_sieve.errors import AlreadyPublishedError, StoreError
from tests.conftest import S3Server
from tests.stores.buckets import fill, read_all
from tests.stores.scripted_server import Answer, ScriptedServer, error

KEYS = ["manifest.json", "a folder/run=1/ü+#.parquet", "odd//key"]


@pytest.fixture
def body(tmp_path: Path) -> Path:
    path = tmp_path / "body"
    path.write_bytes(b"first")
    return path


class TestWritingOnce:
    @pytest.mark.parametrize("key", KEYS)
    def test_writing_once_writes_a_new_object(self, s3_server: S3Server, body: Path, key: str) -> None:
        store = s3_server.store(s3_server.make_bucket())
        assert store.find(key) is None

        store.write_once(key, body)

        assert store.find(key) is not None
        assert read_all(store, list(store.list())) == {key: b"first"}

    def test_writing_once_writes_the_same_bytes_again_without_complaint(self, s3_server: S3Server, body: Path) -> None:
        store = s3_server.store(s3_server.make_bucket())
        store.write_once("key", body)
        (before,) = store.list()

        store.write_once("key", body)

        assert list(store.list()) == [before]

    @pytest.mark.parametrize("other", [b"other", b"", b"firs", b"first and more"])
    def test_writing_once_never_overwrites_other_bytes(self, s3_server: S3Server, body: Path, other: bytes) -> None:
        bucket = s3_server.make_bucket()
        fill(s3_server, bucket, {"key": other})
        store = s3_server.store(bucket)

        with pytest.raises(AlreadyPublishedError, match=f"s3://{bucket}/key exists already and is never overwritten"):
            store.write_once("key", body)

        assert s3_server.client().get_object(Bucket=bucket, Key="key")["Body"].read() == other

    def test_an_empty_file_is_written_too(self, s3_server: S3Server, body: Path) -> None:
        store = s3_server.store(s3_server.make_bucket())
        body.write_bytes(b"")

        store.write_once("key", body)
        store.write_once("key", body)

        assert [info.size for info in store.list()] == [0]

    @pytest.mark.needs_rgw
    def test_writing_once_of_sixteen_that_write_at_once_exactly_one_wins(
        self, rgw_server: S3Server, tmp_path: Path
    ) -> None:
        bucket, start = rgw_server.make_bucket(), Barrier(16)
        bodies = [tmp_path / str(number) for number in range(16)]
        for number, path in enumerate(bodies):
            path.write_bytes(f"writer {number:2}".encode() * 1000)

        def write(path: Path) -> bool:
            store = rgw_server.store(bucket)
            store.find("key")  # opens its client
            start.wait()
            try:
                store.write_once("key", path)
            except AlreadyPublishedError:
                return False
            return True

        with ThreadPoolExecutor(16) as pool:
            won = list(pool.map(write, bodies))

        assert won.count(True) == 1
        stored = rgw_server.client().get_object(Bucket=bucket, Key="key")["Body"].read()
        assert stored == bodies[won.index(True)].read_bytes()

    def test_a_lost_answer_is_no_second_publication(self, scripted: ScriptedServer, body: Path) -> None:
        scripted.will_answer(Answer(0), error(412, "PreconditionFailed"), Answer(200, b"first", {"ETag": '"e"'}))

        scripted.store().write_once("key", body)

        assert [request.method for request in scripted.requests] == ["PUT", "PUT", "GET"]
        assert all(request.headers["if-none-match"] == "*" for request in scripted.requests[:2])


class TestWritingThatFails:
    def test_into_no_bucket_says_so(self, s3_server: S3Server, body: Path) -> None:
        with pytest.raises(StoreError, match="cannot write s3://no-such-bucket/key: NoSuchBucket"):
            s3_server.store("no-such-bucket").write_once("key", body)

    def test_writing_that_fails_without_the_right_names_the_right(self, scripted: ScriptedServer, body: Path) -> None:
        scripted.will_answer(error(403, "AccessDenied"))

        with pytest.raises(StoreError, match=r"AccessDenied \(HTTP 403\); .*s3:PutObject to write"):
            scripted.store().write_once("key", body)

    def test_existence_that_the_store_does_not_tell_is_no_absence(self, scripted: ScriptedServer) -> None:
        scripted.will_answer(Answer(403))

        with pytest.raises(StoreError, match="cannot look into s3://bucket/key: 403"):
            scripted.store().find("key")
