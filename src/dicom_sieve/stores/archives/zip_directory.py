"""The central directory of a ZIP archive: read from the end, in ranges (PKWARE APPNOTE 6.3.10)."""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dicom_sieve.stores.archives.bounds import LARGEST_SIZE, MOST_DIRECTORY_BYTES, MOST_MEMBERS, MOST_RATIO
from dicom_sieve.stores.archives.entries import BeyondBoundsError, BrokenArchiveError, Entry, Kind, NoArchiveError
from dicom_sieve.stores.archives.ranged import Ranged

LOCAL, CENTRAL, SIGNATURE = b"PK\3\4", b"PK\1\2", b"PK\5\5"
_END, _END_64, _LOCATOR_64 = b"PK\5\6", b"PK\6\6", b"PK\6\7"
END_HEADER = struct.Struct("<4s4H2LH")  # 4.3.16
_END_HEADER_64 = struct.Struct("<4sQ2H2L4Q")  # 4.3.14
_LOCATOR = struct.Struct("<4sLQL")  # 4.3.15
CENTRAL_HEADER = struct.Struct("<4s6H3L5H2L")  # 4.3.12
LOCAL_HEADER = struct.Struct("<4s5H3L2H")  # 4.3.7
TAIL_BYTES = END_HEADER.size + 0xFFFF
"""Bytes from the end in which the end of central directory record begins: its comment is of 65,535 at most."""
_FULL_16, _FULL_32 = 0xFFFF, 0xFFFFFFFF
_STORED, _DEFLATED, _AES = 0, 8, 99
ENCRYPTED = 1 | 1 << 6 | 1 << 13
"""Flags of what is encrypted: the member, strongly, or the central directory itself (4.4.4)."""
_OF_64 = 1
"""ID of the extra field with sizes of 64 bits (4.5.3)."""


@dataclass(frozen=True, slots=True)
class _Directory:
    """Where the central directory lies.

    Attributes:
        start: Offset in the object.
        size: In bytes.
        count: Of its entries; modulo 65,536 where it is not of 64 bits.
        before: Bytes that stand before the archive, as in one that extracts itself.
        is_64: Whether it is said in 64 bits.
    """

    start: int
    size: int
    count: int
    before: int
    is_64: bool


async def list_zip(source: Ranged) -> list[Entry]:
    """List the members of a ZIP archive; folders are none.

    Raises:
        NoArchiveError: The object is none.
        BrokenArchiveError: It has no central directory, or a damaged one.
        BeyondBoundsError: It has too many members, or too large a directory.
    """
    begin = max(0, source.size - TAIL_BYTES)
    tail = await source.read(begin, source.size)
    at = _find_end(tail)
    if at is None:
        raise BrokenArchiveError if await source.read(0, len(LOCAL)) == LOCAL else NoArchiveError
    directory = await _read_end(source, begin + at, tail[at:])
    if directory.size > MOST_DIRECTORY_BYTES or directory.count > MOST_MEMBERS:
        raise BeyondBoundsError
    if directory.start >= begin:
        data = tail[directory.start - begin : directory.start - begin + directory.size]
    else:
        data = await source.read(directory.start, directory.start + directory.size)
    entries = list(_read_entries(data, directory))
    modulus = 1 << 64 if directory.is_64 else 1 << 16
    if len(entries) % modulus != directory.count:
        raise BrokenArchiveError
    return [entry for entry in _apart(entries) if not (entry.name.endswith(b"/") and not entry.size)]


def _find_end(tail: bytes) -> int | None:
    """Find the end of central directory record: the last one whose comment ends with the object, or within it."""
    within = None
    at = tail.rfind(_END)
    while at >= 0:
        if at + END_HEADER.size <= len(tail):
            end = at + END_HEADER.size + END_HEADER.unpack_from(tail, at)[-1]
            if end == len(tail):
                return at
            if within is None and end < len(tail):
                within = at
        at = tail.rfind(_END, 0, at)
    return within


async def _read_end(source: Ranged, at: int, end: bytes) -> _Directory:
    _, disk, first_disk, _, count, size, offset, _ = END_HEADER.unpack_from(end)
    is_64 = _FULL_16 in {disk, first_disk, count} or _FULL_32 in {size, offset}
    if is_64 and (found := await _read_end_64(source, at)) is not None:
        at, disk, first_disk, count, size, offset = found
    else:
        is_64 = False
    start = at - size
    if disk != first_disk or disk or start < 0 or offset > start:
        raise BrokenArchiveError
    return _Directory(start, size, count, start - offset, is_64)


async def _read_end_64(source: Ranged, at: int) -> tuple[int, int, int, int, int, int] | None:
    """Read the record of 64 bits, where there is one: its offset, disks, number of entries, size and offset."""
    if at < _LOCATOR.size:
        return None
    signature, _, record, _ = _LOCATOR.unpack(await source.read(at - _LOCATOR.size, at))
    if signature != _LOCATOR_64:
        return None
    # Where something stands before the archive, offsets are too small; then the record stands before its locator.
    for offset in (record, at - _LOCATOR.size - _END_HEADER_64.size):
        if 0 <= offset <= at - _LOCATOR.size - _END_HEADER_64.size:
            data = await source.read(offset, offset + _END_HEADER_64.size)
            if data.startswith(_END_64):
                *_, disk, first_disk, _, count, size, begin = _END_HEADER_64.unpack(data)
                return offset, disk, first_disk, count, size, begin
    raise BrokenArchiveError


def _read_entries(data: bytes, directory: _Directory) -> Iterator[Entry]:
    at = number = 0
    while at < len(data) and not data.startswith(SIGNATURE, at):
        if not data.startswith(CENTRAL, at) or at + CENTRAL_HEADER.size > len(data):
            raise BrokenArchiveError
        fields = CENTRAL_HEADER.unpack_from(data, at)
        flags, method, crc, packed, size = fields[3], fields[4], *fields[7:10]
        name_length, extra_length, comment_length, offset = *fields[10:13], fields[16]
        begin = at + CENTRAL_HEADER.size
        behind = begin + name_length
        name, extra = data[begin:behind], data[behind : behind + extra_length]
        at = behind + extra_length + comment_length
        number += 1
        if at > len(data):
            raise BrokenArchiveError
        if number > MOST_MEMBERS:
            raise BeyondBoundsError
        size, packed, offset = _in_64_bits(extra, size, packed, offset)
        offset += directory.before
        kind = _kind(flags, method, packed, size)
        if kind is Kind.DAMAGED or offset + LOCAL_HEADER.size + name_length + packed > directory.start:
            yield _damaged(name)
        else:
            yield Entry(name, kind, offset, packed, min(size, LARGEST_SIZE), crc)


def _damaged(name: bytes) -> Entry:
    """Give a member whose sizes are nothing to go by."""
    return Entry(name, Kind.DAMAGED, 0, 0, 1)


def _kind(flags: int, method: int, packed: int, size: int) -> Kind:
    if flags & ENCRYPTED or method == _AES:
        return Kind.ENCRYPTED
    if method == _STORED:
        return Kind.STORED if packed == size else Kind.DAMAGED
    if method == _DEFLATED:
        return Kind.DEFLATED if size <= packed * MOST_RATIO else Kind.DAMAGED
    return Kind.OTHER_METHOD


def _in_64_bits(extra: bytes, size: int, packed: int, offset: int) -> tuple[int, int, int]:
    """Give sizes and offset as the extra field has them, where they do not fit 32 bits (4.5.3)."""
    values = [size, packed, offset]
    wanted = [index for index, value in enumerate(values) if value == _FULL_32]
    if not wanted:
        return size, packed, offset
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        field = extra[at + 4 : at + 4 + length]
        if kind == _OF_64:
            for index, begin in zip(wanted, range(0, len(field) - 7, 8), strict=False):
                values[index] = int.from_bytes(field[begin : begin + 8], "little")
            break
        at += 4 + length
    return values[0], values[1], values[2]


def _apart(entries: Sequence[Entry]) -> Sequence[Entry]:
    """Take members that overlap for damaged: of one block of bytes a bomb makes many members."""
    in_place = sorted((index for index, entry in enumerate(entries) if entry.packed), key=lambda i: entries[i].offset)
    overlapping: set[int] = set()
    last, end = -1, -1
    for index in in_place:
        entry = entries[index]
        if entry.offset < end:
            overlapping |= {last, index}
        if (lies_to := entry.offset + LOCAL_HEADER.size + len(entry.name) + entry.packed) > end:
            last, end = index, lies_to
    if not overlapping:
        return entries
    return [_damaged(entry.name) if index in overlapping else entry for index, entry in enumerate(entries)]
