"""The headers of a snapshot, with what criteria ask of them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from dicom_sieve.headers import Damage, Defect, Extent
from dicom_sieve.ledger.database.outages import read
from dicom_sieve.ledger.database.tables import header, header_change
from dicom_sieve.ledger.reading.header_counts import headers_of
from dicom_sieve.ledger.reading.pages import pages_of_headers

TAGS_TOGETHER = 50
"""Tags in one call of an SQL function, which takes a hundred arguments."""


HeaderRow = tuple[int, str, str | None, int, int, str | None, str]
"""Id and digest; Series Instance UID; instances and bytes in the snapshot; how far it was read, see `read_extent`; a
text that stands for the values asked for, see `read_values`."""


def headers_to_decide(
    engine: sa.Engine, snapshot_id: int, location_id: int, tags: Sequence[str]
) -> Iterator[Iterator[HeaderRow]]:
    """Give the distinct headers of a snapshot's objects, a page at a time, each once; see `pages_of_headers`.

    Args:
        engine: The ledger's.
        snapshot_id: Which snapshot.
        location_id: Its location.
        tags: Attributes whose values are asked for, as eight upper-case hex digits; one or more.
    """

    def select(held: sa.FromClause) -> sa.Select[Any]:
        return sa.select(
            held.c.header_id,
            header.c.digest,
            header.c.series_instance_uid,
            held.c.instances,
            held.c.bytes,
            select_extent(),
            select_values(engine.dialect, tags),
        )

    return pages_of_headers(engine, snapshot_id, location_id, select)


def read_values(text: str, tags: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
    """Give the values that the text of a header's row stands for, by tag; a tag that the header has not is left out.

    Args:
        text: As the row has it.
        tags: As they were asked for.
    """
    groups = zip(_groups(tags), json.loads(text), strict=True)
    pairs = (pair for group, values in groups for pair in zip(group, values, strict=False))
    return {tag: tuple(values) for tag, values in pairs if values is not None}


def select_extent() -> sa.ColumnElement[str | None]:
    """Select how far headers were read: of nearly all, their defect or NULL; of others, a text of four parts.

    It is one column, since each further column costs time for each of a million rows.
    """
    columns = header.c
    parts = [sa.func.coalesce(column, _NOTHING) for column in (columns.defect, columns.damage, columns.unreadable_from)]
    of_series = sa.case((columns.series_instance_uid.is_(None), _NOTHING), else_="series")
    text = parts[0] + " " + parts[1] + " " + parts[2] + " " + of_series
    is_plain = sa.func.coalesce(columns.unreadable_from, columns.damage).is_(None)
    return sa.case((is_plain, columns.defect), else_=text)


def read_extent(text: str | None) -> Extent:
    """Give how far a header was read.

    Args:
        text: As `select_extent` has it.
    """
    if text is None:
        return _WHOLE
    defect, *others = text.split(" ")
    if not others:
        return Extent(Defect(defect))
    damage, unreadable_from, series = (None if part == _NOTHING else part for part in others)
    return Extent(
        None if defect == _NOTHING else Defect(defect),
        None if damage is None else Damage(damage),
        unreadable_from,
        has_series=series is not None,
    )


_NOTHING = "-"


_WHOLE = Extent()


def count_refused(engine: sa.Engine, snapshot_id: int, location_id: int) -> int:
    """Count a snapshot's objects that the store refused, if it refused all of them; else 0."""
    return read(engine, lambda connection: _count_refused(connection, snapshot_id, location_id))


def _count_refused(connection: sa.Connection, snapshot_id: int, location_id: int) -> int:

    def of(*defects: Defect) -> sa.ColumnElement[bool]:
        return header_change.c.header_id.in_(sa.select(header.c.id).where(header.c.defect.in_(defects)))

    held = headers_of(snapshot_id, location_id)
    refused = held.where(of(Defect.UNREADABLE)).subquery("refused")
    count = connection.scalar(sa.select(sa.func.sum(refused.c.instances)))
    if not count:
        return 0
    readable = held.where(~of(Defect.UNREADABLE, Defect.GONE, Defect.EMPTY_OBJECT)).limit(1)
    return 0 if connection.execute(readable).first() else int(count)


def select_values(dialect: sa.Dialect, tags: Sequence[str]) -> sa.ColumnElement[str]:
    """Select the values of tags as JSON, a list for each group of tags: the same text for the same values."""
    if dialect.name == "postgresql":
        build = sa.func.jsonb_build_array
        return sa.cast(
            build(*(build(*(header.c.attributes[tag] for tag in group)) for group in _groups(tags))), sa.Text
        )
    # json_extract gives a list where it gets several paths, so the first is given once more.
    paths = ([f'$."{tag}"' for tag in [*group, group[0]]] for group in _groups(tags))
    extracted = (sa.func.json_extract(header.c.attributes, *group) for group in paths)
    return sa.func.json_array(*extracted, type_=sa.Text)


def _groups(tags: Sequence[str]) -> Sequence[Sequence[str]]:
    return [tags[start : start + TAGS_TOGETHER] for start in range(0, len(tags), TAGS_TOGETHER)]
