"""Finding runs, and what is to be published of one."""

from collections.abc import Collection, Iterator
from functools import partial
from itertools import islice
from typing import Any

import sqlalchemy as sa

from dicom_sieve.ledger.database.decisions import findings_of_object, join_objects, verdict_of_object
from dicom_sieve.ledger.database.outages import all_rows, read
from dicom_sieve.ledger.database.states import RunState
from dicom_sieve.ledger.database.tables import header, location, object_, run
from dicom_sieve.ledger.reading.snapshots import is_in_snapshot
from dicom_sieve.objects import ObjectInfo

ABANDONED = "its process ended before the run did"
"""The failure of a run that nobody ended."""


PAGE_ROWS = 10_000


NAMES_AT_A_TIME = 500


def find_run(engine: sa.Engine, names: Collection[str]) -> str | None:
    """Give the first of these names that is a run's id; None where none is."""
    remaining = iter(sorted(name for name in names if "\0" not in name))  # which PostgreSQL has no text with
    with engine.connect() as connection:
        while batch := list(islice(remaining, NAMES_AT_A_TIME)):
            query = sa.select(run.c.id).where(run.c.id.in_(batch)).order_by(run.c.id).limit(1)
            if (run_id := connection.scalar(query)) is not None:
                return str(run_id)
    return None


def begins_with(column: sa.ColumnElement[str], prefix: str) -> sa.ColumnElement[bool]:
    """Compare a text's beginning, alike on both databases: SQLite's LIKE does not mind case."""
    return sa.func.substr(column, 1, len(prefix)) == prefix


def is_running(engine: sa.Engine, run_number: int) -> bool:
    """Tell whether a run has no end on record."""
    state = sa.select(run.c.state).where(run.c.number == run_number)
    return bool(read(engine, lambda connection: connection.scalar(state)) == RunState.RUNNING)


def instances_to_publish(run_number: int, snapshot_id: int, location_id: int, verdict: str) -> sa.Select[Any]:
    """Select the columns of a manifest's instances of one verdict, in the order of keys."""
    return (
        sa.select(
            location.c.bucket,
            object_.c.key,
            object_.c.etag,
            object_.c.size,
            header.c.study_instance_uid,
            header.c.series_instance_uid,
            header.c.sop_class_uid,
            object_.c.sop_instance_uid,
            findings_of_object,
            header.c.defect,
        )
        .select_from(
            join_objects(
                object_.join(location).join(header, header.c.id == object_.c.header_id),
                object_.c.id,
                object_.c.header_id,
                run_number,
            )
        )
        .where(is_in_snapshot(snapshot_id, location_id), verdict_of_object == verdict)
        .order_by(object_.c.key)
    )


def objects_to_copy(
    engine: sa.Engine, run_number: int, snapshot_id: int, location_id: int, verdict: str
) -> Iterator[tuple[ObjectInfo, str | None]]:
    """Give the objects of one verdict, and their series, in the order of keys.

    They are read a page at a time: no connection is held open while they are copied.
    """
    read_objects = object_.join(header, header.c.id == object_.c.header_id)
    query = (
        sa.select(object_.c.key, object_.c.etag, object_.c.size, object_.c.last_modified, header.c.series_instance_uid)
        .select_from(join_objects(read_objects, object_.c.id, object_.c.header_id, run_number))
        .where(is_in_snapshot(snapshot_id, location_id), verdict_of_object == verdict)
        .order_by(object_.c.key)
        .limit(PAGE_ROWS)
    )
    following = query
    while True:
        page = read(engine, partial(all_rows, query=following))
        for row in page:
            yield ObjectInfo(row.key, row.etag, row.size, row.last_modified), row.series_instance_uid
        if len(page) < PAGE_ROWS:
            return
        following = query.where(object_.c.key > page[-1].key)
