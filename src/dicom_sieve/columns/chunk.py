"""A chunk: one attribute of the rows of one block, as the ledger stores it.

Rows repeat their values, so a chunk holds each distinct entry once, and a code for each row. A chunk of which all rows
have the same entry holds that entry alone.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import overload

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dicom_sieve.columns.coded import Codes, width_of
from dicom_sieve.errors import DamagedChunkError

Entry = str | None
"""The values of an attribute as one text, see `as_entry`; None: the row has no such attribute."""

END_OF_VALUE = "\0"
"""A NUL never stands in a value: databases cannot hold it (`dicom_sieve.headers.values`)."""
LARGEST_CHUNK = 64 * 1024 * 1024
"""In bytes, before compression. 16,384 rows of 256 bytes each are 4 MiB."""
LARGEST_WRITTEN = 8 * 1024 * 1024
"""In bytes, likewise: several chunks are in memory together. One entry may have more."""
SMALLEST_COMPRESSED = 64
"""In bytes: compression makes shorter chunks longer."""

NO_ENTRY = -1
"""In the place of the length of an entry: there is none."""
_ONE_ENTRY, _PLAIN, _COMPRESSED = b"\x01", b"\x02", b"\x03"
_ABSENT = 0xFFFFFFFF
_NUMBER = np.dtype("<u4")
_CODEC = pa.Codec("zstd", compression_level=3)


class PackedEntries(Sequence[Entry]):
    """Entries of a chunk as their bytes: most columns are judged without a text of each (`columns.judge_numbers`).

    Attributes:
        lengths: Of each entry in bytes; `NO_ENTRY` where the rows have no such attribute.
        data: The bytes of all entries in ASCII, one behind the other.
        numbers: What `dicom_sieve.columns.judge_numbers.read_numbers` read, so that it reads once; else None.
    """

    __slots__ = ("_ends", "_texts", "data", "lengths", "numbers")

    def __init__(self, lengths: NDArray[np.int64], data: bytes) -> None:
        self.lengths, self.data = lengths, data
        self._texts: tuple[Entry, ...] | None = None
        self._ends: NDArray[np.int64] | None = None
        self.numbers: tuple[NDArray[np.float64], NDArray[np.bool_]] | None = None

    @property
    def texts(self) -> tuple[Entry, ...]:
        """The entries, which are cut apart when they are first asked for."""
        if self._texts is None:
            self._texts = tuple(_cut(self.data, self.lengths))
        return self._texts

    def at(self, place: int) -> Entry:
        """Give one of few that are looked at; the others stay bytes."""
        if self._ends is None:
            self._ends = np.cumsum(np.maximum(self.lengths, 0))
        length, end = int(self.lengths[place]), int(self._ends[place])
        return None if length == NO_ENTRY else self.data[end - length : end].decode("ascii")

    def take(self, occurs: NDArray[np.bool_]) -> "PackedEntries":
        """Give those for which a flag is set."""
        data = np.frombuffer(self.data, np.uint8)[np.repeat(occurs, np.maximum(self.lengths, 0))]
        return PackedEntries(self.lengths[occurs], data.tobytes())

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.texts)

    @overload
    def __getitem__(self, place: int) -> Entry: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Entry]: ...
    def __getitem__(self, place: int | slice) -> Entry | Sequence[Entry]:
        return self.texts[place]

    def __eq__(self, other: object) -> bool:
        return self.texts == tuple(other) if isinstance(other, tuple | PackedEntries) else NotImplemented

    __hash__ = None  # type: ignore[assignment] # it is compared with tuples, whose hash it does not have


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """The entries of some rows.

    Attributes:
        entries: Each distinct entry once; where rows of several blocks were joined, several may be equal.
        codes: For each row the place of its entry in `entries`.
    """

    entries: Sequence[Entry]
    codes: Codes

    def rows(self) -> list[Entry]:
        """Give the entry of each row."""
        entries = tuple(self.entries)
        return [entries[code] for code in self.codes.tolist()]

    def at(self, row: int) -> Entry:
        """Give the entry of one row, without a text of each other one."""
        place = int(self.codes[row])
        return self.entries.at(place) if isinstance(self.entries, PackedEntries) else self.entries[place]

    def take(self, rows: NDArray[np.intp]) -> "Column":
        """Give the column of some rows; an entry that none of them has is left out."""
        if len(self.entries) == 1 and len(rows):
            return same_for_all(self.entries[0], len(rows))
        return Column(self.entries, self.codes[rows]).compact()

    def compact(self) -> "Column":
        """Leave out entries that no row has."""
        occurs = np.zeros(len(self.entries), np.bool_)
        occurs[self.codes] = True
        if occurs.all():
            return self
        found, codes = np.flatnonzero(occurs), self.codes
        if not occurs[: len(found)].all():
            places = np.zeros(len(self.entries), codes.dtype)
            places[found] = np.arange(len(found), dtype=codes.dtype)
            codes = places[codes]
        if isinstance(self.entries, PackedEntries):
            return Column(self.entries.take(occurs), codes)
        return Column(tuple(self.entries[place] for place in found.tolist()), codes)


@dataclass(frozen=True, slots=True, eq=False)
class Packed:
    """The entries of rows as their bytes, without a text of each: for what is worked out of very many at once.

    Attributes:
        lengths: Of each entry in bytes, int64; `NO_ENTRY` where the rows have no such attribute.
        data: The bytes of all entries, one behind the other.
        codes: For each row the place of its entry. Several entries may be equal.
    """

    lengths: NDArray[np.int64]
    data: bytes
    codes: Codes

    def as_column(self) -> Column:
        """Give the same column as others have it.

        Raises:
            DamagedChunkError: The bytes are no texts.
        """
        if self.data.isascii():
            return Column(PackedEntries(self.lengths, self.data), self.codes)
        try:
            return Column(tuple(_cut(self.data, self.lengths)), self.codes)
        except ValueError as error:
            raise DamagedChunkError(len(self.codes)) from error

    def take(self, rows: NDArray[np.intp]) -> "Packed":
        """Give the column of some rows, with all entries."""
        return Packed(self.lengths, self.data, self.codes[rows])

    def entries(self) -> list[bytes | None]:
        """Give each entry as its bytes."""
        sizes = np.maximum(self.lengths, 0)
        ends = np.cumsum(sizes)
        bounds = zip((ends - sizes).tolist(), ends.tolist(), (self.lengths == NO_ENTRY).tolist(), strict=True)
        return [None if is_absent else self.data[start:end] for start, end, is_absent in bounds]


def join_packed(parts: Sequence[Packed]) -> Packed:
    """Join the rows of several parts, one behind the other; there is at least one."""
    known, firsts, count = list[Packed](), list[int](), 0
    for part in parts:
        if not known or not _has_same_entries(known[-1], part):
            known.append(part)
            count += len(part.lengths)
        firsts.append(count - len(part.lengths))
    width = width_of(count)
    codes = [part.codes.astype(width, copy=False) + width(first) for part, first in zip(parts, firsts, strict=True)]
    lengths, data = np.concatenate([part.lengths for part in known]), b"".join([part.data for part in known])
    return Packed(lengths, data, np.concatenate(codes))


def _has_same_entries(one: Packed, other: Packed) -> bool:
    return one.data == other.data and np.array_equal(one.lengths, other.lengths)


def as_entry(values: Sequence[str] | None) -> Entry:
    """Give the values of an attribute as one text: each is followed by a NUL. No value is the empty text."""
    return None if values is None else "".join([value + END_OF_VALUE for value in values])


def values_of(entry: Entry) -> tuple[str, ...] | None:
    """Give the values that an entry stands for; None where the attribute is absent."""
    return None if entry is None else tuple(entry.split(END_OF_VALUE)[:-1])


def column_of(rows: Iterable[Entry]) -> Column:
    """Make a column of the entries of rows, in the order of first appearance."""
    places: dict[Entry, int] = {}
    codes = [places.setdefault(entry, len(places)) for entry in rows]
    return Column(tuple(places), np.array(codes, width_of(len(places))))


def columns_of(rows: Sequence[Mapping[str, tuple[str, ...]]]) -> dict[str, Column]:
    """Make a column of each attribute that some rows have, sorted by name; each distinct value is looked at once.

    Args:
        rows: Values of attributes by name. Most rows have the same ones, in the same order.
    """
    alike: dict[tuple[str, ...], list[int]] = {}
    for place, row in enumerate(rows):
        alike.setdefault(tuple(row), []).append(place)
    columns: dict[str, list[tuple[str, ...] | None]] = {}
    for names, places in alike.items():
        of_names = zip(*[rows[place].values() for place in places], strict=True)
        for name, values in zip(names, of_names, strict=True):
            if len(alike) == 1:
                columns[name] = list(values)
                continue
            column = columns.setdefault(name, [None] * len(rows))
            for place, value in zip(places, values, strict=True):
                column[place] = value
    return {name: _column_of_values(columns[name]) for name in sorted(columns)}


def _column_of_values(rows: Sequence[tuple[str, ...] | None]) -> Column:
    places: dict[tuple[str, ...] | None, int] = defaultdict(count().__next__)
    codes = np.fromiter(map(places.__getitem__, rows), np.uint32, len(rows))
    return Column(tuple(map(as_entry, places)), codes.astype(width_of(len(places))))


def same_for_all(entry: Entry, row_count: int) -> Column:
    """Make a column of which all rows have the same entry."""
    return Column((entry,), np.zeros(row_count, np.uint8))


class LargeColumnError(Exception):
    """The entries of a column are more than one chunk holds: fewer rows have to be packed together."""


def encode(column: Column) -> bytes:
    """Pack a column of which at least one row has the attribute.

    Raises:
        LargeColumnError: Several entries exceed `LARGEST_WRITTEN`.
    """
    entries = [b"" if entry is None else entry.encode("utf-8", "surrogatepass") for entry in column.entries]
    if len(entries) == 1:
        return _ONE_ENTRY + entries[0]
    if sum(map(len, entries)) > LARGEST_WRITTEN:
        raise LargeColumnError
    lengths = [_ABSENT if entry is None else len(data) for entry, data in zip(column.entries, entries, strict=True)]
    codes = column.codes.astype(width_of(len(entries)), copy=False)
    body = b"".join([np.array([len(entries), *lengths], _NUMBER).tobytes(), *entries, codes.tobytes()])
    return _pack(body)


def decode(data: bytes, row_count: int) -> Column:
    """Unpack a chunk of a block of `row_count` rows.

    Raises:
        DamagedChunkError: The bytes are not what `encode` gives for that many rows.
    """
    try:
        if data[:1] == _ONE_ENTRY:
            return same_for_all(data[1:].decode("utf-8", "surrogatepass"), row_count)
        return _decode_body(_unpack(data), row_count)
    except (ValueError, IndexError, OSError) as error:  # pyarrow's errors of damaged data are OSErrors
        raise DamagedChunkError(row_count) from error


def decode_packed(data: bytes | None, row_count: int) -> Packed:
    """Unpack a chunk as `decode` does, but for the texts; None: no row has the attribute.

    Raises:
        DamagedChunkError: The bytes are not what `encode` gives for that many rows.
    """
    if data is None or data[:1] == _ONE_ENTRY:
        length, text = (NO_ENTRY, b"") if data is None else (len(data) - 1, data[1:])
        return Packed(np.array([length], np.int64), text, np.zeros(row_count, np.uint8))
    try:
        body = _unpack(data)
        lengths, texts, codes = _parts_of(body, row_count)
    except (ValueError, IndexError, OSError) as error:  # pyarrow's errors of damaged data are OSErrors
        raise DamagedChunkError(row_count) from error
    return Packed(lengths, texts, codes)


def encode_numbers(numbers: NDArray[np.integer]) -> bytes:
    """Pack integers of 64 bits; those that ascend take the least space."""
    return _pack(np.diff(numbers.astype("<i8"), prepend=np.int64(0)).astype("<i8").tobytes())


def decode_numbers(data: bytes, row_count: int) -> NDArray[np.int64]:
    """Unpack what `encode_numbers` gave for `row_count` numbers.

    Raises:
        DamagedChunkError: The bytes are not that.
    """
    try:
        steps = np.frombuffer(_unpack(data), "<i8")
    except (ValueError, OSError) as error:
        raise DamagedChunkError(row_count) from error
    if len(steps) != row_count:
        raise DamagedChunkError(row_count)
    return np.cumsum(steps, dtype=np.int64)


def _pack(body: bytes) -> bytes:
    if len(body) < SMALLEST_COMPRESSED:
        return _PLAIN + body
    packed: bytes = _CODEC.compress(body, asbytes=True)
    return _COMPRESSED + len(body).to_bytes(4, "little") + packed


def _unpack(data: bytes) -> bytes:
    kind, body = data[:1], data[1:]
    if kind == _PLAIN:
        return body
    size = int.from_bytes(body[:4], "little")
    if kind != _COMPRESSED or not 0 < size <= LARGEST_CHUNK:
        raise ValueError
    unpacked: bytes = _CODEC.decompress(body[4:], decompressed_size=size, asbytes=True)
    return unpacked


def _parts_of(body: bytes, row_count: int) -> tuple[NDArray[np.int64], bytes, Codes]:
    """Give the length of each entry, `NO_ENTRY` for "absent", the bytes of all of them, and the codes of the rows."""
    entry_count = int(np.frombuffer(body, _NUMBER, 1)[0])
    lengths = np.frombuffer(body, _NUMBER, entry_count, _NUMBER.itemsize)
    is_absent = lengths == _ABSENT
    texts_start = (entry_count + 1) * _NUMBER.itemsize
    texts_end = int(lengths[~is_absent].sum(dtype=np.int64)) + texts_start
    codes = np.frombuffer(body, width_of(entry_count), row_count, texts_end)
    if texts_end + codes.nbytes != len(body) or (row_count and int(codes.max()) >= entry_count):
        raise ValueError
    return np.where(is_absent, NO_ENTRY, lengths.astype(np.int64)), body[texts_start:texts_end], codes


def _decode_body(body: bytes, row_count: int) -> Column:
    lengths, texts, codes = _parts_of(body, row_count)
    return Column(PackedEntries(lengths, texts) if texts.isascii() else tuple(_cut(texts, lengths)), codes)


def _cut(texts: bytes, lengths: NDArray[np.int64]) -> list[Entry]:
    """Cut entries apart, which stand one behind the other."""
    start, entries = 0, list[Entry]()
    ends = np.cumsum(np.maximum(lengths, 0)).tolist()
    if texts.isascii():  # decoded at once
        text = texts.decode("ascii")
        for end in ends:
            entries.append(text[start:end])
            start = end
    else:
        for end in ends:
            entries.append(texts[start:end].decode("utf-8", "surrogatepass"))
            start = end
    for place in np.flatnonzero(lengths == NO_ENTRY).tolist():
        entries[place] = None
    return entries
