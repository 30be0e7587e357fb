"""The locations that a ledger knows, each with what it held when it was listed last."""

import datetime
from dataclasses import dataclass
from functools import partial

import sqlalchemy as sa

from dicom_sieve.errors import UnknownPlaceError
from dicom_sieve.ledger.database.outages import all_rows, read
from dicom_sieve.ledger.database.states import SnapshotState
from dicom_sieve.ledger.database.tables import forgotten, location, run, snapshot
from dicom_sieve.objects import Location


@dataclass(frozen=True, slots=True)
class Place:
    """A location.

    Attributes:
        id: Of its row.
        location: Where it is.
        listed_at: When it was listed to the end last; None: never.
        objects: That it held then.
        bytes: Their size.
        runs: On it, of any state.
        series: Of which its last completed run judged any instance; None: there is no such run.
    """

    id: int
    location: Location
    listed_at: datetime.datetime | None
    objects: int
    bytes: int
    runs: int
    series: int | None


def list_places(engine: sa.Engine) -> list[Place]:
    """Give every location, the one that was used last first; one that is being forgotten is left out."""
    return _list(engine)


def _list(engine: sa.Engine, *conditions: sa.ColumnElement[bool]) -> list[Place]:
    runs = sa.select(run.c.location_id, sa.func.count().label("runs"), sa.func.max(run.c.number).label("last"))
    runs_of = runs.group_by(run.c.location_id).subquery()
    listed = sa.select(snapshot.c.location_id, sa.func.max(snapshot.c.id).label("id"))
    complete = listed.where(snapshot.c.state == SnapshotState.COMPLETE).group_by(snapshot.c.location_id).subquery()
    counted = sa.select(run.c.location_id, sa.func.max(run.c.number).label("number")).where(run.c.counts.is_not(None))
    last_counted = counted.group_by(run.c.location_id).subquery()
    last_run = run.alias()
    is_half_forgotten = sa.exists().where(forgotten.c.location_id == location.c.id, forgotten.c.finished_at.is_(None))
    query = (
        sa.select(
            location.c.id,
            location.c.endpoint,
            location.c.bucket,
            location.c.prefix,
            snapshot.c.listed_at,
            snapshot.c.counts,
            sa.func.coalesce(runs_of.c.runs, 0),
            last_run.c.counts,
        )
        .select_from(location)
        .outerjoin(complete, complete.c.location_id == location.c.id)
        .outerjoin(snapshot, snapshot.c.id == complete.c.id)
        .outerjoin(runs_of, runs_of.c.location_id == location.c.id)
        .outerjoin(last_counted, last_counted.c.location_id == location.c.id)
        .outerjoin(last_run, last_run.c.number == last_counted.c.number)
        .where(~is_half_forgotten, *conditions)
        .order_by(sa.func.coalesce(runs_of.c.last, 0).desc(), location.c.id.desc())
    )
    places = []
    rows = read(engine, partial(all_rows, query=query))
    for id_, endpoint, bucket, prefix, listed_at, counts, run_count, of_run in rows:
        held = counts or {}
        series = None if of_run is None else sum((of_run.get("series") or {}).values())
        where = Location(endpoint, bucket, prefix)
        places.append(Place(id_, where, listed_at, held.get("listed", 0), held.get("bytes", 0), run_count, series))
    return places


def find_place(engine: sa.Engine, place_id: int) -> Place:
    """Give one location by its id.

    Raises:
        UnknownPlaceError: There is none.
    """
    places = _list(engine, location.c.id == place_id)
    if not places:
        raise UnknownPlaceError(place_id)
    return places[0]
