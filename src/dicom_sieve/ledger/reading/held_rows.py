"""What a snapshot holds, as criteria judge it: headers; or, where criteria ask for what varies, their objects."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from dicom_sieve.columns.chunk import Column, PackedEntries, same_for_all
from dicom_sieve.columns.judge import Block
from dicom_sieve.columns.judge_numbers import read_numbers
from dicom_sieve.columns.lookup import Flags, Numbers, look_up
from dicom_sieve.dicom.dictionary import key_of
from dicom_sieve.errors import LedgerError
from dicom_sieve.headers.edition import is_own
from dicom_sieve.ledger.database.bulk import prefetch_next
from dicom_sieve.ledger.database.engine import is_shared
from dicom_sieve.ledger.database.extents import read_extent
from dicom_sieve.ledger.database.states import PageKind
from dicom_sieve.ledger.reading.held_headers import NO_DIGESTS, HeldBlock, held_blocks
from dicom_sieve.ledger.reading.held_objects import HeldObjects, held_objects
from dicom_sieve.ledger.reading.owners import Owners
from dicom_sieve.objects import Damaged


@dataclass(frozen=True, slots=True, eq=False)
class HeldRows:
    """Rows that are judged together.

    Attributes:
        kind: What they are.
        block: The rows.
        are_judged: Whether they are judged; else they are headers whose objects are, and follow.
    """

    kind: PageKind
    block: HeldBlock
    are_judged: bool = True


_OF_OBJECTS = key_of("InstanceNumber")
"""Asked for where rows are to be objects."""
HeldBy = tuple[int, int]
"""Ids of a snapshot and of its location."""


def divide(keys: Sequence[str]) -> tuple[list[str], list[str]]:
    """Give the keys of what is kept with each object, sorted, and all others."""
    return sorted(filter(is_own, keys)), [key for key in keys if not is_own(key)]


def held_rows(
    engine: sa.Engine,
    held: HeldBy,
    keys: Sequence[str],
    damaged: Damaged,
    *,
    are_objects: bool = False,
    is_complete: bool = True,
    with_digests: bool = False,
    with_owners: bool = False,
    with_sizes: bool = False,
    as_numbers: frozenset[str] = frozenset(),
) -> Iterator[HeldRows]:
    """Give what a snapshot holds, each row once: headers first, then objects, where criteria ask for what is theirs.

    Args:
        engine: The ledger's.
        held: Ids of a snapshot and of its location.
        keys: Everything that is asked for.
        damaged: Whether the values of damaged headers are looked at.
        are_objects: Whether rows are objects, also where nothing is asked for that is theirs.
        is_complete: Whether all of them were read for what is their objects'.
        with_digests: Whether the digests of headers are asked for, too.
        with_owners: Whether the numbers of studies and patients are.
        with_sizes: Whether the bytes of objects are; those of headers are known.
        as_numbers: Keys of what will be judged as numbers.

    Raises:
        DamagedChunkError: What the ledger holds was not written by this package.
        LedgerError: It does not hold the objects that it counts.
    """
    of_objects, common = divide(keys)
    if are_objects and not of_objects:
        of_objects = [_OF_OBJECTS]
    if not of_objects:
        for block in held_blocks(engine, *held, keys, with_digests=with_digests, with_owners=with_owners):
            yield HeldRows(PageKind.HEADER, block)
        return
    headers = HeaderTable(common)
    for block in held_blocks(engine, *held, common, with_digests=with_digests, with_owners=with_owners):
        is_judged = judged_rows(block.values, damaged)
        judged, others = np.flatnonzero(is_judged), np.flatnonzero(~is_judged)
        if len(others):
            part = block.take(others)
            # Where some of the block are judged, these follow: nothing is complete yet.
            below = None if len(judged) else block.complete_below
            values = absent_in(part.values, of_objects)
            yield HeldRows(PageKind.HEADER, replace(part, values=values, complete_below=below))
        if len(judged):
            part = block.take(judged)
            headers.add(part)
            yield HeldRows(PageKind.HEADER, part, are_judged=False)
    headers.finish()
    parts = _joined(headers, held_objects(engine, *held, of_objects, with_sizes=with_sizes), as_numbers)
    # Who asks for digests records decisions meanwhile; see `rows_of_headers`.
    yield from prefetch_next(parts, most=2) if with_digests and is_shared(engine) else parts
    if is_complete:
        headers.check()


def _joined(headers: "HeaderTable", objects: Iterator[HeldObjects], as_numbers: frozenset[str]) -> Iterator[HeldRows]:
    """Give objects beside what their headers have; those without a header among these are left out."""
    for joined in map(headers.join, objects):
        if joined is None:
            continue
        for key in as_numbers & joined.values.columns.keys():
            if isinstance(entries := joined.values.columns[key].entries, PackedEntries):
                read_numbers(entries)
        yield HeldRows(PageKind.OBJECT, joined)


def judged_rows(values: Block, damaged: Damaged) -> Flags:
    """Tell which rows are judged by their values."""
    are_judged = np.array([read_extent(entry).is_judged(damaged) for entry in values.extents.entries], np.bool_)
    flags: Flags = are_judged[values.extents.codes]
    return flags


def absent_in(values: Block, keys: Sequence[str]) -> Block:
    """Add columns in which nothing is known."""
    nothing = same_for_all(None, len(values))
    return Block({**values.columns, **dict.fromkeys(keys, nothing)}, values.extents)


class HeaderTable:
    """The headers whose objects are judged, with what is asked of them: some 40 bytes each, and 4 a column."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = keys
        self._parts: list[HeldBlock] = []
        self._ids = np.zeros(0, np.int64)

    def add(self, part: HeldBlock) -> None:
        """Add headers, each once."""
        self._parts.append(part)

    def finish(self) -> None:
        """Put the headers in the order of their ids."""
        empty = np.zeros(0, np.int64)
        ids = np.concatenate([empty, *(part.ids for part in self._parts)])
        order = np.argsort(ids, kind="stable")
        self._ids = ids[order]
        self._instances = np.concatenate([empty, *(part.instances for part in self._parts)])[order]
        self._series = np.concatenate([empty, *(part.series for part in self._parts)])[order]
        self._columns = {
            key: join_columns([part.values.columns[key] for part in self._parts]).take(order) for key in self._keys
        }
        self._extents = join_columns([part.values.extents for part in self._parts]).take(order)
        self._owners = self._join_owners(order)
        self._found = np.zeros(len(self._ids), np.int64)
        self._parts.clear()

    def _join_owners(self, order: NDArray[np.intp]) -> Owners | None:
        owners = [part.owners for part in self._parts if part.owners is not None]
        if not owners or len(owners) < len(self._parts):
            return None
        studies, patients = ([of_part.studies for of_part in owners], [of_part.patients for of_part in owners])
        return Owners(np.concatenate(studies), np.concatenate(patients)).take(order)

    def join(self, objects: HeldObjects, counts: Numbers | None = None) -> HeldBlock | None:
        """Give those of some objects whose header is among these, with its values; None where there are none.

        Args:
            objects: In the order of their ids.
            counts: How often each counts; None: once.
        """
        if not len(objects.ids):
            return None
        starts, lengths = _runs(objects.headers)
        is_among, found = look_up(objects.headers[starts], self._ids)
        if not is_among.any():
            return None
        if not is_among.all():
            rows = np.flatnonzero(np.repeat(is_among, lengths))
            objects, counts = objects.take(rows), None if counts is None else counts[rows]
            found, lengths = found[is_among], lengths[is_among]
        places: NDArray[np.intp] = np.repeat(found, lengths)
        counted = np.ones(len(places), np.int64) if counts is None else counts
        starts = np.cumsum(lengths) - lengths
        np.add.at(self._found, found, np.add.reduceat(counted, starts))
        own = objects.columns
        common = {key: column.take(places) for key, column in self._columns.items()}
        values = Block({**common, **own}, self._extents.take(places))
        return HeldBlock(
            objects.ids,
            NO_DIGESTS,
            counted,
            objects.bytes,
            self._series[places],
            values,
            objects.complete_below,
            objects.headers,
            self._owners and self._owners.take(places),
        )

    def without_objects(self) -> Numbers:
        """Give the ids of the headers of which not all objects were found."""
        lacking: Numbers = self._ids[self._found != self._instances]
        return lacking

    def check(self) -> None:
        """Compare the objects that were found with those that are counted."""
        differ = np.flatnonzero(self._found != self._instances)
        if len(differ):
            raise LedgerError(
                f"the ledger counts {self._instances.sum():,} objects of {len(self._ids):,} headers, and holds values "
                f"of {self._found.sum():,}; 'dicom-sieve verify' tells what was changed"
            )


def _runs(numbers: Numbers) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Give where each run of equal numbers starts, and its length; there is at least one number."""
    starts = np.append(0, np.flatnonzero(numbers[1:] != numbers[:-1]) + 1)
    return starts, np.diff(starts, append=len(numbers))


def join_columns(columns: Sequence[Column]) -> Column:
    """Join the columns of several blocks, one behind the other."""
    places: dict[str | None, int] = {}
    codes = [np.zeros(0, np.uint32)]
    for column in columns:
        table = np.array([places.setdefault(entry, len(places)) for entry in column.entries], np.uint32)
        codes.append(table[column.codes])
    return Column(tuple(places), np.concatenate(codes))
