"""Whole objects as local files: byte for byte what was listed, or an error and never something else."""

import dataclasses
from pathlib import Path

import pytest

from dicom_sieve.objects import ObjectInfo
from dicom_sieve.stores import DirectoryStore, Retries, S3Access, S3Store
from dicom_sieve.stores.interface import PART_BYTES, ObjectChangedError, ObjectGoneError, TransportError
from tests.conftest import S3Server
from tests.stores.buckets import fill
from tests.support.fault_proxy import fault_proxy

LARGE = bytes(range(251)) * ((2 * PART_BYTES + 1000) // 251)
BODIES = {"empty": b"", "odd//key": b"odd", "one part": LARGE[:PART_BYTES], "three parts": LARGE}


@pytest.fixture(params=["directory", "moto", pytest.param("rgw", marks=pytest.mark.needs_rgw)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> "Place":
    """Somewhere to put objects, and a store that reads them."""
    if request.param == "directory":
        return Place(DirectoryStore(tmp_path / "objects"), None, tmp_path / "objects")
    server: S3Server = request.getfixturevalue(f"{request.param}_server")
    bucket = server.make_bucket()
    return Place(server.store(bucket), server, Path(bucket))


@dataclasses.dataclass
class Place:
    """A store and how to fill it."""

    store: DirectoryStore | S3Store
    server: S3Server | None
    where: Path

    def put(self, key: str, body: bytes) -> ObjectInfo:
        """Put an object, and give it as it is listed."""
        if self.server is not None:
            fill(self.server, str(self.where), {key: body})
        else:
            (self.where / key).parent.mkdir(parents=True, exist_ok=True)
            (self.where / key).write_bytes(body)
        return next(info for info in self.store.list() if info.size == len(body))

    def delete(self, key: str) -> None:
        """Delete an object."""
        if self.server is None:
            (self.where / key).unlink()
        else:
            self.server.client().delete_object(Bucket=str(self.where), Key=key)


@pytest.mark.parametrize("key", BODIES)
def test_a_download_is_the_object_byte_for_byte(place: Place, tmp_path: Path, key: str) -> None:
    place.store.download(place.put(key, BODIES[key]), tmp_path / "copy")

    assert (tmp_path / "copy").read_bytes() == BODIES[key]


def test_an_object_that_changed_is_not_downloaded(place: Place, tmp_path: Path) -> None:
    listed = place.put("key", b"as it was")
    place.put("key", b"as it is now")

    with pytest.raises(ObjectChangedError):
        place.store.download(listed, tmp_path / "copy")


def test_an_object_that_is_gone_is_not_downloaded(place: Place, tmp_path: Path) -> None:
    listed = place.put("key", b"as it was")
    place.delete("key")

    with pytest.raises(ObjectGoneError):
        place.store.download(listed, tmp_path / "copy")


def test_a_file_that_is_there_is_left_alone(place: Place, tmp_path: Path) -> None:
    listed = place.put("key", b"new")
    (tmp_path / "copy").write_bytes(b"of somebody else")

    with pytest.raises(FileExistsError):
        place.store.download(listed, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"of somebody else"


class TestFaults:
    def store(self, server: S3Server, bucket: str, endpoint: str, attempts: int) -> S3Store:
        retries = Retries(request_timeout_seconds=1.0, read_attempts=attempts, first_pause_seconds=0.01)
        return S3Store(S3Access(bucket, "eu-west", endpoint, server.credentials, retries))

    def test_faults_on_the_way_change_nothing(self, moto_server: S3Server, tmp_path: Path) -> None:
        bucket = moto_server.make_bucket()
        bodies = {f"{number}": LARGE[number : number + 1000] for number in range(60)}
        fill(moto_server, bucket, bodies)
        listed = list(moto_server.store(bucket).list())

        with fault_proxy(moto_server.endpoint, probability=0.2, stall_seconds=2.0) as proxy:
            store = self.store(moto_server, bucket, proxy.endpoint, attempts=12)
            for info in listed:
                store.download(info, tmp_path / info.key)

        assert proxy.happened.total() > 5
        assert {info.key: (tmp_path / info.key).read_bytes() for info in listed} == bodies

    def test_faults_that_do_not_end_are_told(self, moto_server: S3Server, tmp_path: Path) -> None:
        bucket = moto_server.make_bucket()
        fill(moto_server, bucket, {"key": b"body"})
        (listed,) = moto_server.store(bucket).list()

        store = self.store(moto_server, bucket, "http://127.0.0.1:9", attempts=2)

        with pytest.raises(TransportError):
            store.download(listed, tmp_path / "copy")
