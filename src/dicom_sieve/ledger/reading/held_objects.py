"""The objects of a snapshot in columns, a block at a time: for criteria on what varies within a series (ADR 40)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from dicom_sieve.columns.chunk import Column
from dicom_sieve.columns.lookup import Flags, Numbers, look_up
from dicom_sieve.ledger.database.bulk import prefetch_next
from dicom_sieve.ledger.database.chunks import (
    ADDED_IN,
    HEADER,
    ID,
    SIZE,
    Block,
    BlockKind,
    blocks_of,
    in_groups,
    read_columns,
    read_numbers,
)
from dicom_sieve.ledger.database.engine import is_shared
from dicom_sieve.ledger.database.outages import read
from dicom_sieve.ledger.database.tables import object_


@dataclass(frozen=True, slots=True, eq=False)
class HeldObjects:
    """The objects of one block that a snapshot holds.

    Attributes:
        ids: Of the objects, ascending.
        headers: Id of the header of each.
        bytes: Of each.
        columns: Of its own values, by key.
        complete_below: Every object with a lower id was given, in this block or before.
    """

    ids: Numbers
    headers: Numbers
    bytes: Numbers
    columns: dict[str, Column]
    complete_below: int

    def take(self, rows: NDArray[np.intp]) -> "HeldObjects":
        """Give some of them, in their order."""
        columns = {key: column.take(rows) for key, column in self.columns.items()}
        return HeldObjects(self.ids[rows], self.headers[rows], self.bytes[rows], columns, self.complete_below)


def held_objects(
    engine: sa.Engine, snapshot_id: int, location_id: int, keys: Sequence[str], *, ahead: bool = False
) -> Iterator[HeldObjects]:
    """Give a snapshot's objects that were read for an edition with values of their own, each once.

    Args:
        engine: The ledger's.
        snapshot_id: Which snapshot.
        location_id: Its location.
        keys: The columns that are asked for.
        ahead: Whether the next blocks are read while these are judged.

    Raises:
        DamagedChunkError: What the ledger holds was not written by this package.
    """
    for objects, is_held in _objects_of(engine, (snapshot_id,), location_id, keys, ahead=ahead):
        yield objects if is_held[0].all() else objects.take(np.flatnonzero(is_held[0]))


def objects_of_both(
    engine: sa.Engine, snapshot_ids: tuple[int, int], location_id: int, keys: Sequence[str], *, ahead: bool = False
) -> Iterator[tuple[HeldObjects, Flags, Flags]]:
    """Give the objects that either of two snapshots holds, and which does; see `held_objects`."""
    for objects, (first, second) in _objects_of(engine, snapshot_ids, location_id, keys, ahead=ahead):
        if (first | second).all():
            yield objects, first, second
        else:
            rows = np.flatnonzero(first | second)
            yield objects.take(rows), first[rows], second[rows]


def _objects_of(
    engine: sa.Engine, snapshot_ids: Sequence[int], location_id: int, keys: Sequence[str], *, ahead: bool
) -> Iterator[tuple[HeldObjects, Sequence[Flags]]]:
    """Give the objects of each block, and which of them each of some snapshots holds."""
    closed = [read(engine, partial(closed_by, snapshot_id=number, location_id=location_id)) for number in snapshot_ids]
    blocks = read(engine, partial(blocks_of, kind=BlockKind.OBJECT, location_id=location_id))
    groups = list(in_groups(blocks, len(keys)))
    parts = (read(engine, partial(_read, blocks=[listed for listed, _ in group], keys=keys)) for group in groups)
    for group, chunks in zip(groups, prefetch_next(parts) if ahead and is_shared(engine) else parts, strict=True):
        for (ids, headers, sizes, added_in, columns), (_, below) in zip(chunks, group, strict=True):
            pairs = zip(snapshot_ids, closed, strict=True)
            is_held = [(added_in <= number) & ~look_up(ids, gone)[0] for number, gone in pairs]
            yield HeldObjects(ids, headers, sizes, columns, below), is_held


def closed_by(connection: sa.Connection, snapshot_id: int, location_id: int) -> Numbers:
    """Give the ids of the objects that were gone, or another object, when a snapshot was taken; ascending."""
    query = sa.select(object_.c.id).where(object_.c.location_id == location_id, object_.c.removed_in <= snapshot_id)
    ids = np.fromiter(connection.scalars(query), np.int64)
    ids.sort()
    return ids


_Read = tuple[Numbers, Numbers, Numbers, Numbers, dict[str, Column]]


def _read(connection: sa.Connection, blocks: Sequence[Block], keys: Sequence[str]) -> list[_Read]:
    numbers = (read_numbers(connection, blocks, name) for name in (ID, HEADER, SIZE, ADDED_IN))
    columns = (by_key for _, by_key in read_columns(connection, blocks, keys))
    return list(zip(*numbers, columns, strict=True))
