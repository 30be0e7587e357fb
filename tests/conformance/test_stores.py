"""What every store keeps, whatever it stores in: the protocols of `dicom_sieve.stores.interface`."""

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import pytest
from examples.store_memory import BUCKETS, MemoryStore

from dicom_sieve.errors import AlreadyPublishedError
from dicom_sieve.objects import ObjectInfo
from dicom_sieve.stores import DirectoryStore, Store
from dicom_sieve.stores.interface import Downloads, ObjectChangedError, ObjectGoneError
from dicom_sieve.stores.open import OPENERS
from tests.conftest import S3Server
from tests.support.clouds import AzureServer, GcsServer
from tests.support.simulated_store import SimulatedStore

OBJECTS = {"a-": b"0123456789", "a/b": b"bbb", "a0": b"0", "dir/z": b"z" * 20_000, "other": b"o", "ä": b"letter"}
"""The order of their bytes is neither that of parts of a path nor that of letters."""


class StoreWithDownloads(Store, Downloads, Protocol):
    """What can be screened, published to and computed on."""


@dataclass(frozen=True)
class Held:
    """A store, and how what it holds is changed behind its back."""

    store: StoreWithDownloads
    put: Callable[[str, bytes], object]
    delete: Callable[[str], object]

    def listed(self, key: str) -> ObjectInfo:
        """Give an object as it is listed."""
        return next(info for info in self.store.list() if info.key == key)

    def read(self, listed: ObjectInfo, start: int, end: int) -> bytes:
        """Read a range."""
        return asyncio.run(self.store.read(listed, start=start, end=end))


def directory(request: pytest.FixtureRequest) -> Held:
    root: Path = request.getfixturevalue("tmp_path") / "objects"

    def put(key: str, data: bytes) -> None:
        path = root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_bytes(data)

    root.mkdir()
    return Held(DirectoryStore(root), put, lambda key: (root / key).unlink())


def s3(request: pytest.FixtureRequest) -> Held:
    server: S3Server = request.getfixturevalue("moto_server")
    bucket, client = server.make_bucket(), server.client()
    return Held(
        server.store(bucket),
        lambda key, data: client.put_object(Bucket=bucket, Key=key, Body=data),
        lambda key: client.delete_object(Bucket=bucket, Key=key),
    )


def gcs(request: pytest.FixtureRequest) -> Held:
    server: GcsServer = request.getfixturevalue("gcs_server")
    bucket = server.make_bucket()
    return Held(server.store(bucket), partial(server.put, bucket), partial(server.delete, bucket))


def azure(request: pytest.FixtureRequest) -> Held:
    server: AzureServer = request.getfixturevalue("azure_server")
    container = server.make_bucket()
    return Held(server.store(container), partial(server.put, container), partial(server.delete, container))


def memory(request: pytest.FixtureRequest) -> Held:
    store = MemoryStore(uuid.uuid4().hex)
    request.addfinalizer(lambda: BUCKETS.pop(store.bucket, None))
    return Held(store, store.put, store.delete)


def simulated(request: pytest.FixtureRequest) -> Held:
    del request
    store = SimulatedStore()
    return Held(store, store.put, store.delete)


MAKERS = {"file": directory, "s3": s3, "gs": gcs, "az": azure, "memory": memory, "simulated": simulated}


@pytest.fixture(params=MAKERS)
def empty(request: pytest.FixtureRequest) -> Held:
    """A store that holds nothing."""
    return MAKERS[request.param](request)


@pytest.fixture
def held(empty: Held) -> Held:
    """A store that holds `OBJECTS`."""
    for key in reversed(OBJECTS):
        empty.put(key, OBJECTS[key])
    return empty


def body(folder: Path, data: bytes) -> Path:
    path = folder / uuid.uuid4().hex
    path.write_bytes(data)
    return path


def test_every_store_of_the_registry_is_tested_here() -> None:
    assert set(OPENERS) <= set(MAKERS)


class TestLists:
    def test_every_object_in_the_order_of_the_bytes_of_keys(self, held: Held) -> None:
        listed = list(held.store.list())

        assert [(info.key, info.size) for info in listed] == [(key, len(data)) for key, data in OBJECTS.items()]
        assert all(info.etag and '"' not in info.etag for info in listed)
        assert all(info.last_modified.tzinfo is not None for info in listed)

    def test_nothing_where_nothing_is(self, empty: Held) -> None:
        assert list(empty.store.list()) == []

    def test_the_same_etag_as_long_as_nothing_changes(self, held: Held) -> None:
        assert list(held.store.list()) == list(held.store.list())

    def test_addresses_that_begin_with_its_own(self, held: Held) -> None:
        location = held.store.location
        assert location.uri("a0").startswith(str(location))
        assert location.uri("a0").endswith("/a0")


class TestReads:
    @pytest.mark.parametrize(("start", "end"), [(0, 10), (0, 1), (9, 10), (3, 7)])
    def test_exactly_the_bytes_asked_for(self, held: Held, start: int, end: int) -> None:
        assert held.read(held.listed("a-"), start, end) == OBJECTS["a-"][start:end]

    def test_no_bytes_of_an_object_that_has_changed(self, held: Held) -> None:
        listed = held.listed("a-")
        held.put("a-", b"9876543210")

        with pytest.raises(ObjectChangedError):
            held.read(listed, 0, 4)
        assert held.read(held.listed("a-"), 0, 4) == b"9876"

    def test_no_bytes_of_an_object_that_is_gone(self, held: Held) -> None:
        listed = held.listed("a-")
        held.delete("a-")

        with pytest.raises(ObjectGoneError):
            held.read(listed, 0, 4)

    def test_what_an_object_is_now(self, held: Held) -> None:
        listed = held.listed("dir/z")
        found = asyncio.run(held.store.stat("dir/z"))

        assert (found.key, found.etag, found.size) == (listed.key, listed.etag, listed.size)
        with pytest.raises(ObjectGoneError):
            asyncio.run(held.store.stat("dir/none"))


class TestDownloads:
    @pytest.mark.parametrize("key", OBJECTS)
    def test_whole_objects(self, held: Held, key: str, tmp_path: Path) -> None:
        held.store.download(held.listed(key), tmp_path / "target")

        assert (tmp_path / "target").read_bytes() == OBJECTS[key]

    def test_none_that_has_changed_or_is_gone(self, held: Held, tmp_path: Path) -> None:
        changed, gone = held.listed("a-"), held.listed("a0")
        held.put("a-", b"as it is now")
        held.delete("a0")

        with pytest.raises(ObjectChangedError):
            held.store.download(changed, tmp_path / "changed")
        with pytest.raises(ObjectGoneError):
            held.store.download(gone, tmp_path / "gone")


class TestWrites:
    def test_what_is_listed_and_read_then(self, empty: Held, tmp_path: Path) -> None:
        empty.store.write_once("run/part", body(tmp_path, b"bytes"))

        assert [info.key for info in empty.store.list()] == ["run/part"]
        assert empty.read(empty.listed("run/part"), 0, 5) == b"bytes"

    def test_the_same_bytes_twice(self, held: Held, tmp_path: Path) -> None:
        for _ in range(2):
            held.store.write_once("run/part", body(tmp_path, b"bytes"))

        assert held.read(held.listed("run/part"), 0, 5) == b"bytes"

    def test_no_other_bytes_in_place_of_what_is_there(self, held: Held, tmp_path: Path) -> None:
        held.store.write_once("run/part", body(tmp_path, b"bytes"))

        for data in (b"other", b"longer bytes"):
            with pytest.raises(AlreadyPublishedError):
                held.store.write_once("run/part", body(tmp_path, data))
        assert held.read(held.listed("run/part"), 0, 5) == b"bytes"

    def test_what_is_found_then(self, held: Held) -> None:
        found, listed = held.store.find("a/b"), held.listed("a/b")

        assert found is not None
        assert (found.key, found.etag, found.size) == (listed.key, listed.etag, listed.size)
        assert held.store.find("none") is None
