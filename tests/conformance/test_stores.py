"""What every store keeps, whatever it stores in: the protocols of `dicom_sieve.stores.interface`."""

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any, Protocol, cast

import pydicom
import pytest
from examples.store_memory import BUCKETS, MemoryStore

from dicom_sieve.errors import AlreadyPublishedError, StoreError
from dicom_sieve.objects import ObjectInfo
from dicom_sieve.stores import DirectoryStore, Store
from dicom_sieve.stores.archives.store import ArchivesOpened
from dicom_sieve.stores.dicomweb.access import key_of, uids_of
from dicom_sieve.stores.dicomweb.store import DicomWebStore
from dicom_sieve.stores.endpoints import EndpointRules
from dicom_sieve.stores.interface import (
    Copies,
    Downloads,
    ObjectChangedError,
    ObjectGoneError,
    TellsHeaders,
    ToldHeader,
)
from dicom_sieve.stores.open import OPENERS, READ_ONLY
from tests.conftest import S3Server
from tests.security.certificates import make_server_context
from tests.stores.archives.packed import PACKERS
from tests.support.builders import make_instance
from tests.support.clouds import AzureServer, GcsServer
from tests.support.counting_proxy import count_requests
from tests.support.orthanc import Orthanc
from tests.support.simulated_store import SimulatedStore

Contents = dict[str, bytes]
OBJECTS: Contents = {
    "a-": b"0123456789",
    "a/b": b"bbb",
    "a0": b"0",
    "dir/z": b"z" * 20_000,
    "other": b"o",
    "ä": b"letter",
}
"""The order of their bytes is neither that of parts of a path nor that of letters."""


class StoreWithDownloads(Store, Downloads, Protocol):
    """What can be screened, published to and computed on."""


@dataclass(frozen=True)
class Held:
    """A store, and how what it holds is changed behind its back.

    Attributes:
        store: The store.
        put: Writes or overwrites an object.
        delete: Deletes one.
        objects: What it can hold, in the order of the bytes of keys: a PACS holds instances alone.
        other: What may come in place of the first of them.
    """

    store: StoreWithDownloads
    put: Callable[[str, bytes], object]
    delete: Callable[[str], object]
    objects: Contents = field(default_factory=lambda: OBJECTS)
    other: bytes = b"9876543210"

    @property
    def first(self) -> str:
        """The first key."""
        return next(iter(self.objects))

    @property
    def last(self) -> str:
        """The last key."""
        return list(self.objects)[-1]

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


def archive(request: pytest.FixtureRequest, name: str) -> Held:
    """One archive in a directory: what is put is packed again."""
    root: Path = request.getfixturevalue("tmp_path") / "objects"
    root.mkdir()
    members: Contents = {}

    def pack() -> None:
        (root / name).unlink(missing_ok=True)
        if members:
            (root / name).write_bytes(PACKERS[name](members))

    def put(key: str, data: bytes) -> None:
        members[key.partition("!/")[2]] = data
        pack()

    def delete(key: str) -> None:
        del members[key.partition("!/")[2]]
        pack()

    objects = {f"{name}!/{key}": data for key, data in OBJECTS.items()}
    return Held(ArchivesOpened(DirectoryStore(root)), put, delete, objects)


def memory(request: pytest.FixtureRequest) -> Held:
    store = MemoryStore(uuid.uuid4().hex)
    request.addfinalizer(lambda: BUCKETS.pop(store.bucket, None))
    return Held(store, store.put, store.delete)


def simulated(request: pytest.FixtureRequest) -> Held:
    del request
    store = SimulatedStore()
    return Held(store, store.put, store.delete)


def pacs(request: pytest.FixtureRequest) -> Held:
    """Orthanc, over http."""
    server: Orthanc = request.getfixturevalue("pacs")
    return _held_by(server, server.store())


def pacs_over_https(request: pytest.FixtureRequest) -> Held:
    """Orthanc behind a proxy that ends TLS, whose authority is the deployment's own."""
    server: Orthanc = request.getfixturevalue("pacs")
    tls, authority = make_server_context(request.getfixturevalue("tmp_path"), "127.0.0.1")
    proxy = count_requests(server.root, tls)
    root = proxy.__enter__().root
    request.addfinalizer(lambda: proxy.__exit__(None, None, None))
    return _held_by(server, server.store(root=root, rules=EndpointRules(ca_bundle=str(authority))))


def _held_by(server: Orthanc, store: DicomWebStore) -> Held:
    first, *others = [_instance(*uids) for uids in (("1.2.3", "4", "5"), ("1.2.3", "4", "6"), ("1.2", "3", "4"))]
    objects = dict(sorted([first, *others]))
    _, other = _instance("1.2.3", "4", "5", PatientAge="018M")
    return Held(
        store, lambda _, data: server.put(data), lambda key: server.delete(uids_of(key)[-1]), objects, other=other
    )


def _instance(study: str, series: str, uid: str, **attributes: Any) -> tuple[str, bytes]:
    made = make_instance(StudyInstanceUID=study, series_instance_uid=series, SOPInstanceUID=uid, **attributes)
    return key_of(study, series, uid), made


MAKERS: dict[str, Callable[[pytest.FixtureRequest], Held]] = {
    "file": directory,
    "s3": s3,
    "gs": gcs,
    "az": azure,
    "memory": memory,
    "simulated": simulated,
    **{name: partial(archive, name=name) for name in ("stored.zip", "deflated.zip", "plain.tar", "packed.tgz")},
    "dicomweb+http": pacs,
    "dicomweb+https": pacs_over_https,
}
ALL = [pytest.param(name, marks=pytest.mark.needs_orthanc) if name in READ_ONLY else name for name in MAKERS]
WRITTEN_TO = [name for name in MAKERS if name not in READ_ONLY]
READ_ONLY_ALONE = [pytest.param(name, marks=pytest.mark.needs_orthanc) for name in MAKERS if name in READ_ONLY]


@pytest.fixture(params=ALL)
def empty(request: pytest.FixtureRequest) -> Held:
    """A store that holds nothing."""
    return MAKERS[request.param](request)


@pytest.fixture
def held(empty: Held) -> Held:
    """A store that holds its objects."""
    for key in reversed(empty.objects):
        empty.put(key, empty.objects[key])
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

        assert [(info.key, info.size) for info in listed] == [(key, len(data)) for key, data in held.objects.items()]
        assert all(info.etag and '"' not in info.etag for info in listed)
        assert all(info.last_modified.tzinfo is not None for info in listed)

    def test_nothing_where_nothing_is(self, empty: Held) -> None:
        assert list(empty.store.list()) == []

    def test_the_same_etag_as_long_as_nothing_changes(self, held: Held) -> None:
        assert list(held.store.list()) == list(held.store.list())

    def test_addresses_that_begin_with_its_own(self, held: Held) -> None:
        location = held.store.location
        assert location.uri(held.last).startswith(str(location))
        assert location.uri(held.last).endswith(f"/{held.last}")


class TestReads:
    @pytest.mark.parametrize(("start", "end"), [(0, 10), (0, 1), (9, 10), (3, 7)])
    def test_exactly_the_bytes_asked_for(self, held: Held, start: int, end: int) -> None:
        assert held.read(held.listed(held.first), start, end) == held.objects[held.first][start:end]

    def test_no_bytes_of_an_object_that_has_changed(self, held: Held) -> None:
        listed = held.listed(held.first)
        held.put(held.first, held.other)

        with pytest.raises(ObjectChangedError):
            held.read(listed, 0, 4)
        assert held.read(held.listed(held.first), 0, 10) == held.other[:10]

    def test_no_bytes_of_an_object_that_is_gone(self, held: Held) -> None:
        listed = held.listed(held.first)
        held.delete(held.first)

        with pytest.raises(ObjectGoneError):
            held.read(listed, 0, 4)

    def test_what_an_object_is_now(self, held: Held) -> None:
        listed = held.listed(held.last)
        found = asyncio.run(held.store.stat(held.last))

        assert (found.key, found.etag, found.size) == (listed.key, listed.etag, listed.size)
        for none in (f"{held.last}.0", "dir/none"):
            with pytest.raises(ObjectGoneError):
                asyncio.run(held.store.stat(none))


class TestTellsHeaders:
    """What a PACS has instead of ranges that are worth reading."""

    @pytest.fixture(params=READ_ONLY_ALONE)
    def empty(self, request: pytest.FixtureRequest) -> Held:
        """A store that holds nothing, and tells headers."""
        return MAKERS[request.param](request)

    def tell(self, held: Held, listed: ObjectInfo) -> ToldHeader:
        """Ask for a header."""
        assert isinstance(held.store, TellsHeaders)
        return asyncio.run(held.store.tell(listed))

    def test_the_header_of_every_object(self, held: Held) -> None:
        for info in held.store.list():
            told = pydicom.dcmread(BytesIO(self.tell(held, info).data))

            assert key_of(told.StudyInstanceUID, told.SeriesInstanceUID, told.SOPInstanceUID) == info.key

    def test_none_of_an_object_that_has_changed_or_is_gone(self, held: Held) -> None:
        changed, gone = held.listed(held.first), held.listed(held.last)
        held.put(held.first, held.other)
        held.delete(held.last)

        with pytest.raises(ObjectChangedError):
            self.tell(held, changed)
        with pytest.raises(ObjectGoneError):
            self.tell(held, gone)
        assert b"018M" in self.tell(held, held.listed(held.first)).data


class TestDownloads:
    def test_whole_objects(self, held: Held, tmp_path: Path) -> None:
        for number, (key, data) in enumerate(held.objects.items()):
            held.store.download(held.listed(key), tmp_path / f"target-{number}")

            assert (tmp_path / f"target-{number}").read_bytes() == data

    def test_none_that_has_changed_or_is_gone(self, held: Held, tmp_path: Path) -> None:
        changed, gone = held.listed(held.first), held.listed(held.last)
        held.put(held.first, held.other)
        held.delete(held.last)

        with pytest.raises(ObjectChangedError):
            held.store.download(changed, tmp_path / "changed")
        with pytest.raises(ObjectGoneError):
            held.store.download(gone, tmp_path / "gone")


class TestFinds:
    def test_an_object_that_is_there(self, held: Held) -> None:
        found, listed = held.store.find(held.last), held.listed(held.last)

        assert found is not None
        assert (found.key, found.etag, found.size) == (listed.key, listed.etag, listed.size)
        assert held.store.find("none") is None


class TestWrites:
    @pytest.fixture(params=WRITTEN_TO)
    def empty(self, request: pytest.FixtureRequest) -> Held:
        """A store that holds nothing, and can be written to."""
        return MAKERS[request.param](request)

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


class TestReadOnly:
    """What a PACS lacks: nothing is written to it, nor copied."""

    @pytest.fixture(params=READ_ONLY_ALONE)
    def empty(self, request: pytest.FixtureRequest) -> Held:
        """A store that holds nothing, and is only read."""
        return MAKERS[request.param](request)

    def test_nothing_is_written(self, held: Held, tmp_path: Path) -> None:
        before, place = list(held.store.list()), cast(Copies, held.store)

        with pytest.raises(StoreError, match="a PACS is only read"):
            held.store.write_once(key_of("1", "2", "3"), body(tmp_path, b"bytes"))
        with pytest.raises(StoreError, match="a PACS is only read"):
            place.copy_from(held.store, before[0], key_of("1", "2", "3"))
        assert list(held.store.list()) == before
