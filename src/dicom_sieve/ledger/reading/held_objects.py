"""The objects of a snapshot in columns, some blocks at a time: for criteria on what varies within a series (ADR 40)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from dicom_sieve.columns.chunk import Column, same_for_all
from dicom_sieve.columns.lookup import Flags, Numbers, are_ascending, look_up
from dicom_sieve.ledger.database.bulk import prefetch_next
from dicom_sieve.ledger.database.chunks import (
    ADDED_IN,
    END_OF_IDS,
    HEADER,
    ID,
    SIZE,
    Block,
    BlockKind,
    blocks_of,
    read_chunks,
)
from dicom_sieve.ledger.database.outages import read
from dicom_sieve.ledger.database.packed_blocks import grouped, unpack
from dicom_sieve.ledger.database.tables import object_, snapshot
from dicom_sieve.ledger.reading.held_headers import NO_BYTES

OBJECTS_TOGETHER = 1 << 18
"""Objects that are judged together: twice as fast as a block of them at a time, in 30 MiB more."""
VALUES_TOGETHER = 1 << 20
"""Of these, where many columns are asked for; one block has more, where it is large."""


@dataclass(frozen=True, slots=True, eq=False)
class HeldObjects:
    """The objects of some blocks that a snapshot holds.

    Attributes:
        ids: Of the objects, ascending.
        headers: Id of the header of each.
        bytes: Of each; none where they were not asked for.
        columns: Of its own values, by key.
        complete_below: Every object with a lower id was given, here or before.
    """

    ids: Numbers
    headers: Numbers
    bytes: Numbers
    columns: dict[str, Column]
    complete_below: int

    def take(self, rows: NDArray[np.intp]) -> "HeldObjects":
        """Give some of them, in their order."""
        columns = {key: column.take(rows) for key, column in self.columns.items()}
        sizes = self.bytes[rows] if len(self.bytes) else self.bytes
        return HeldObjects(self.ids[rows], self.headers[rows], sizes, columns, self.complete_below)


def held_objects(
    engine: sa.Engine, snapshot_id: int, location_id: int, keys: Sequence[str], *, with_sizes: bool = False
) -> Iterator[HeldObjects]:
    """Give a snapshot's objects that were read for an edition with values of their own, each once.

    Args:
        engine: The ledger's.
        snapshot_id: Which snapshot.
        location_id: Its location.
        keys: The columns that are asked for.
        with_sizes: Whether their bytes are.

    Raises:
        DamagedChunkError: What the ledger holds was not written by this package.
    """
    for objects, is_held in _objects_of(engine, (snapshot_id,), location_id, keys, with_sizes=with_sizes):
        yield objects if is_held[0].all() else objects.take(np.flatnonzero(is_held[0]))


def objects_of_both(
    engine: sa.Engine, snapshot_ids: tuple[int, int], location_id: int, keys: Sequence[str]
) -> Iterator[tuple[HeldObjects, Flags, Flags]]:
    """Give the objects that either of two snapshots holds, and which does; see `held_objects`."""
    for objects, (first, second) in _objects_of(engine, snapshot_ids, location_id, keys):
        if (first | second).all():
            yield objects, first, second
        else:
            rows = np.flatnonzero(first | second)
            yield objects.take(rows), first[rows], second[rows]


def _objects_of(
    engine: sa.Engine, snapshot_ids: Sequence[int], location_id: int, keys: Sequence[str], *, with_sizes: bool = False
) -> Iterator[tuple[HeldObjects, Sequence[Flags]]]:
    """Give the objects, those of some blocks together, and which of them each of some snapshots holds."""
    closed = [read(engine, partial(closed_by, snapshot_id=number, location_id=location_id)) for number in snapshot_ids]
    blocks = read(engine, partial(blocks_of, kind=BlockKind.OBJECT, location_id=location_id))
    groups = list(grouped(blocks, min(OBJECTS_TOGETHER, VALUES_TOGETHER // max(len(keys), 1))))
    bounds = [*(group[0].first_id for group in groups[1:]), END_OF_IDS]
    # Blocks that are written from now on are not among these: where no snapshot is newer, all of their objects count.
    is_newest = min(snapshot_ids) >= read(engine, partial(_newest, location_id=location_id))
    numbers = [ID, HEADER, *([SIZE] if with_sizes else []), *([] if is_newest else [ADDED_IN])]
    fetched = (read(engine, partial(read_chunks, blocks=group, names=[*numbers, *keys])) for group in groups)
    # PostgreSQL, which is another process, finds the next ones while these are unpacked.
    chunks = prefetch_next(fetched) if engine.dialect.name == "postgresql" else fetched
    for group, below, of_group in zip(groups, bounds, chunks, strict=True):
        objects, added_in = _objects_in(of_group, group, numbers, keys, below)
        pairs = zip(snapshot_ids, closed, strict=True)
        yield objects, [_are_held(objects, added_in, number, gone) for number, gone in pairs]


def _newest(connection: sa.Connection, location_id: int) -> int:
    """Give the number of the newest snapshot of a location."""
    query = sa.select(sa.func.max(snapshot.c.id)).where(snapshot.c.location_id == location_id)
    return connection.scalar(query) or 0


def _are_held(objects: HeldObjects, added_in: Numbers | None, snapshot_id: int, gone: Numbers) -> Flags:
    flags = np.ones(len(objects.ids), np.bool_) if added_in is None else added_in <= snapshot_id
    if len(gone):
        flags &= ~look_up(objects.ids, gone)[0]
    return flags


def closed_by(connection: sa.Connection, snapshot_id: int, location_id: int) -> Numbers:
    """Give the ids of the objects that were gone, or another object, when a snapshot was taken; ascending."""
    query = sa.select(object_.c.id).where(object_.c.location_id == location_id, object_.c.removed_in <= snapshot_id)
    ids = np.fromiter(connection.scalars(query), np.int64)
    ids.sort()
    return ids


def _objects_in(
    chunks: Mapping[tuple[str, int], bytes],
    blocks: Sequence[Block],
    numbers: Sequence[str],
    keys: Sequence[str],
    complete_below: int,
) -> tuple[HeldObjects, Numbers | None]:
    """Give the objects of blocks, and the number of the snapshot that found each, where that was read."""
    rows = unpack(chunks, blocks, numbers, keys)
    ids, headers = rows.numbers[ID], rows.numbers[HEADER]
    sizes, added_in = rows.numbers.get(SIZE, NO_BYTES), rows.numbers.get(ADDED_IN)
    nothing = same_for_all(None, len(ids))
    columns = {key: rows.columns[key].as_column() if key in rows.columns else nothing for key in keys}
    objects = HeldObjects(ids, headers, sizes, columns, complete_below)
    if are_ascending(ids):
        return objects, added_in
    order = np.argsort(ids)  # rows of one block have ids between those of another
    return objects.take(order), None if added_in is None else added_in[order]
