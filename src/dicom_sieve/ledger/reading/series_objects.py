"""The objects of one series of a run, in the order of their images; and the object that a UID or a key names in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import sqlalchemy as sa

from dicom_sieve.dicom.dictionary import key_of
from dicom_sieve.ledger.database.decisions import join_objects, verdict_of_object
from dicom_sieve.ledger.database.header_values import values_of_headers, values_of_objects
from dicom_sieve.ledger.database.outages import all_rows, read
from dicom_sieve.ledger.database.tables import header, object_
from dicom_sieve.ledger.reading.object_names import is_text
from dicom_sieve.ledger.reading.rows import RunRow
from dicom_sieve.ledger.reading.snapshots import is_in_snapshot, place_of_run
from dicom_sieve.objects import ObjectInfo

MOST_OBJECTS = 20_000
"""Of one series; those behind are left out."""
INSTANCE_NUMBER = key_of("InstanceNumber")


@dataclass(frozen=True, slots=True)
class SeriesObject:
    """One object of a series.

    Attributes:
        info: As the run's snapshot holds it: with the etag that was judged.
        sop_instance_uid: None where unknown.
        series_instance_uid: None where unknown.
        verdict: ``PASSED``, ``DISCARDED``, or None where the run could not read it.
        number: Its Instance Number; None where there is none, or it is no number.
    """

    info: ObjectInfo
    sop_instance_uid: str | None
    series_instance_uid: str | None
    verdict: str | None
    number: int | None = None


def objects_of_series(engine: sa.Engine, row: RunRow, series_instance_uid: str) -> list[SeriesObject]:
    """Give the objects of a series that the run's snapshot holds: by Instance Number, then by key; without it last."""
    if not is_text(series_instance_uid):
        return []
    found = _find(engine, row, header.c.series_instance_uid == series_instance_uid)
    return sorted(found, key=lambda each: (each.number is None, each.number or 0, each.info.key))


def find_object(engine: sa.Engine, row: RunRow, name: str) -> SeriesObject | None:
    """Give the object of the run's snapshot that a key, or else a SOP Instance UID, names; None: there is none."""
    if not is_text(name):
        return None
    for condition in (object_.c.key == name, object_.c.sop_instance_uid == name):
        if found := _find(engine, row, condition, most=1):
            return found[0]
    return None


def _find(
    engine: sa.Engine, row: RunRow, condition: sa.ColumnElement[bool], most: int = MOST_OBJECTS
) -> list[SeriesObject]:
    snapshot_id, location_id = place_of_run(engine, row.number)
    if snapshot_id is None:
        return []
    objects = object_.outerjoin(header, header.c.id == object_.c.header_id)
    query = (
        sa.select(
            object_.c.id,
            object_.c.header_id,
            object_.c.key,
            object_.c.etag,
            object_.c.size,
            object_.c.last_modified,
            object_.c.sop_instance_uid,
            header.c.series_instance_uid,
            verdict_of_object.label("verdict"),
        )
        .select_from(join_objects(objects, object_.c.id, object_.c.header_id, row.number))
        .where(condition, is_in_snapshot(snapshot_id, location_id))
        .limit(most)
    )
    rows = read(engine, partial(all_rows, query=query))
    numbers = read(engine, partial(_numbers, location_id=location_id, rows=rows))
    return [
        SeriesObject(
            ObjectInfo(each.key, each.etag, each.size, each.last_modified),
            each.sop_instance_uid,
            each.series_instance_uid,
            each.verdict,
            numbers.get(each.id),
        )
        for each in rows
    ]


def _numbers(connection: sa.Connection, location_id: int, rows: Sequence[sa.Row[Any]]) -> dict[int, int]:
    """Give Instance Numbers by the id of the object."""
    ids, keys = [row.id for row in rows], (INSTANCE_NUMBER,)
    own = values_of_objects(connection, location_id, ids, keys)
    of_headers = values_of_headers(connection, {row.header_id for row in rows} - {None}, keys)
    numbers = {}
    for row in rows:
        values = {**of_headers.get(row.header_id, {}), **own.get(row.id, {})}.get(INSTANCE_NUMBER, ())
        text = values[0].strip() if values else ""
        if text.lstrip("+-").isdecimal() and len(text) <= 12:  # PS3.5 6.2: IS has 12 characters at most
            numbers[row.id] = int(text)
    return numbers
