"""The attributes of a location and their values, counted in instances and series.

Headers are read a page at a time, each once, and equal texts are parsed once: most headers share theirs.
"""

import json
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import sqlalchemy as sa

from dicom_sieve.dicom.dictionary import Attribute, find_attribute
from dicom_sieve.headers.edition import current_edition
from dicom_sieve.ledger.database.tables import header, header_change
from dicom_sieve.ledger.reading.editions import count_not_read_for
from dicom_sieve.ledger.reading.header_counts import headers_of
from dicom_sieve.ledger.reading.pages import SelectsOf, gathered_pages, joined_pages, pages_of_headers
from dicom_sieve.ledger.reading.snapshots import Snapshot, refuse_read_for_less

BATCH_ROWS = 500
MOST_REPEATED = 200_000
"""Values of a tag that are kept before repeated ones are removed."""


@dataclass(frozen=True, slots=True)
class AttributeUse:
    """How often a location has an attribute.

    Attributes:
        tag: Eight upper-case hex digits.
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
    # Heavy, and few commands need it.
    from dicom_sieve.ledger.reading.count_values import TAG_LENGTH, Members, count_joined_members, count_members  # noqa: PLC0415

    text = _text(engine.dialect, header.c.attributes)
    pages: Iterator[Members]
    if engine.dialect.name == "postgresql":
        pages = joined_pages(engine, snapshot.id, snapshot.location_id, text, count_joined_members)
    else:
        pages = gathered_pages(engine, snapshot.id, snapshot.location_id, _selecting(text), count_members)
    instances, uses, distinct = 0, Counter[tuple[str, bool]](), _DistinctValues(TAG_LENGTH)
    for page in pages:
        instances += page.instances
        distinct.add(page.values)
        for tag, is_empty, count in page.uses:
            uses[tag, is_empty] += count
    tags = sorted({tag for tag, _ in uses})
    unreached = _count_unreached(engine, snapshot, tags)
    not_read = count_not_read_for(engine, snapshot.location_id, snapshot.id, current_edition().header_tags.split())
    unreached.update({tag: not_read[tag] for tag in tags if tag in not_read})
    return AttributesHeld(
        instances,
        tuple(
            AttributeUse(tag, uses[tag, False], uses[tag, True], distinct.count(tag), unreached[tag]) for tag in tags
        ),
        max(not_read.values(), default=0),
    )


def values_held(engine: sa.Engine, snapshot: Snapshot, tag: str) -> AttributeValues:
    """Count the values of one attribute of a snapshot's objects.

    Args:
        engine: The ledger's.
        snapshot: Which.
        tag: Of the attribute, eight upper-case hex digits.

    Raises:
        LedgerError: Not all headers were read for it.
    """
    attribute = find_attribute(int(tag, 16))
    if isinstance(attribute, Attribute):
        refuse_read_for_less(engine, snapshot, [attribute])
    by_text: dict[str | None, _SharedValues] = {}
    of_series: dict[str, tuple[_SharedValues, ...]] = {}
    select = _selecting(_values(engine.dialect, tag), header.c.series_instance_uid)
    pages = pages_of_headers(engine, snapshot.id, snapshot.location_id, select)
    for count, text, series in chain.from_iterable(pages):
        shared = by_text.get(text)
        if shared is None:
            shared = by_text[text] = _SharedValues.read(text)
        shared.instances += count
        before = of_series.get(series)
        if before is None:
            of_series[series] = shared.alone
        elif shared not in before:
            of_series[series] = (*before, shared)
    series_of = Counter[str]()
    for together, series_count in Counter(of_series.values()).items():
        for value in {value for shared in together for value in shared.values}:
            series_of[value] += series_count
    instances_of = Counter[str]()
    for shared in by_text.values():
        instances_of.update(dict.fromkeys(shared.values, shared.instances))
    in_order = sorted(instances_of, key=lambda value: (-instances_of[value], value))
    return AttributeValues(
        sum(shared.instances for shared in by_text.values()),
        sum(shared.instances for shared in by_text.values() if shared.values),
        sum(shared.instances for text, shared in by_text.items() if text is not None and not shared.values),
        tuple(ValueCount(value, instances_of[value], series_of[value]) for value in in_order),
        _count_unreached(engine, snapshot, [tag])[tag],
    )


def _count_unreached(engine: sa.Engine, snapshot: Snapshot, tags: Sequence[str]) -> Counter[str]:
    """Count, by tag, the instances that may have an attribute where reading did not come.

    Only headers that were not read to their end are read: an index has them.
    """
    partly_read = sa.select(header.c.id).where(header.c.unreadable_from.is_not(None), header.c.defect.is_(None))
    held = headers_of(snapshot.id, snapshot.location_id).where(header_change.c.header_id.in_(partly_read)).subquery()
    query = sa.select(held.c.instances, header.c.unreadable_from, header.c.attributes).select_from(
        held.join(header, header.c.id == held.c.header_id)
    )
    unreached = Counter[str]()
    with engine.connect() as connection:
        for instances, start, attributes in connection.execute(query, execution_options={"yield_per": BATCH_ROWS}):
            unreached.update({tag: instances for tag in tags if tag >= start and tag not in attributes})
    return unreached


class _DistinctValues:
    """Counts different values by tag. It keeps a hash of 64 bits of each: texts would take ten times the memory."""

    def __init__(self, tag_length: int) -> None:
        self._tag_length = tag_length
        self._hashes: defaultdict[str, array[int]] = defaultdict(lambda: array("q"))
        self._compact_at: dict[str, int] = {}

    def add(self, values: Iterable[str]) -> None:
        """Add values, each with its tag in front; they may repeat."""
        for value in values:
            self._hashes[value[: self._tag_length]].append(hash(value))
        for tag, hashes in self._hashes.items():
            if len(hashes) > self._compact_at.get(tag, MOST_REPEATED):
                distinct = array("q")
                distinct.frombytes(self._distinct(hashes).buffers()[1].to_pybytes())
                self._hashes[tag], self._compact_at[tag] = distinct, 2 * len(distinct) + MOST_REPEATED

    def count(self, tag: str) -> int:
        """Count the different values of a tag."""
        return len(self._distinct(self._hashes[tag]))

    @staticmethod
    def _distinct(hashes: "array[int]") -> Any:
        import pyarrow as pa  # noqa: PLC0415 - heavy, and few commands need it
        import pyarrow.compute as pc  # noqa: PLC0415

        return pc.unique(pa.Array.from_buffers(pa.int64(), len(hashes), [None, pa.py_buffer(hashes)]))


@dataclass(slots=True, eq=False)
class _SharedValues:
    """The values that some headers have in common."""

    values: tuple[str, ...]
    alone: "tuple[_SharedValues, ...]" = ()
    instances: int = 0

    @classmethod
    def read(cls, text: str | None) -> "_SharedValues":
        raw = [] if text is None else json.loads(text)
        values = cls(tuple(dict.fromkeys(filter(None, raw))))
        values.alone = (values,)
        return values


def _selecting(*columns: sa.ColumnElement[Any]) -> SelectsOf:
    """Ask for instances, and columns, of headers that could be judged."""
    return lambda held: sa.select(held.c.instances, *columns).where(header.c.defect.is_(None))


def _values(dialect: sa.Dialect, tag: str) -> sa.ColumnElement[Any]:
    """Select the values of a tag as the text of a list; NULL where the header does not have it."""
    if dialect.name == "postgresql":
        return _text(dialect, header.c.attributes[tag])
    return sa.type_coerce(_text(dialect, header.c.attributes).op("->")(f'$."{tag}"'), sa.Text)


def _text(dialect: sa.Dialect, json_column: sa.ColumnElement[Any]) -> sa.ColumnElement[str]:
    """Give JSON as the database writes it; SQLite holds it as text."""
    return (sa.cast if dialect.name == "postgresql" else sa.type_coerce)(json_column, sa.Text)
