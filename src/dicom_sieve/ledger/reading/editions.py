"""Editions: what headers were read for. Of other attributes they say nothing (ADR 32)."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from dicom_sieve.dicom.dictionary import FUNCTIONAL_GROUPS, Attribute
from dicom_sieve.headers.edition import lacks, tags_in
from dicom_sieve.ledger.database.chunks import BlockKind
from dicom_sieve.ledger.database.outages import all_rows, read
from dicom_sieve.ledger.database.tables import block, edition, header
from dicom_sieve.ledger.reading.header_counts import headers_of

_NEWEST = 2**62
"""A number higher than that of any snapshot."""


@dataclass(frozen=True, slots=True)
class ReadForLess:
    """Headers that were not read for what is asked for.

    Attributes:
        editions: Numbers of their editions.
        names: Names of their editions.
        attributes: Attributes that are asked for and were not read.
        headers: Number of headers.
        objects: Number of their objects.
    """

    editions: tuple[int, ...]
    names: tuple[str, ...]
    attributes: tuple[Attribute, ...]
    headers: int
    objects: int

    def describe(self) -> str:
        """Say what was read, and what was not, in a clause."""
        objects = f"{self.objects:,} {'object' if self.objects == 1 else 'objects'}"
        headers = f"{self.headers:,} {'header' if self.headers == 1 else 'headers'}"
        was = "was" if self.objects == 1 else "were"
        names = " or ".join(self.names)
        return f"{objects} ({headers}) {was} read for {names} alone, not for {self.describe_attributes()}"

    @property
    def named(self) -> tuple[Attribute, ...]:
        """What people asked for of it: the groups of frames are named where nothing else is missing."""
        asked = (attribute for attribute in self.attributes if attribute.hex_tag not in FUNCTIONAL_GROUPS)
        return tuple(asked) or self.attributes

    def describe_attributes(self) -> str:
        """Name what was not read."""
        return " and ".join(map(str, self.named))


def all_read_for(
    engine: sa.Engine, location_id: int, attributes: Iterable[Attribute], snapshot_id: int
) -> list[Attribute]:
    """Give those attributes that all headers of a snapshot were read for; see `find_read_for_less`."""
    return [each for each in attributes if find_read_for_less(engine, location_id, [each], snapshot_id) is None]


def find_read_for_less(
    engine: sa.Engine, location_id: int, attributes: Iterable[Attribute], snapshot_id: int | None = None
) -> ReadForLess | None:
    """Find the headers of a snapshot that were not read for attributes; None where all were.

    Headers are searched only where the ledger has an edition without one of the attributes.

    Args:
        engine: The ledger's.
        location_id: The snapshot's location.
        attributes: Attributes that are asked for.
        snapshot_id: Id of the snapshot; None: the location's objects as they are recorded now.
    """
    wanted = tuple(dict.fromkeys(attributes))
    lacking = _lacking(engine, wanted)
    if not lacking:
        return None
    is_of_these = is_read_for_less([row.number for row, _ in lacking])
    headers = _count(engine, location_id, snapshot_id, is_of_these)
    present = [(row, missing) for row, missing in lacking if row.number in headers]
    if not present:
        return None
    missed = {attribute for _, missing in present for attribute in missing}
    return ReadForLess(
        tuple(row.number for row, _ in present),
        tuple(dict.fromkeys(row.name for row, _ in present)),
        tuple(attribute for attribute in wanted if attribute in missed),
        sum(count for count, _ in headers.values()),
        sum(objects for _, objects in headers.values()),
    )


def editions_without(engine: sa.Engine, attributes: Iterable[Attribute]) -> list[int]:
    """Give the numbers of the editions that lack any of some attributes."""
    return [row.number for row, _ in _lacking(engine, tuple(attributes))]


def _lacking(engine: sa.Engine, wanted: Sequence[Attribute]) -> list[tuple[sa.Row[Any], list[Attribute]]]:
    """Give the editions that lack attributes, and these."""
    return [(row, missing) for row in _with_headers(engine) if (missing := _missing(row.header_tags, wanted))]


def _with_headers(engine: sa.Engine) -> Sequence[sa.Row[Any]]:
    """Give the editions that headers of the ledger were read for: few blocks tell it, of very many headers."""
    of_headers = sa.select(block.c.edition).where(block.c.kind == BlockKind.HEADER)
    query = sa.select(edition).where(edition.c.number.in_(of_headers)).order_by(edition.c.number)
    return read(engine, lambda connection: all_rows(connection, query))


def is_read_for_less(editions: Sequence[int]) -> sa.ColumnElement[bool]:
    """Select the headers of some editions that have attributes: of all others, only the defect is known."""
    has_attributes = header.c.defect.is_(None) | header.c.damage.is_not(None)
    return header.c.edition.in_(editions) & has_attributes


def _missing(header_tags: str, wanted: Sequence[Attribute]) -> list[Attribute]:
    tags = tags_in(header_tags)
    return [attribute for attribute in wanted if lacks(tags, attribute)]


def count_not_read_for(engine: sa.Engine, location_id: int, snapshot_id: int, tags: Sequence[str]) -> Counter[str]:
    """Count, by tag, the objects without a defect whose headers were not read for it; see `find_read_for_less`."""
    missing = {row.number: set(tags) - tags_in(row.header_tags) for row in _with_headers(engine)}
    lacking = [number for number, missed in missing.items() if missed]
    counts = Counter[str]()
    if lacking:
        is_of_these = header.c.edition.in_(lacking) & header.c.defect.is_(None)
        for number, (_, objects) in _count(engine, location_id, snapshot_id, is_of_these).items():
            counts.update(dict.fromkeys(missing[number], objects))
    return counts


def _count(
    engine: sa.Engine, location_id: int, snapshot_id: int | None, are_these: sa.ColumnElement[bool]
) -> dict[int, tuple[int, int]]:
    """Count headers and objects that a snapshot holds, by edition."""
    held = headers_of(_NEWEST if snapshot_id is None else snapshot_id, location_id).subquery("held")
    instances = sa.cast(sa.func.sum(held.c.instances), sa.BigInteger)
    query = (
        sa.select(header.c.edition, sa.func.count(), instances)
        .select_from(held.join(header, header.c.id == held.c.header_id))
        .where(are_these)
        .group_by(header.c.edition)
    )
    return {
        number: (headers, objects)
        for number, headers, objects in read(engine, lambda connection: all_rows(connection, query))
    }
