"""Which locations a ledger holds that nobody has used for long (ADR 58)."""

import datetime
from dataclasses import dataclass
from functools import partial

import sqlalchemy as sa

from dicom_sieve.ledger.database import engine as database
from dicom_sieve.ledger.database.outages import all_rows, read
from dicom_sieve.ledger.database.tables import computation, forgotten, lease, location, run, snapshot
from dicom_sieve.objects import Location


@dataclass(frozen=True, slots=True)
class Unused:
    """A location that was not used for long.

    Attributes:
        place: The location.
        used_at: When it was last listed, screened or computed on; None: that is forgotten already, and something is
            left.
    """

    place: Location
    used_at: datetime.datetime | None


def find_unused(engine: sa.Engine, before: datetime.datetime) -> list[Unused]:
    """Give the locations that were last used before a moment, the longest unused one first.

    A run, a listing and a computation are uses: their begin and their end. A location at which somebody works now is
    in use. One that was forgotten is left out; one that was half forgotten and not used since is not.
    """
    uses = _uses()
    at = sa.func.max(uses.c.used_at).label("used_at")
    last = sa.select(uses.c.location_id, at).group_by(uses.c.location_id).subquery()
    begun = sa.exists().where(forgotten.c.location_id == location.c.id, forgotten.c.finished_at.is_(None))
    held = sa.exists().where(lease.c.location_id == location.c.id, lease.c.expires_at > database.moment(engine))
    query = (
        sa.select(location.c.endpoint, location.c.bucket, location.c.prefix, last.c.used_at)
        .outerjoin_from(location, last, last.c.location_id == location.c.id)
        .where(~held, sa.or_(last.c.used_at < before, sa.and_(last.c.used_at.is_(None), begun)))
        .order_by(last.c.used_at, location.c.id)
    )
    return [Unused(Location(*place), used_at) for *place, used_at in read(engine, partial(all_rows, query=query))]


def _uses() -> sa.Subquery:
    """Give each moment at which a location was used."""
    of_run = [sa.select(run.c.location_id, at.label("used_at")) for at in (run.c.started_at, run.c.finished_at)]
    of_snapshot = [sa.select(snapshot.c.location_id, at) for at in (snapshot.c.started_at, snapshot.c.listed_at)]
    of_computation = [
        sa.select(run.c.location_id, at).join_from(computation, run, run.c.number == computation.c.run_number)
        for at in (computation.c.started_at, computation.c.finished_at)
    ]
    return sa.union_all(*of_run, *of_snapshot, *of_computation).subquery()
