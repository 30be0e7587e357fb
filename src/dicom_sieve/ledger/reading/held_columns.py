"""What a snapshot holds, kept in memory: a column is read when it is first asked for. For answers that come at once."""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from threading import RLock

import numpy as np
import sqlalchemy as sa

from dicom_sieve.columns.chunk import Column, same_for_all
from dicom_sieve.columns.judge import Block
from dicom_sieve.columns.lookup import Numbers
from dicom_sieve.errors import LedgerError
from dicom_sieve.ledger.database.states import PageKind
from dicom_sieve.ledger.reading.held_headers import HeldBlock
from dicom_sieve.ledger.reading.held_rows import HeldBy, HeldRows, held_rows, join_columns
from dicom_sieve.objects import Damaged

MOST_BYTES = 128 * 1024 * 1024
"""Of columns that are kept; those asked for longest ago go first. A million headers take 1 to 4 MiB a column."""
MOST_ROWS = 4_000_000
"""That are kept: each takes some 28 bytes, beside its columns."""
_ENTRY_BYTES = 120
"""What one entry of a column takes, in about."""
_NO_DIGESTS = np.zeros((0, 0), np.uint8)


class TooManyRowsError(LedgerError):
    """A snapshot has more rows than are kept in memory."""

    def __init__(self) -> None:
        super().__init__(f"more than {MOST_ROWS:,} rows are not counted at once; 'dicom-sieve preview' counts them")


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """All rows, without their columns; and the series and instances of headers whose objects are rows."""

    ids: Numbers
    headers: Numbers
    instances: Numbers
    bytes: Numbers
    series: Numbers
    extents: Column
    expected: tuple[tuple[Numbers, Numbers], ...]


@dataclass(slots=True)
class HeldColumns:
    """The rows of one snapshot, each once: distinct headers, or objects where what is theirs is asked for.

    Attributes:
        engine: The ledger's.
        held: Ids of the snapshot and of its location.
        damaged: Whether the values of damaged headers are looked at.
        is_by_object: Whether rows are objects.
    """

    engine: sa.Engine
    held: HeldBy
    damaged: Damaged = Damaged.DISCARD
    is_by_object: bool = False
    _rows: _Rows | None = None
    _columns: "OrderedDict[str, Column]" = field(default_factory=OrderedDict)
    _lock: RLock = field(default_factory=RLock, repr=False)

    def rows(self, keys: Sequence[str]) -> Iterator[HeldRows]:
        """Give all rows as one block, and what is to be expected, as `held_rows` does.

        Raises:
            TooManyRowsError: There are more than are kept.
        LedgerError: Part of the snapshot was forgotten meanwhile.
        """
        with self._lock:
            missing = [key for key in dict.fromkeys(keys) if key not in self._columns]
            if missing or self._rows is None:
                self._rows = self._load(missing)
            for key in keys:
                self._columns.move_to_end(key)
            columns = {key: self._columns[key] for key in keys}
            self._drop(set(keys))
            rows = self._rows
        nothing = np.zeros(0, np.int64)
        for series, instances in rows.expected:
            extents = Column((None,), np.zeros(len(series), np.uint8))
            block = HeldBlock(nothing, _NO_DIGESTS, instances, nothing, series, Block({}, extents))
            yield HeldRows(PageKind.HEADER, block, are_judged=False)
        kind = PageKind.OBJECT if self.is_by_object else PageKind.HEADER
        values = Block(columns, rows.extents)
        block = HeldBlock(
            rows.ids, _NO_DIGESTS, rows.instances, rows.bytes, rows.series, values, of_headers=rows.headers
        )
        yield HeldRows(kind, block)

    def _load(self, keys: Sequence[str]) -> _Rows:
        """Read columns, and give the rows, which are the same each time."""
        parts, expected, row_count = list[HeldBlock](), list[tuple[Numbers, Numbers]](), 0
        for held in held_rows(
            self.engine, self.held, keys, self.damaged, are_objects=self.is_by_object, with_sizes=True
        ):
            if held.are_judged:
                parts.append(held.block)
                row_count += len(held.block.ids)
                if row_count > MOST_ROWS:
                    raise TooManyRowsError
            else:
                expected.append((held.block.series, held.block.instances))
        nothing = np.zeros(0, np.int64)
        ids, headers, instances, size, series = (
            np.concatenate([nothing, *(getattr(part, name) for part in parts)])
            for name in ("ids", "headers", "instances", "bytes", "series")
        )
        if self._rows is not None and not np.array_equal(ids, self._rows.ids):
            raise LedgerError("what the snapshot holds has changed while it was read: a part of it was forgotten")
        for key in keys:
            self._columns[key] = _joined([part.values.columns[key] for part in parts])
        if self._rows is not None:
            return self._rows
        extents = _joined([part.values.extents for part in parts])
        return _Rows(ids, headers, instances, size, series, extents, tuple(expected))

    def _drop(self, needed: set[str]) -> None:
        """Forget columns, the one that was asked for longest ago first, until the rest is small enough."""
        size = sum(map(_size_of, self._columns.values()))
        for key in list(self._columns):
            if size <= MOST_BYTES:
                break
            if key not in needed:
                size -= _size_of(self._columns.pop(key))


def _joined(parts: Sequence[Column]) -> Column:
    if not parts:
        return same_for_all(None, 0)
    joined = join_columns(parts)
    return Column(joined.entries, joined.codes.astype(np.min_scalar_type(len(joined.entries))))


def _size_of(column: Column) -> int:
    return column.codes.nbytes + _ENTRY_BYTES * len(column.entries)
