"""A member of an archive that is read in ranges, without what lies before and behind it."""

import asyncio
import zlib
from dataclasses import dataclass, field

from dicom_sieve.objects import ObjectInfo
from dicom_sieve.settings import KIB, MIB
from dicom_sieve.stores.archives.bounds import MOST_SKIPPED_BYTES
from dicom_sieve.stores.archives.entries import Kind
from dicom_sieve.stores.archives.mark import Mark
from dicom_sieve.stores.archives.spools import unpacked
from dicom_sieve.stores.archives.zip_directory import ENCRYPTED, LOCAL, LOCAL_HEADER
from dicom_sieve.stores.interface import BeyondLimitError, DamagedObjectError, ReadRefusedError, Reads

ROOM_BYTES = 512
"""For name and extra field of a local header, which are read with the first bytes behind it."""
LEAST_PACKED_BYTES, MOST_PACKED_BYTES = 4 * KIB, 1 * MIB
"""Of a compressed member, that are asked for at a time."""
INFLATED_BYTES = 256 * KIB
"""That are inflated at a time."""
_METHODS = {Kind.STORED: 0, Kind.DEFLATED: 8}
_REFUSED = {Kind.ENCRYPTED: "the member is encrypted", Kind.OTHER_METHOD: "its compression is not read here"}


def check_readable(mark: Mark) -> None:
    """Refuse what cannot be read, whatever is asked of it.

    Raises:
        DamagedObjectError: The archive, or the member in it, is damaged.
        BeyondLimitError: The archive exceeds a bound.
        ReadRefusedError: The member is encrypted, or compressed in a way that is not read.
    """
    if mark.kind is Kind.DAMAGED:
        raise DamagedObjectError("the archive is damaged there")
    if mark.kind is Kind.BEYOND_BOUNDS:
        raise BeyondLimitError("the archive has too much in it")
    if mark.kind in _REFUSED:
        raise ReadRefusedError(_REFUSED[mark.kind])


@dataclass(slots=True)
class Member:
    """A member, and how far it was read: what is read on from there is not inflated again.

    Attributes:
        store: That holds the archive.
        archive: As it was listed.
        mark: How the member lies in it.
        size: Of the member, in bytes.
    """

    store: Reads
    archive: ObjectInfo
    mark: Mark
    size: int
    position: int = 0
    _data: int | None = None
    _taken: int = 0
    _waiting: bytes = b""
    _inflating: "zlib._Decompress" = field(default_factory=lambda: zlib.decompressobj(-zlib.MAX_WBITS))
    _crc: int = 0
    _summed: int = 0

    async def read(self, start: int, end: int) -> bytes:
        """Read bytes of the member; see `Reads.read`.

        Where it is read to its end without a gap, its CRC-32 is compared.

        Raises:
            DamagedObjectError: They cannot be made out, or are not those of the CRC.
            ReadRefusedError: Too much would have to be inflated before.
        """
        check_readable(self.mark)
        if self.mark.kind is Kind.DEFLATED:
            data = await self._inflate(start, end)
        elif self.mark.kind is Kind.STORED:
            data = await self._read_stored(start, end)
        elif self.mark.kind is Kind.UNPACKED:
            spool = await unpacked(self.store, self.archive)
            data = spool.read(self.mark.offset + start, self.mark.offset + end)
        else:
            begin = self.mark.offset
            if begin + end > self.mark.archive_size:
                raise DamagedObjectError("it lies behind the end of the archive")
            data = await self.store.read(self.archive, start=begin + start, end=begin + end)
        if len(data) != end - start:
            raise DamagedObjectError("the member is cut")
        self._sum(start, end, data)
        return data

    def _sum(self, start: int, end: int, data: bytes) -> None:
        """Compare the CRC at the end of what was read without a gap; tar has none (APPNOTE 4.4.7)."""
        if self.mark.kind not in _METHODS or start != self._summed:
            return
        self._crc, self._summed = zlib.crc32(data, self._crc), end
        if end == self.size and self._crc != self.mark.crc:
            raise DamagedObjectError("the CRC differs")

    async def _read_stored(self, start: int, end: int) -> bytes:
        if (begin := self._data) is None:
            begin, before = await self._open(end if start < ROOM_BYTES else 0)
            if len(before) >= end:
                return before[start:end]
        return await self.store.read(self.archive, start=begin + start, end=begin + end)

    async def _open(self, wanted: int) -> tuple[int, bytes]:
        """Read the local header, and with it bytes behind: give these, and where they begin, which is kept."""
        offset = self.mark.offset
        end = min(offset + LOCAL_HEADER.size + ROOM_BYTES + wanted, self.mark.archive_size)
        if end - offset < LOCAL_HEADER.size:
            raise DamagedObjectError("it lies behind the end of the archive")
        found = await self.store.read(self.archive, start=offset, end=end)
        signature, _, flags, method, *_, name, extra = LOCAL_HEADER.unpack_from(found)
        is_it = signature == LOCAL and method == _METHODS[self.mark.kind] and not flags & ENCRYPTED
        self._data = begin = offset + LOCAL_HEADER.size + name + extra
        if not is_it or begin + self.mark.packed > self.mark.archive_size:
            raise DamagedObjectError("its local header contradicts the directory")
        return begin, found[begin - offset : begin - offset + self.mark.packed]

    async def _inflate(self, start: int, end: int) -> bytes:
        if start < self.position:  # what lies behind is not kept: begin again
            self._inflating, self.position = zlib.decompressobj(-zlib.MAX_WBITS), 0
            self._taken, self._waiting, self._crc, self._summed = 0, b"", 0, 0
        if start - self.position > MOST_SKIPPED_BYTES:
            raise ReadRefusedError("too much would be inflated before it")
        parts: list[bytes] = []
        while self.position < end:
            out = await self._next(end)
            from_start = max(0, start - self.position)
            self.position += len(out)
            parts.append(out[from_start:])
        if end == self.size and not await self._is_over():
            raise DamagedObjectError("it inflates to more than its directory says")
        return b"".join(parts)

    async def _next(self, end: int) -> bytes:
        """Inflate some bytes, at most up to the end of what is asked for."""
        while True:
            if not self._waiting and not self._inflating.eof:
                self._waiting = await self._take(end - self.position)
            try:
                out = self._inflating.decompress(self._waiting, min(INFLATED_BYTES, end - self.position))
            except zlib.error:
                raise DamagedObjectError("it cannot be inflated") from None
            self._waiting = self._inflating.unconsumed_tail
            if out:
                await asyncio.sleep(0)
                return out
            if self._inflating.eof or (not self._waiting and self._taken == self.mark.packed):
                raise DamagedObjectError("it inflates to less than its directory says")

    async def _take(self, wanted: int) -> bytes:
        """Read more of the compressed bytes: as many as are wanted of the inflated, which are hardly less."""
        left = self.mark.packed - self._taken
        length = min(left, max(LEAST_PACKED_BYTES, min(wanted, MOST_PACKED_BYTES)))
        if self._data is None:
            _, data = await self._open(length)
        elif not length:
            return b""
        else:
            begin = self._data + self._taken
            data = await self.store.read(self.archive, start=begin, end=begin + length)
        self._taken += len(data)
        return data

    async def _is_over(self) -> bool:
        """Tell whether the compressed bytes end where the member does."""
        while True:
            try:
                more = self._inflating.decompress(self._waiting, 1)
            except zlib.error:
                return False
            if more or self._inflating.eof:
                return not more
            self._waiting = self._inflating.unconsumed_tail or await self._take(LEAST_PACKED_BYTES)
            if not self._waiting:
                return False
