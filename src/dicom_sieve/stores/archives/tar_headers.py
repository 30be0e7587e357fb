"""The headers of a tar archive: walked from one to the next, past the data (POSIX.1-2017 pax, ustar; GNU)."""

import re
import tarfile
from dataclasses import dataclass, field

from dicom_sieve.settings import KIB
from dicom_sieve.stores.archives.bounds import LARGEST_SIZE, MOST_EXTENDED_BYTES, MOST_MEMBERS
from dicom_sieve.stores.archives.entries import BeyondBoundsError, BrokenArchiveError, Entry, Kind, NoArchiveError
from dicom_sieve.stores.archives.names import shortened
from dicom_sieve.stores.archives.ranged import Ranged

BLOCK = tarfile.BLOCKSIZE
AHEAD_BYTES = 32 * KIB
"""Read with a header: small members, and the headers behind them, take no request of their own."""
_NO_DATA = frozenset({tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.DIRTYPE})
_NO_OBJECTS = frozenset({tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE})
_LINKS = frozenset({tarfile.LNKTYPE, tarfile.SYMTYPE})
_LONG = {tarfile.GNUTYPE_LONGNAME: "path", tarfile.GNUTYPE_LONGLINK: "linkpath"}
_PAX = frozenset({tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE})
_BEFORE = frozenset({*_LONG, *_PAX, tarfile.XGLTYPE})
_IS_SPARSE, _SPARSE_NAME = "GNU.sparse.", "GNU.sparse.name"
_MORE_SPARSE = 482
"""Offset in an old GNU header of whether a block with more of the map follows; in such a block it is 504."""
_MORE_SPARSE_AGAIN = 504
_RECORD = re.compile(rb"([0-9]{1,20}) ([^=]+)=")


@dataclass(slots=True)
class _Walk:
    """A tar archive that is being walked.

    Attributes:
        source: What it is read from.
        kind: How its members lie.
        at: Offset of the next header.
        entries: Members so far.
        named: Where the bytes of each name lie that a hard link may lead to.
        said: What stands before a member of its name and size.
    """

    source: Ranged
    kind: Kind
    at: int = 0
    entries: list[Entry] = field(default_factory=list)
    named: dict[bytes, Entry] = field(default_factory=dict)
    said: dict[str, bytes] = field(default_factory=dict)
    _begin: int = 0
    _held: bytes = b""

    async def read(self, start: int, length: int) -> bytes:
        """Give some bytes, or those of them that there are; what lies behind them is read ahead."""
        if not self._begin <= start <= start + length <= self._begin + len(self._held):
            end = min(start + max(length, AHEAD_BYTES), self.source.size)
            self._begin, self._held = start, await self.source.read(start, end) if start < end else b""
        return self._held[start - self._begin : start - self._begin + length]

    async def walk(self) -> None:
        """Walk to the end of the archive, a block of zeros: where there is none, more may be missing."""
        while self.at < self.source.size:
            block = await self.read(self.at, BLOCK)
            if len(block) == BLOCK and not any(block):
                return
            await self._take(_read_header(block), block)
            if len(self.entries) > MOST_MEMBERS:
                raise BeyondBoundsError
        raise BrokenArchiveError

    async def _take(self, header: tarfile.TarInfo, block: bytes) -> None:
        if header.type in _BEFORE:
            await self._hear(header)
            return
        begin = self.at + BLOCK
        said, self.said = self.said, {}
        is_sparse = header.type == tarfile.GNUTYPE_SPARSE or any(name.startswith(_IS_SPARSE) for name in said)
        if header.type == tarfile.GNUTYPE_SPARSE:
            begin = await self._skip_map(begin, block)
        size = _number(said["size"]) if "size" in said else header.size
        size = 0 if header.type in _NO_DATA else size
        self.at = begin + _in_blocks(size)
        if header.type not in _NO_OBJECTS:
            name = shortened(said.get(_SPARSE_NAME) or said.get("path") or _bytes(header.name))
            if header.type in _LINKS:
                entry = self._link(header, said)
            elif is_sparse:
                entry = Entry(name, Kind.OTHER_METHOD, begin, 0, min(size, LARGEST_SIZE))
            else:
                there = max(0, min(size, self.source.size - begin))  # of one that is cut, what is there
                entry = Entry(name, self.kind, begin, there, there)
            self.named[name] = entry._replace(name=name)
            self.entries.append(self.named[name])
        if begin + size > self.source.size:
            raise BrokenArchiveError

    async def _hear(self, header: tarfile.TarInfo) -> None:
        """Take what stands before a member of its name and size; what is said of all members is none of these."""
        begin = self.at + BLOCK
        if header.size > MOST_EXTENDED_BYTES:
            raise BeyondBoundsError
        data = await self.read(begin, header.size)
        if len(data) < header.size:
            raise BrokenArchiveError
        self.at = begin + _in_blocks(header.size)
        if header.type in _LONG:
            self.said[_LONG[header.type]] = data.partition(b"\0")[0]
        elif header.type in _PAX:
            self.said |= _read_pax(data)

    def _link(self, header: tarfile.TarInfo, said: dict[str, bytes]) -> Entry:
        """Give what a hard link leads to; other links, and those that lead to no member, have no bytes."""
        target = self.named.get(shortened(said.get("linkpath") or _bytes(header.linkname)))
        is_hard = header.type == tarfile.LNKTYPE and target is not None
        return target if is_hard and target is not None else Entry(b"", self.kind, 0, 0, 0)

    async def _skip_map(self, begin: int, block: bytes) -> int:
        """Give where the data of an old GNU sparse member begin: behind the blocks of its map."""
        more = block[_MORE_SPARSE]
        while more:
            block = await self.read(begin, BLOCK)
            if len(block) < BLOCK or begin - self.at > MOST_EXTENDED_BYTES:
                raise BrokenArchiveError
            more, begin = block[_MORE_SPARSE_AGAIN], begin + BLOCK
        return begin


async def list_tar(source: Ranged, kind: Kind = Kind.PLAIN) -> list[Entry]:
    """List the members of a tar archive: regular files, and links, which have no bytes unless they lead to a member.

    Args:
        source: What it is read from.
        kind: How its members lie: PLAIN, or UNPACKED.

    Raises:
        NoArchiveError: The object is none.
        BrokenArchiveError: A header is damaged, or the archive is cut; with the members before.
        BeyondBoundsError: It has too many members, or too long names.
    """
    walk = _Walk(source, kind)
    try:
        await walk.walk()
    except BrokenArchiveError:
        if not walk.at and not walk.entries:
            raise NoArchiveError from None
        raise BrokenArchiveError(walk.entries) from None
    return walk.entries


def _read_header(block: bytes) -> tarfile.TarInfo:
    try:
        header = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except (tarfile.HeaderError, ValueError, IndexError):
        raise BrokenArchiveError from None
    if header.size < 0:
        raise BrokenArchiveError
    return header


def _read_pax(data: bytes) -> dict[str, bytes]:
    """Read records ``length keyword=value`` (pax, Extended Header)."""
    said: dict[str, bytes] = {}
    at = 0
    while at < len(data) and data[at]:
        found = _RECORD.match(data, at)
        end = at + int(found[1]) if found else 0
        if found is None or not found.end() < end <= len(data):
            raise BrokenArchiveError
        said[found[2].decode(errors="replace")] = data[found.end() : end - 1]
        at = end
    return said


def _number(text: bytes) -> int:
    if not text.isdigit() or len(text) > len(str(1 << 64)):
        raise BrokenArchiveError
    return int(text)


def _in_blocks(size: int) -> int:
    return -(-size // BLOCK) * BLOCK


def _bytes(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")
