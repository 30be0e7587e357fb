"""Comparing headers with their digests, made again from the values in their blocks; and blocks with theirs."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from dicom_sieve.columns.chunk import Column, as_entry, decode, decode_numbers, same_for_all, values_of
from dicom_sieve.errors import DamagedChunkError, LedgerError
from dicom_sieve.headers.header import digest_content
from dicom_sieve.ledger.audit.damage import Damage, Kind
from dicom_sieve.ledger.audit.sealed_rows import stream
from dicom_sieve.ledger.database.chunks import (
    DIGEST,
    DIGEST_BYTES,
    EXTENT,
    ID,
    OWN_NAMES,
    PATIENT,
    SERIES,
    STUDY,
    BlockKind,
    digest_chunks,
    series_number,
)
from dicom_sieve.ledger.database.decisions import decisions
from dicom_sieve.ledger.database.entries import Entry, EntryKind
from dicom_sieve.ledger.database.extents import write_extent
from dicom_sieve.ledger.database.header_values import values_of_headers
from dicom_sieve.ledger.database.tables import block, chunk, header, seal_entry

Ids = NDArray[np.int64]
Marks = Mapping[object, str | None]
"""The mark of each edition in the digests of its headers, by number."""
Texts = tuple[str, ...]
_FACTS = (DIGEST, EXTENT, SERIES, STUDY, PATIENT)
_IDS_A_QUERY = 500
_RAW = sa.types.NullType()
"""Gives what SQLite holds, which may be of any type where somebody edited it."""


class _Row(NamedTuple):
    """A header as the database holds it."""

    id: int
    digest: Any
    study: Any
    series: Any
    sop_class: Any
    defect: Any
    patient: Any
    damage: Any
    unreadable_from: Any
    edition: Any

    def digest_with(self, attributes: Mapping[str, Sequence[str]], marks: Marks) -> str:
        """Give the digest of its content; an empty text where no header has such a content."""
        if self.edition not in marks:
            return ""  # there is no such edition
        try:
            return digest_content(
                self.study,
                self.series,
                self.sop_class,
                attributes,
                self.defect,
                patient=self.patient,
                damage=self.damage,
                unreadable_from=self.unreadable_from,
                edition=marks[self.edition],
            )
        except (ValueError, TypeError, AttributeError):  # malformed
            return ""

    @property
    def extent(self) -> str | None:
        """How far it was read, as its block says it."""
        return write_extent(self.defect, self.damage, self.unreadable_from, has_series=self.series is not None)


def recount_headers(
    connection: sa.Connection,
    run_number: int | None,
    tell: Callable[[int], None],
    add: Callable[[Damage], None],
    advance: Callable[[int], None],
) -> int:
    """Compare the headers of a run, or all, and the blocks that have them; give the number of headers.

    Args:
        connection: Of the ledger.
        run_number: Number of the run; None: all headers.
        tell: Called with the id of each header whose content differs from its digest.
        add: Called with every other damage.
        advance: Called with the number of headers that were read.
    """
    wanted = None if run_number is None else _decided(connection, run_number)
    highest = connection.scalar(sa.select(sa.func.max(header.c.id)))
    recount = _Recount(connection, _marks(connection), wanted, tell, add, np.zeros((highest or 0) + 1, np.bool_))
    for row in connection.execute(_blocks(wanted)).all():
        advance(recount.compare(row))
    if wanted is None:
        recount.find_orphans()
    return recount.headers + recount.find_left_out()


def digest_header(connection: sa.Connection, header_id: int) -> tuple[str, str] | None:
    """Give the recorded digest of a header, and that of its present content; None where there is no such header."""
    for row in _rows(connection, [header_id]):
        try:
            attributes = values_of_headers(connection, [header_id])[header_id]
        except (DamagedChunkError, LedgerError):
            return str(row.digest), ""
        return str(row.digest), row.digest_with(attributes, _marks(connection))
    return None


def _decided(connection: sa.Connection, run_number: int) -> Ids:
    of_run = decisions.headers(decisions.run_number == run_number).subquery("decided")
    return np.unique(np.array(connection.scalars(sa.select(of_run.c.header_id)).all(), np.int64))


def _blocks(wanted: Ids | None) -> sa.Select[Any]:
    columns = (sa.type_coerce(column, _RAW).label(column.name) for column in block.c)
    query = (
        sa.select(*columns)
        .where((block.c.kind != BlockKind.OBJECT) | block.c.location_id.is_(None))
        .order_by(block.c.id)
    )
    if wanted is None:
        return query
    if not len(wanted):
        return query.where(sa.false())
    return query.where(block.c.first_id <= int(wanted[-1]), block.c.last_id >= int(wanted[0]))


def _marks(connection: sa.Connection) -> Marks:
    """Give marks as they were entered."""
    marks: dict[object, str | None] = {1: None}
    query = sa.select(seal_entry.c.id, seal_entry.c.kind, seal_entry.c.subject, seal_entry.c.content, seal_entry.c.seal)
    for row in connection.execute(query.where(seal_entry.c.kind == EntryKind.EDITION)):
        entry = Entry(*row)
        marks[entry.subject] = str(entry.read().get("edition"))
    return marks


def _rows(connection: sa.Connection, ids: Sequence[int]) -> Iterator[_Row]:
    """Give the rows of headers whose ids ascend."""
    columns = header.c
    names = ("id", "digest", "study_instance_uid", "series_instance_uid", "sop_class_uid", "defect", "patient")
    query = sa.select(*(columns[name] for name in (*names, "damage", "unreadable_from", "edition")))
    for start in range(0, len(ids), _IDS_A_QUERY):
        some = set(ids[start : start + _IDS_A_QUERY])
        are_near = columns.id.between(min(some), max(some))
        yield from (_Row(*row) for row in connection.execute(query.where(are_near)) if row[0] in some)


@dataclass(slots=True)
class _Recount:
    connection: sa.Connection
    marks: Marks
    wanted: Ids | None
    tell: Callable[[int], None]
    add: Callable[[Damage], None]
    seen: NDArray[np.bool_]
    headers: int = 0
    _unknown: list[tuple[int, int]] = field(default_factory=list)
    """Ranges of ids of blocks of which it is not known which headers they have."""

    def compare(self, row: Any) -> int:
        """Compare a block, and its headers; give their number."""
        query = sa.select(chunk.c.tag, sa.type_coerce(chunk.c.data, _RAW)).where(chunk.c.block_id == row.id)
        chunks = {tag: data if isinstance(data, bytes) else repr(data).encode() for tag, data in self._raw(query)}
        content = _Content(row.id, chunks, self.add)
        if not content.fits(row):
            self._edited(row.id)
        if content.ids is None:
            self._unknown.append((_number(row.first_id, 0), _number(row.last_id, 2**62)))
            return 0
        known = content.ids[content.ids < len(self.seen)]
        if self.seen[known].any():
            self.add(Damage(Kind.ADDED, "block", row.id))
        self.seen[known] = True
        return self._compare_headers(row, content, content.ids)

    def find_orphans(self) -> None:
        """Name missing blocks of which there are chunks."""
        is_orphan = chunk.c.block_id.not_in(sa.select(block.c.id))
        for block_id in self.connection.scalars(sa.select(chunk.c.block_id).distinct().where(is_orphan)).all():
            self.add(Damage(Kind.MISSING, "block", block_id))

    def find_left_out(self) -> int:
        """Name the headers that no block has, and give their number."""
        left_out = 0
        if self.wanted is None:
            ids: Iterable[int] = (row[0] for row in stream(self.connection, sa.select(header.c.id)))
        else:
            ids = [row.id for row in _rows(self.connection, self.wanted.tolist())]
        for header_id in ids:
            if not self.seen[header_id]:
                left_out += 1
                if not any(first <= header_id <= last for first, last in self._unknown):
                    self.add(Damage(Kind.MISSING, "header", header_id, part="block"))
        return left_out

    def _raw(self, query: sa.Select[Any]) -> Collection[Any]:
        return self.connection.execute(query).all()

    def _edited(self, block_id: int) -> None:
        self.add(Damage(Kind.EDITED, "block", block_id))

    def _compare_headers(self, of_block: Any, content: "_Content", of_all: Ids) -> int:
        ids: list[int] = (of_all if self.wanted is None else of_all[np.isin(of_all, self.wanted)]).tolist()
        places = {header_id: place for place, header_id in enumerate(of_all.tolist())}
        attributes, facts = content.attributes(), content.facts()
        missing = set(ids)
        for row in _rows(self.connection, ids):
            missing.discard(row.id)
            place = places[row.id]
            if attributes is not None and row.digest_with(attributes[place], self.marks) != row.digest:
                self.tell(row.id)
                continue
            owners = (series_number(owner) for owner in (row.series, row.study, row.patient))
            for name, found, right in zip(_FACTS, facts, (row.digest, row.extent, *owners), strict=True):
                if found is not None and found[place] != right:
                    self.add(Damage(Kind.EDITED, "chunk", of_block.id, part=name))
            if row.edition != of_block.edition:
                self._edited(of_block.id)
        for header_id in sorted(missing):
            self.add(Damage(Kind.MISSING, "header", header_id))
        self.headers += len(ids) - len(missing)
        return len(ids)


@dataclass(slots=True)
class _Content:
    """What a block holds, and the damage that it shows by itself.

    Attributes:
        block_id: Of the block.
        chunks: Its chunks, by name.
        add: Called with each damage.
    """

    block_id: int
    chunks: Mapping[str, bytes]
    add: Callable[[Damage], None]
    ids: Ids | None = field(init=False)
    _rows: int = field(init=False)

    def __post_init__(self) -> None:
        self._rows = len(self.chunks.get(DIGEST, b"")) // DIGEST_BYTES
        self.ids = self._numbers(ID)
        if self.ids is not None and (len(self.ids) == 0 or self.ids[0] < 1 or np.any(np.diff(self.ids) < 1)):
            self._damaged(ID)
            self.ids = None

    def fits(self, row: Any) -> bool:
        """Tell whether the block's row says what its chunks say."""
        if (row.kind, row.location_id, row.row_count) != (BlockKind.HEADER, None, self._rows):
            return False
        if self.ids is not None and (row.first_id, row.last_id) != (int(self.ids[0]), int(self.ids[-1])):
            return False
        return bool(digest_chunks(self.chunks) == row.digest)

    def attributes(self) -> list[dict[str, Texts]] | None:
        """Give the attributes of each header; None where a column cannot be read."""
        columns = {name: self._column(name) for name in sorted(self.chunks.keys() - OWN_NAMES)}
        if None in columns.values():
            return None
        rows: list[dict[str, Texts]] = [{} for _ in range(self._rows)]
        for name, column in columns.items():
            texts = [values_of(entry) for entry in column.entries] if column else []
            for attributes, code in zip(rows, column.codes.tolist() if column else (), strict=True):
                values = texts[code]
                if values is not None:
                    attributes[name] = values
        return rows

    def facts(self) -> tuple[Sequence[Any] | None, ...]:
        """Give what the block repeats of each header, in the order of `_FACTS`; of some blocks less is known."""
        digests = self.chunks[DIGEST].hex()
        width = 2 * DIGEST_BYTES
        extents = self._column(EXTENT)
        later = (name for name in (STUDY, PATIENT) if name in self.chunks)
        owners = {name: self._numbers(name) for name in (SERIES, *later)}
        numbers = (owners.get(name) for name in (SERIES, STUDY, PATIENT))
        return (
            [digests[start : start + width] for start in range(0, len(digests), width)],
            None if extents is None else extents.rows(),
            *(None if found is None else found.tolist() for found in numbers),
        )

    def _numbers(self, name: str) -> Ids | None:
        try:
            return decode_numbers(self.chunks.get(name, b""), self._rows)
        except DamagedChunkError:
            self._damaged(name)
            return None

    def _column(self, name: str) -> Column | None:
        data = self.chunks.get(name)
        if data is None:
            return same_for_all(None, self._rows)
        try:
            column = decode(data, self._rows)
        except DamagedChunkError:
            self._damaged(name)
            return None
        is_written = len(set(column.entries)) == len(column.entries) == len(np.unique(column.codes))
        if name != EXTENT:
            is_written = is_written and all(as_entry(values_of(entry)) == entry for entry in column.entries)
        if not is_written:
            self._damaged(name)
        return column if is_written else None

    def _damaged(self, name: str) -> None:
        self.add(Damage(Kind.EDITED, "chunk", self.block_id, part=name))


def _number(value: Any, otherwise: int) -> int:
    return value if isinstance(value, int) else otherwise
