"""Archives of tar.gz, unpacked to a temporary file: such a stream can only be read from its beginning.

The file has no name, so that nobody else opens it, and it is gone with the process. A process keeps the last few.
"""

import asyncio
import os
import tempfile
import weakref
import zlib
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO

from dicom_sieve.objects import Location, ObjectInfo
from dicom_sieve.settings import MIB
from dicom_sieve.stores.archives.bounds import (
    FREE_UNPACKED_BYTES,
    MOST_UNPACKED_BYTES,
    MOST_UNPACKED_RATIO,
    SPOOLS_KEPT,
)
from dicom_sieve.stores.archives.entries import BeyondBoundsError, NoArchiveError
from dicom_sieve.stores.archives.kept import Once
from dicom_sieve.stores.interface import BeyondLimitError, DamagedObjectError, Reads, TransportError

PIECE_BYTES = 4 * MIB
_GZIP = b"\x1f\x8b"
_AS_GZIP = 16 + zlib.MAX_WBITS


@dataclass(frozen=True, eq=False)
class Spool:
    """What an archive unpacks to.

    Attributes:
        file: That holds it; closed when nobody has it any more.
        size: In bytes.
        is_whole: Whether the stream ended as it should.
    """

    file: BinaryIO
    size: int
    is_whole: bool

    def __post_init__(self) -> None:
        weakref.finalize(self, self.file.close)

    def read(self, start: int, end: int) -> bytes:
        """Give bytes of it.

        Raises:
            DamagedObjectError: There are no such bytes.
        """
        data = os.pread(self.file.fileno(), end - start, start)
        if len(data) != end - start:
            raise DamagedObjectError("the archive is damaged before its end")
        return data


_spools: Once[Spool] = Once(SPOOLS_KEPT)


async def unpacked(store: Reads, archive: ObjectInfo) -> Spool:
    """Give what an archive unpacks to, if it is still the one that was listed.

    It is read once, by one of those who ask at the same time; else one byte is, which is bound to its etag.

    Raises:
        DamagedObjectError: It is no archive of this kind.
        BeyondLimitError: It unpacks to more than is allowed.
        ObjectChangedError: As `Reads.read` does, and its other errors.
    """
    try:
        if _spools.has(_key(store, archive)):
            await store.read(archive, start=0, end=1)
        return await spool_of(store, archive)
    except NoArchiveError:
        raise DamagedObjectError("it is no archive") from None
    except BeyondBoundsError:
        raise BeyondLimitError("the archive has too much in it") from None


async def spool_of(store: Reads, archive: ObjectInfo) -> Spool:
    """Do as `unpacked`, with the errors of who lists archives."""
    return await _spools.get(_key(store, archive), partial(_unpack, store, archive))


def _key(store: Reads, archive: ObjectInfo) -> tuple[Location | None, str, str]:
    return getattr(store, "location", None), archive.key, archive.etag


async def _unpack(store: Reads, archive: ObjectInfo) -> Spool:
    most = min(MOST_UNPACKED_BYTES, archive.size * MOST_UNPACKED_RATIO + FREE_UNPACKED_BYTES)
    unpacking = _Unpacking(most)
    try:
        await _fill(unpacking, store, archive)
    except BaseException:
        unpacking.file.close()
        raise
    return Spool(unpacking.file, unpacking.size, unpacking.is_whole)


async def _fill(unpacking: "_Unpacking", store: Reads, archive: ObjectInfo) -> None:
    for start in range(0, archive.size, PIECE_BYTES):
        data = await store.read(archive, start=start, end=min(start + PIECE_BYTES, archive.size))
        if not start and not data.startswith(_GZIP):
            raise NoArchiveError
        try:
            goes_on = await asyncio.to_thread(unpacking.add, data)
            unpacking.file.flush()
        except OSError as error:  # of the disk
            raise TransportError(os.strerror(error.errno or 0)) from None
        if not goes_on:
            break


class _Unpacking:
    """A stream of gzip that is unpacked to a file; several may follow each other (RFC 1952, 2.2).

    Args:
        most: Bytes that it may unpack to.
    """

    def __init__(self, most: int) -> None:
        self.file: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115 - it is closed by who reads it last
        self.size = 0
        self._most = most
        self._stream = zlib.decompressobj(_AS_GZIP)
        self._is_begun = self._is_broken = False

    @property
    def is_whole(self) -> bool:
        """Whether no stream is damaged, or cut."""
        return not self._is_broken and not self._is_begun

    def add(self, data: bytes) -> bool:
        """Unpack bytes; False where none need to follow."""
        is_full = False  # then there may be more to come, whether or not data are left
        while data or is_full:
            if not self._is_begun:
                if not data.startswith(_GZIP[: len(data)]):  # zeros that fill a block, or what is no gzip
                    return False
                self._stream, self._is_begun = zlib.decompressobj(_AS_GZIP), True
            try:
                out = self._stream.decompress(data, PIECE_BYTES)
            except zlib.error:
                self._is_broken = True
                return False
            self.size += len(out)
            if self.size > self._most:
                raise BeyondBoundsError
            self.file.write(out)
            is_full = len(out) == PIECE_BYTES
            data = self._stream.unconsumed_tail
            if self._stream.eof:
                data, self._is_begun, is_full = self._stream.unused_data, False, False
        return True
