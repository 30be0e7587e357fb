"""Attack: archives of a few kilobytes that take gigabytes of memory, of disk or of time when they are opened."""

import gzip
import json
import struct
import subprocess
import sys
import tarfile
import zlib
from pathlib import Path

import pytest

from dicom_sieve.stores.archives.bounds import MOST_MEMBERS

_READ = """
import asyncio, collections, json, resource, sys, tempfile, time
from pathlib import Path
from dicom_sieve.stores import DirectoryStore
from dicom_sieve.stores.archives.store import ArchivesOpened
from dicom_sieve.stores.read_header import Limits, Meter, read_header
store = ArchivesOpened(DirectoryStore(Path(sys.argv[1])))
before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
async def read(infos):
    return [(await read_header(store, info, Limits(), Meter()))[1].header.defect for info in infos]
infos = list(store.list())
defects = collections.Counter(map(str, asyncio.run(read(infos[:2000]))))
took = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(json.dumps([len(infos), dict(defects), took, time.process_time() - began]))
"""
MOST_KIB = 64 * 1024
MOST_SECONDS = 20
"""Of CPU, on a busy machine."""


def read(root: Path) -> tuple[int, dict[str, int], int]:
    """List a directory and read what is listed in a process of its own: objects, defects, and KiB of memory."""
    command = [sys.executable, "-c", _READ, str(root)]
    count, defects, took, seconds = json.loads(
        subprocess.run(command, capture_output=True, text=True, check=True).stdout
    )
    assert seconds < MOST_SECONDS
    return count, defects, took


def local(name: bytes, crc: int, packed: int, size: int) -> bytes:
    return struct.pack("<4s5H3L2H", b"PK\3\4", 20, 0, 8, 0, 0, crc, packed, size, len(name), 0) + name


def central(name: bytes, crc: int, packed: int, size: int, offset: int) -> bytes:
    fields = (20, 20, 0, 8, 0, 0, crc, packed, size, len(name), 0, 0, 0, 0, 0, offset)
    return struct.pack("<4s6H3L5H2L", b"PK\1\2", *fields) + name


def end(count: int, size: int, offset: int) -> bytes:
    return struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count % 65_536, count % 65_536, size, offset, 0)


def deflated_zeros(size: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return b"".join(packer.compress(bytes(1 << 20)) for _ in range(size >> 20)) + packer.flush()


class TestAnArchive:
    def test_members_that_share_one_block_of_bytes_are_damaged(self, tmp_path: Path) -> None:
        kernel = deflated_zeros(256 << 20)
        names = [b"%05d" % number for number in range(30_000)]
        data = local(names[0], 0, len(kernel), 256 << 20) + kernel
        directory = b"".join(central(name, 0, len(kernel), 256 << 20, 0) for name in names)
        (tmp_path / "a.zip").write_bytes(data + directory + end(len(names), len(directory), len(data)))

        count, defects, took = read(tmp_path)

        assert (count, defects) == (30_000, {"CORRUPT": 2_000})
        assert took < MOST_KIB

    def test_a_member_that_inflates_to_gigabytes_is_read_as_far_as_any_header(self, tmp_path: Path) -> None:
        kernel = deflated_zeros(2 << 30)
        data = local(b"a", 0, len(kernel), 2 << 30) + kernel
        directory = central(b"a", 0, len(kernel), 2 << 30, 0)
        (tmp_path / "a.zip").write_bytes(data + directory + end(1, len(directory), len(data)))

        count, defects, took = read(tmp_path)

        assert (count, defects) == (1, {"NOT_DICOM": 1})
        assert took < MOST_KIB

    def test_a_member_that_says_it_inflates_to_more_than_can_be_is_damaged(self, tmp_path: Path) -> None:
        kernel = deflated_zeros(1 << 20)
        data = local(b"a", 0, len(kernel), 4_000_000_000) + kernel
        directory = central(b"a", 0, len(kernel), 4_000_000_000, 0)
        (tmp_path / "a.zip").write_bytes(data + directory + end(1, len(directory), len(data)))

        assert read(tmp_path)[:2] == (1, {"CORRUPT": 1})

    def test_a_zip_archive_of_more_members_than_are_listed_is_too_large(self, tmp_path: Path) -> None:
        count = MOST_MEMBERS + 1
        directory = central(b"", 0, 0, 1, 0) * count
        (tmp_path / "a.zip").write_bytes(directory + end(count, len(directory), 0))

        listed, defects, _ = read(tmp_path)

        assert (listed, defects) == (1, {"TOO_LARGE": 1})

    def test_a_huge_central_directory_is_not_read(self, tmp_path: Path) -> None:
        size = 3 << 30
        with (tmp_path / "a.zip").open("wb") as file:
            file.truncate(size)
            file.seek(size)
            file.write(end(1, size, 0))

        listed, defects, took = read(tmp_path)

        assert (listed, defects) == (1, {"TOO_LARGE": 1})
        assert took < MOST_KIB

    def test_as_many_members_as_are_listed_take_little_memory(self, tmp_path: Path) -> None:
        directory = b"".join(central(b"d/%06d.dcm" % number, 0, 0, 0, 0) for number in range(MOST_MEMBERS))
        (tmp_path / "a.zip").write_bytes(directory + end(MOST_MEMBERS, len(directory), 0))

        listed, _, took = read(tmp_path)

        assert listed == MOST_MEMBERS
        assert took < 4 * MOST_KIB

    @pytest.mark.parametrize("name", ["a.tgz", "a.tar.gz"])
    def test_a_stream_that_unpacks_beyond_measure_is_too_large(self, tmp_path: Path, name: str) -> None:
        header = tarfile.TarInfo("a")
        header.size = 4 << 30
        with gzip.open(tmp_path / name, "wb", compresslevel=9) as packed:
            packed.write(header.tobuf())
            for _ in range(400):
                packed.write(bytes(1 << 20))

        listed, defects, took = read(tmp_path)

        assert (tmp_path / name).stat().st_size < 2_000_000
        assert (listed, defects) == (1, {"TOO_LARGE": 1})
        assert took < MOST_KIB

    def test_a_tar_archive_of_more_members_than_are_listed_is_too_large(self, tmp_path: Path) -> None:
        block = tarfile.TarInfo("a").tobuf()
        with (tmp_path / "a.tar").open("wb") as file:
            for _ in range(MOST_MEMBERS // 1_000 + 1):
                file.write(block * 1_000)

        listed, defects, _ = read(tmp_path)

        assert (listed, defects) == (1, {"TOO_LARGE": 1})

    def test_many_long_names_of_a_tar_archive_take_little_memory(self, tmp_path: Path) -> None:
        with tarfile.open(tmp_path / "a.tar", "w", format=tarfile.GNU_FORMAT) as archive:
            for number in range(300):
                archive.addfile(tarfile.TarInfo("n" * 1_000_000 + str(number)))

        listed, defects, took = read(tmp_path)

        assert (listed, defects) == (300, {"EMPTY_OBJECT": 300})
        assert took < MOST_KIB

    def test_long_names_of_a_tar_archive_are_bounded(self, tmp_path: Path) -> None:
        header = tarfile.TarInfo("././@LongLink")
        header.type, header.size = tarfile.GNUTYPE_LONGNAME, 3 << 30
        with (tmp_path / "a.tar").open("wb") as file:
            file.write(header.tobuf(tarfile.GNU_FORMAT))
            file.truncate(4 << 30)

        listed, defects, took = read(tmp_path)

        assert (listed, defects) == (1, {"TOO_LARGE": 1})
        assert took < MOST_KIB
