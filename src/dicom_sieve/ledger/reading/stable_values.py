"""What all instances of a series say alike: the attributes that are kept with headers, a column each."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import sqlalchemy as sa

from dicom_sieve.columns.chunk import Column
from dicom_sieve.columns.lookup import Flags, Numbers
from dicom_sieve.dicom.dictionary import Attribute, UnsupportedTag, find_attribute
from dicom_sieve.headers.edition import LENGTH_OF_TAG, is_own
from dicom_sieve.ledger.database.chunks import BlockKind, blocks_with, names_of_values
from dicom_sieve.ledger.database.outages import read
from dicom_sieve.ledger.reading.editions import all_read_for, find_read_for_less
from dicom_sieve.ledger.reading.held_headers import HeldBlock, headers_held, held_blocks
from dicom_sieve.ledger.reading.held_rows import HeldBy, join_columns, judged_rows
from dicom_sieve.objects import Damaged

COLUMNS_TOGETHER = 64
"""That are in memory at a time."""


@dataclass(frozen=True, slots=True, eq=False)
class StableValues:
    """One attribute of all series that the headers of a snapshot name.

    Attributes:
        attribute: Which one.
        series: Numbers of the series, ascending.
        column: What the first header of each says.
        differ: Whether headers of a series say different things.
    """

    attribute: Attribute
    series: Numbers
    column: Column
    differ: Flags


def stable_attributes(engine: sa.Engine, held: HeldBy) -> list[Attribute]:
    """Give the standard attributes that headers of a snapshot have, in the order of tags.

    Left out are what varies by object, sequences, private elements, and what not all headers were read for.
    """
    snapshot_id, location_id = held
    ids = headers_held(engine, *held).ids

    def find(connection: sa.Connection) -> list[str]:
        return names_of_values(connection, blocks_with(connection, BlockKind.HEADER, ids))

    found = (_standard(name) for name in read(engine, find) if not is_own(name))
    attributes = sorted((each for each in found if each is not None), key=lambda each: each.tag)
    if find_read_for_less(engine, location_id, attributes, snapshot_id) is None:
        return attributes
    return all_read_for(engine, location_id, attributes, snapshot_id)


def stable_values(
    engine: sa.Engine, held: HeldBy, attributes: Sequence[Attribute], damaged: Damaged = Damaged.DISCARD
) -> Iterator[StableValues]:
    """Read attributes of all series of a snapshot.

    Args:
        engine: The ledger's.
        held: Ids of the snapshot and of its location.
        attributes: Of `stable_attributes`.
        damaged: Whether damaged headers are looked at.
    """
    for start in range(0, len(attributes), COLUMNS_TOGETHER):
        some = attributes[start : start + COLUMNS_TOGETHER]
        keys = [attribute.hex_tag for attribute in some]
        blocks = list(map(partial(_of_series, damaged=damaged), held_blocks(engine, *held, keys)))
        numbers = np.concatenate([np.zeros(0, np.int64), *(block.series for block in blocks)])
        order = np.argsort(numbers, kind="stable")
        series, starts = np.unique(numbers[order], return_index=True)
        of_series = np.repeat(np.arange(len(series)), np.diff(starts, append=len(order)))
        for attribute, key in zip(some, keys, strict=True):
            column = join_columns([block.values.columns[key] for block in blocks])
            codes = column.codes[order]
            differ = np.zeros(len(series), np.bool_)
            differ[of_series[codes != codes[starts][of_series]]] = True
            yield StableValues(attribute, series, Column(column.entries, codes[starts]), differ)


def _of_series(block: HeldBlock, damaged: Damaged) -> HeldBlock:
    """Give the rows of a block that are of a series, and are judged by their values."""
    return block.take(np.flatnonzero((block.series != 0) & judged_rows(block.values, damaged)))


def _standard(name: str) -> Attribute | None:
    """Give the attribute of a column's name; None where it is private, a sequence, or bulk."""
    if len(name) != LENGTH_OF_TAG:
        return None
    attribute = find_attribute(int(name, 16))
    if isinstance(attribute, UnsupportedTag) or not attribute.vr.relations or not attribute.keyword:
        return None
    return attribute
