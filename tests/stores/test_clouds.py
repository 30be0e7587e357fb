"""Google Cloud Storage and Azure Blob: odd names, long listings, order, faults on the way, copies, what is refused."""

import asyncio
import datetime
import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from dicom_sieve.errors import AlreadyPublishedError, StoreError
from dicom_sieve.objects import ObjectInfo
from dicom_sieve.stores import DirectoryStore, Retries
from dicom_sieve.stores.azure import service as azure_service
from dicom_sieve.stores.azure.signing import Sas, SharedKey
from dicom_sieve.stores.interface import (
    NotSentError,
    ObjectChangedError,
    ReadRefusedError,
    TransportError,
    UnwritableKeyError,
)
from dicom_sieve.stores.rest.store import RestStore
from dicom_sieve.stores.rest.tokens import Unsigned
from tests.stores.keys import ODD, in_byte_order, make_keys
from tests.support.clouds import AzureServer, CloudServer
from tests.support.fault_proxy import OF_BODIES, Fault, fault_proxy

_NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
QUICK = Retries(request_timeout_seconds=0.3, read_attempts=30, first_pause_seconds=0.001)


@dataclass(frozen=True)
class Cloud:
    """A server, and one bucket of it."""

    server: CloudServer
    bucket: str

    @property
    def store(self) -> RestStore:
        return self.server.store(self.bucket)

    def behind(self, endpoint: str, retries: Retries = QUICK) -> RestStore:
        """Give the store behind a proxy. A SAS does not sign what a proxy changes."""
        if isinstance(self.server, AzureServer):
            return self.server.store(self.bucket, endpoint=endpoint, retries=retries, signer=self.server.sas())
        return self.server.store(self.bucket, endpoint=endpoint, retries=retries)

    def put(self, key: str, data: bytes) -> None:
        self.server.put(self.bucket, key, data)


@pytest.fixture(params=["gcs", "azure"])
def cloud(request: pytest.FixtureRequest) -> Cloud:
    """An empty bucket in each cloud."""
    server: CloudServer = request.getfixturevalue(f"{request.param}_server")
    return Cloud(server, server.make_bucket())


@pytest.fixture
def azure(azure_server: AzureServer) -> Cloud:
    """An empty container."""
    return Cloud(azure_server, azure_server.make_bucket())


def read(store: RestStore, info: ObjectInfo, start: int, end: int) -> bytes:
    return asyncio.run(store.read(info, start=start, end=end))


class TestListings:
    def test_listings_are_in_the_order_of_bytes_whatever_the_names(self, cloud: Cloud) -> None:
        high = ["a\U0001fac1", "a\U0001fac1/x", "a\ue000", "a\uffee/\U0001fac1", "\U0010fffd", "\ufffd", "b"]
        keys = [*high, *make_keys(120, ODD, seed=3)]
        put = {key for key in keys if _can_hold(cloud, key)}
        for key in sorted(put):
            cloud.put(key, key.encode())

        listed = [info.key for info in cloud.store.list()]

        assert listed == in_byte_order(list(put))

    def test_listings_of_several_pages_have_each_object_once(self, cloud: Cloud) -> None:
        keys = [f"{number % 7}/{number:05}" for number in range(2_345)]
        with_threads(partial(cloud.put, data=b"x"), keys)

        assert [info.key for info in cloud.store.list()] == sorted(keys)
        assert [info.key for info in cloud.server.store(cloud.bucket, "3/").list()] == [
            key for key in sorted(keys) if key.startswith("3/")
        ]

    def test_prefixes_are_beginnings_of_names_not_folders(self, cloud: Cloud) -> None:
        for key in ("ab", "ab/c", "abc", "b", "a b", "a%20b"):
            cloud.put(key, b"x")

        assert [info.key for info in cloud.server.store(cloud.bucket, "ab").list()] == ["ab", "ab/c", "abc"]
        assert [info.key for info in cloud.server.store(cloud.bucket, "a%").list()] == ["a%20b"]

    def test_a_bucket_that_is_not_there_is_an_error_and_no_empty_listing(self, cloud: Cloud) -> None:
        with pytest.raises(StoreError, match=r"^cannot list (gs|az)://"):
            list(cloud.server.store("not-there-at-all").list())


class TestOddNames:
    def test_odd_names_are_read_looked_up_and_downloaded_by_their_own_name(self, cloud: Cloud, tmp_path: Path) -> None:
        keys = [key for key in make_keys(200, ODD, seed=5) if _can_hold(cloud, key)]
        for key in keys:
            cloud.put(key, f"<{key}>".encode())
        store = cloud.store
        listed = list(store.list())

        async def read_all() -> list[bytes]:
            return await asyncio.gather(*(store.read(info, start=0, end=info.size) for info in listed))

        assert asyncio.run(read_all()) == [f"<{info.key}>".encode() for info in listed]
        assert len(listed) == len(keys) > 150
        for number, info in enumerate(listed[::9]):
            found = store.find(info.key)
            assert found is not None
            assert (found.etag, found.size) == (info.etag, info.size)
            store.download(info, tmp_path / str(number))
            assert (tmp_path / str(number)).read_bytes() == f"<{info.key}>".encode()

    def test_odd_names_are_written_once_or_refused(self, cloud: Cloud, tmp_path: Path) -> None:
        body, written = tmp_path / "body", []
        body.write_bytes(b"bytes")
        for key in make_keys(150, ODD, seed=7):
            try:
                cloud.store.write_once(key, body)
            except UnwritableKeyError:
                continue
            written.append(key)

        assert {info.key for info in cloud.store.list()} == set(written)
        assert len(written) > 90

    def test_names_that_would_become_others_are_refused(self, cloud: Cloud, tmp_path: Path) -> None:
        (tmp_path / "body").write_bytes(b"bytes")
        wrong = ["a\\b", "a/../b", "a.", "a./b"] if isinstance(cloud.server, AzureServer) else ["..", ".", "a\nb"]

        for key in (*wrong, "", "x" * 1_025):
            with pytest.raises(UnwritableKeyError):
                cloud.store.write_once(key, tmp_path / "body")
        assert list(cloud.store.list()) == []


class TestFaults:
    @pytest.mark.parametrize("fault", Fault, ids=lambda fault: fault.name)
    def test_faults_are_overcome_by_reads_listings_and_looks(self, cloud: Cloud, fault: Fault) -> None:
        bodies = {f"a{'/' * (number % 2 + 1)}{number}": bytes([number]) * (50 + number * 400) for number in range(16)}
        for key, data in bodies.items():
            cloud.put(key, data)
        with fault_proxy(cloud.server.endpoint, probability=0.5, faults=(fault,), stall_seconds=1.0) as proxy:
            store = cloud.behind(proxy.endpoint)
            listed = list(store.list())

            async def read_every_one() -> list[bytes]:
                return await asyncio.gather(*(_read_ahead(store, info) for info in listed))

            assert dict(zip([info.key for info in listed], asyncio.run(read_every_one()), strict=True)) == bodies
            for info in listed:
                found = store.find(info.key)
                assert found is not None
                assert (found.etag, found.size) == (info.etag, info.size)
            assert store.find("none") is None
            assert proxy.happened[fault] > 3

    @pytest.mark.parametrize(
        "fault", [fault for fault in Fault if fault not in OF_BODIES], ids=lambda fault: fault.name
    )
    def test_faults_of_a_write_leave_one_object_with_the_right_bytes(
        self, cloud: Cloud, fault: Fault, tmp_path: Path
    ) -> None:
        body, other = tmp_path / "body", tmp_path / "other"
        body.write_bytes(b"first" * 1_000)
        other.write_bytes(b"other" * 1_000)
        with fault_proxy(cloud.server.endpoint, stall_seconds=1.0) as proxy:
            store = cloud.behind(proxy.endpoint)
            proxy.planned.extend([fault, fault])
            store.write_once("key", body)
            proxy.planned.extend([fault, None, fault])
            store.write_once("key", body)
            proxy.planned.extend([fault, None, fault])
            with pytest.raises(AlreadyPublishedError):
                store.write_once("key", other)

            assert not proxy.planned
        (listed,) = cloud.store.list()
        assert cloud.store.read_bytes(listed) == body.read_bytes()

    def test_a_server_that_does_not_answer_is_a_fault_and_no_verdict(self, cloud: Cloud) -> None:
        cloud.put("key", b"bytes")
        (listed,) = cloud.store.list()
        with fault_proxy(cloud.server.endpoint) as proxy:
            proxy.is_dead = True
            store = cloud.behind(proxy.endpoint, replace(QUICK, read_attempts=2))

            with pytest.raises(TransportError, match="ConnectionClosedError"):
                read(store, listed, 0, 5)
            with pytest.raises(StoreError, match="ConnectionClosedError; connections to the server break"):
                list(store.list())


class TestIdentity:
    def test_an_overwrite_with_equal_bytes_is_another_object(self, cloud: Cloud) -> None:
        cloud.put("key", b"bytes")
        (before,) = cloud.store.list()
        cloud.put("key", b"bytes")
        (after,) = cloud.store.list()

        assert before.etag != after.etag
        with pytest.raises(ObjectChangedError):
            cloud.store.read_bytes(before)

    def test_the_request_itself_is_bound_to_the_identity(self, cloud: Cloud) -> None:
        listed = ObjectInfo("a/b", "17", 9, _NOW)
        call = cloud.store.service.reading(listed, 2, 5)

        assert "ifGenerationMatch=17" in call.target or call.headers["If-Match"] == '"17"'
        assert call.headers["Range"] == "bytes=2-4"

    def test_a_read_is_one_request_in_the_event_loop(self, cloud: Cloud) -> None:
        cloud.put("a/ä", b"0123456789")
        (listed,) = cloud.store.list()
        with fault_proxy(cloud.server.endpoint) as proxy:
            store = cloud.server.store(cloud.bucket, endpoint=proxy.endpoint)

            async def quickly() -> list[bytes | None]:
                return [await store._read_quickly(listed, start, start + 3) for start in range(4)]

            assert asyncio.run(quickly()) == [b"012", b"123", b"234", b"345"]
            assert len(proxy.requests) == 4

    @pytest.mark.parametrize("etag", ["", '17"\r\nX: y', "1 7", "ä"])
    def test_an_identity_that_no_request_can_carry_is_not_sent(self, cloud: Cloud, etag: str) -> None:
        cloud.put("key", b"bytes")
        store = cloud.server.store(cloud.bucket, retries=replace(QUICK, read_attempts=1))

        with pytest.raises(TransportError):
            read(store, ObjectInfo("key", etag, 5, _NOW), 0, 5)


class TestCopies:
    def test_copies_within_a_cloud_stay_there(self, cloud: Cloud) -> None:
        cloud.put("from/ä b", b"bytes")
        target = cloud.server.make_bucket()
        (listed,) = cloud.store.list()
        with fault_proxy(cloud.server.endpoint) as proxy:
            source, store = (cloud.server.store(bucket, endpoint=proxy.endpoint) for bucket in (cloud.bucket, target))
            store.copy_from(source, listed, "to/ä b")

            asked = [method for method, _ in proxy.requests]
        (copied,) = cloud.server.store(target).list()
        assert (copied.key, cloud.server.store(target).read_bytes(copied)) == ("to/ä b", b"bytes")
        assert len(asked) == 2  # one that copies, one that looks

    def test_copies_of_what_has_changed_are_none(self, cloud: Cloud) -> None:
        cloud.put("key", b"bytes")
        (listed,) = cloud.store.list()
        cloud.put("key", b"other")

        with pytest.raises(ObjectChangedError):
            cloud.server.store(cloud.server.make_bucket()).copy_from(cloud.store, listed, "key")

    def test_copies_come_from_a_directory_and_go_to_one(self, cloud: Cloud, tmp_path: Path) -> None:
        (tmp_path / "in").mkdir()
        (tmp_path / "in" / "file").write_bytes(b"bytes" * 4_000)
        (listed,) = DirectoryStore(tmp_path / "in").list()
        cloud.store.copy_from(DirectoryStore(tmp_path / "in"), listed, "copy")
        (copied,) = cloud.store.list()

        DirectoryStore(tmp_path / "out").copy_from(cloud.store, copied, "back")

        assert (tmp_path / "out" / "back").read_bytes() == b"bytes" * 4_000

    def test_large_files_are_written_to_azure_in_blocks(
        self, azure: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(azure_service, "LARGEST_PUT", 10_000)
        monkeypatch.setattr(azure_service, "BLOCK_BYTES", 4_000)
        body, other = tmp_path / "body", tmp_path / "other"
        body.write_bytes(bytes(range(256)) * 50)
        other.write_bytes(bytes(range(256)) * 60)

        azure.store.write_once("large", body)
        azure.store.write_once("large", body)

        with pytest.raises(AlreadyPublishedError):
            azure.store.write_once("large", other)
        (listed,) = azure.store.list()
        assert azure.store.read_bytes(listed) == body.read_bytes()


class TestAccess:
    def test_a_public_container_is_read_without_credentials(self, azure_server: AzureServer) -> None:
        public, private = azure_server.make_bucket(is_public=True), azure_server.make_bucket()
        for container in (public, private):
            azure_server.put(container, "key", b"bytes")
        store = azure_server.store(public, signer=Unsigned())
        (listed,) = store.list()

        assert read(store, listed, 1, 3) == b"yt"
        with pytest.raises(StoreError, match="cannot list"):
            list(azure_server.store(private, signer=Unsigned()).list())

    def test_a_sas_lists_reads_writes_and_copies(self, azure: Cloud, tmp_path: Path) -> None:
        assert isinstance(azure.server, AzureServer)
        (tmp_path / "body").write_bytes(b"bytes")
        store = azure.server.store(azure.bucket, signer=azure.server.sas())
        store.write_once("a/ä%b", tmp_path / "body")
        (listed,) = store.list()
        store.copy_from(store, listed, "copy")

        assert read(store, listed, 0, 5) == b"bytes"
        assert [info.key for info in store.list()] == ["a/ä%b", "copy"]

    @pytest.mark.parametrize("signer", [SharedKey("sieve", b"x" * 64), Sas("sv=2021-12-02&sp=rl&sig=SECRETSIG")])
    def test_credentials_that_are_refused_are_no_verdict_and_never_shown(self, azure: Cloud, signer: Any) -> None:
        assert isinstance(azure.server, AzureServer)
        azure.put("key", b"bytes")
        (listed,) = azure.store.list()
        store = azure.server.store(azure.bucket, signer=signer, retries=replace(QUICK, read_attempts=2))

        with pytest.raises(TransportError, match=r"AuthenticationFailed|AuthorizationFailure") as raised:
            read(store, listed, 0, 5)
        with pytest.raises(StoreError) as failed:
            list(store.list())

        assert not isinstance(raised.value, ReadRefusedError | NotSentError)
        for text in (str(raised.value), str(failed.value), repr(store), repr(store.service)):
            assert "SECRETSIG" not in text
            assert "xxxx" not in text

    def test_a_store_goes_to_another_process(self, cloud: Cloud) -> None:
        cloud.put("key", b"bytes")
        store = cloud.store
        (listed,) = store.list()
        assert read(store, listed, 0, 5) == b"bytes"

        other = pickle.loads(pickle.dumps(store))

        assert read(other, listed, 0, 5) == b"bytes"
        assert other.location == store.location


async def _read_ahead(store: RestStore, info: ObjectInfo) -> bytes:
    """Read an object in two parts; a 416 says that it has changed, which a look refutes."""
    half = info.size // 2
    while True:
        try:
            first = await store.read(info, start=0, end=half)
            return first + await store.read(info, start=half, end=info.size)
        except ObjectChangedError:
            assert (await store.stat(info.key)).etag == info.etag


def _can_hold(cloud: Cloud, key: str) -> bool:
    """Tell whether a server takes a name as it is."""
    if isinstance(cloud.server, AzureServer):
        return "\\" not in key
    return key not in {".", ".."}


def with_threads(do: Callable[[str], object], keys: list[str]) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(do, keys))
