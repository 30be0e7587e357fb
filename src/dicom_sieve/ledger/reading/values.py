"""The attributes of a location and their values, counted in instances and series: in columns, a block at a time."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from dicom_sieve.columns.chunk import Column
from dicom_sieve.columns.count import UseCounter, ValueCounter, Weights, weigh
from dicom_sieve.columns.nested import Path, nested_column, nested_columns, without_frames
from dicom_sieve.dicom.dictionary import PER_FRAME_GROUPS, Attribute, find_attribute
from dicom_sieve.headers.edition import current_edition, has_items
from dicom_sieve.ledger.database.chunks import all_names
from dicom_sieve.ledger.database.extents import read_extent
from dicom_sieve.ledger.database.outages import read
from dicom_sieve.ledger.database.states import PageKind
from dicom_sieve.ledger.reading.editions import count_not_read_for
from dicom_sieve.ledger.reading.held_headers import HeldBlock, held_blocks
from dicom_sieve.ledger.reading.held_rows import HeldRows, divide, held_rows
from dicom_sieve.ledger.reading.snapshots import Snapshot, refuse_read_for_less
from dicom_sieve.objects import Damaged

BETWEEN_KEYS = "."
"""In a path, as in PS3.18 8.3.4.1.1."""


@dataclass(frozen=True, slots=True)
class AttributeUse:
    """How often a location has an attribute.

    Attributes:
        tag: Its key: eight upper-case hex digits, or group, low byte and creator; behind those of the sequences that it
            lies in, outermost first, with dots between them.
        present: Instances with a value.
        empty: Instances that have it without a value.
        distinct: Number of different values.
        unreached: Instances that may have it where reading did not come, or that were not read for it; the rest does
            not have it.
    """

    tag: str
    present: int
    empty: int
    distinct: int
    unreached: int = 0


@dataclass(frozen=True, slots=True)
class ValueCount:
    """One value of an attribute.

    Attributes:
        value: As the objects hold it, without the padding at its end.
        instances: Number of instances with it; one that has it twice counts once.
        series: Number of series with it in any of their instances.
    """

    value: str
    instances: int
    series: int


@dataclass(frozen=True, slots=True)
class AttributesHeld:
    """The attributes of a location's objects.

    Attributes:
        instances: Of which a header is known. No attribute is known of other objects.
        attributes: In the order of their tags.
        read_for_less: Instances among them whose headers were not read for all that this version reads: what else they
            have is not known.
    """

    instances: int
    attributes: tuple[AttributeUse, ...]
    read_for_less: int = 0


@dataclass(frozen=True, slots=True)
class AttributeValues:
    """The values of one attribute.

    Attributes:
        instances: Of which a header is known.
        present: Of these, with a value.
        empty: Of these, with the attribute and no value.
        values: The most frequent first, then in the order of their text.
        unreached: Of these, may have it where reading did not come; the rest does not have it.
    """

    instances: int
    present: int
    empty: int
    values: tuple[ValueCount, ...]
    unreached: int = 0


def attributes_held(engine: sa.Engine, snapshot: Snapshot) -> AttributesHeld:
    """Count the attributes of a snapshot's objects."""
    keys = read(engine, all_names)
    uses, judgeable = defaultdict[str, UseCounter](UseCounter), _Judgeable()
    own, common = divide(keys)
    place = snapshot.id, snapshot.location_id
    for block in held_blocks(engine, snapshot.id, snapshot.location_id, common):
        _add_uses(uses, block, judgeable.weigh(block))
    for held in held_rows(engine, place, own, Damaged.DISCARD, is_complete=False):
        if held.kind is PageKind.OBJECT:
            _add_uses(uses, held.block, held.block.instances)
    used = {key: use for key, use in sorted(uses.items()) if use.present or use.empty}
    unreached = judgeable.unreached
    not_read = count_not_read_for(engine, snapshot.location_id, snapshot.id, current_edition().header_tags.split())
    unreached.update({key: not_read[key] for key in used if key in not_read})
    return AttributesHeld(
        judgeable.instances,
        tuple(
            AttributeUse(key, use.present, use.empty, use.count_values(), unreached[key]) for key, use in used.items()
        ),
        max(not_read.values(), default=0),
    )


def _add_uses(uses: Mapping[str, UseCounter], block: HeldBlock, weights: Weights) -> None:
    for key, column in block.values.columns.items():
        if column.entries == (None,):
            continue
        uses[key].add(column, weights)
        if has_items(key):
            for path, nested in nested_columns(column).items():
                uses[BETWEEN_KEYS.join((key, *path))].add(nested, weights)


def values_held(engine: sa.Engine, snapshot: Snapshot, tag: str, path: Path = ()) -> AttributeValues:
    """Count the values of one attribute of a snapshot's objects.

    Args:
        engine: The ledger's.
        snapshot: Which.
        tag: Of the attribute, eight upper-case hex digits; or of the outermost sequence that it lies in.
        path: In that case the keys of the sequences within that, and of the attribute.

    Raises:
        LedgerError: Not all headers were read for it.
    """
    attribute = find_attribute(int(tag, 16))
    if isinstance(attribute, Attribute):
        refuse_read_for_less(engine, snapshot, [attribute])
    return count_values(held_rows(engine, (snapshot.id, snapshot.location_id), [tag], Damaged.DISCARD), tag, path)


def count_values(rows: Iterable[HeldRows], tag: str, path: Path = ()) -> AttributeValues:
    """Count the values of one column; see `values_held`.

    Args:
        rows: All rows of a snapshot, with that column.
        tag: Its key.
        path: Of what lies in a sequence; see `values_held`.
    """
    counter, judgeable = ValueCounter(), _Judgeable()
    for held in rows:
        if held.are_judged:
            column = held.block.values.columns[tag]
            if path:
                column = nested_column(column, path)
            elif tag == PER_FRAME_GROUPS:
                column = without_frames(column)
            counter.add(column, judgeable.weigh(held.block), held.block.series)
    counted = counter.count()
    in_order = sorted(counted, key=lambda value: (-counted[value].weight, value))
    weights = counter.weights()
    has_value = {entry: bool(entry.strip("\0")) for entry in weights if entry is not None}
    return AttributeValues(
        judgeable.instances,
        sum(weights[entry] for entry, has in has_value.items() if has),
        sum(weights[entry] for entry, has in has_value.items() if not has),
        tuple(ValueCount(value, counted[value].weight, counted[value].groups) for value in in_order),
        judgeable.unreached[tag],
    )


@dataclass(slots=True)
class _Judgeable:
    """Counts the instances that could be judged, and by key those that may have it where reading did not come."""

    instances: int = 0
    unreached: Counter[str] = field(default_factory=Counter)

    def weigh(self, block: HeldBlock) -> Weights:
        """Give the instances of each header of a block; none of one that has a defect."""
        extents = [read_extent(text) for text in block.values.extents.entries]
        codes = block.values.extents.codes
        could_be = np.array([extent.defect is None for extent in extents], np.int64)
        weights: Weights = block.instances * could_be[codes]
        self.instances += int(weights.sum())
        for code, extent in enumerate(extents):
            if extent.unreadable_from is not None and extent.defect is None:
                self._count_unreached(block.values.columns, extent.unreadable_from, weights * (codes == code))
        return weights

    def _count_unreached(self, columns: Mapping[str, Column], start: str, weights: NDArray[np.int64]) -> None:
        for key, column in columns.items():
            if least_tag(key) >= start:
                of_entries = zip(column.entries, weigh(column, weights), strict=True)
                self.unreached[key] += sum(weight for entry, weight in of_entries if entry is None)


def least_tag(key: str) -> str:
    """Give the least tag that a key may stand for: the block of a private attribute is not in its key."""
    return f"{key[:4]}1000" if " " in key else key[:8]
