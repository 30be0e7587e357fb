"""Reading snapshots: what a location held when it was listed."""

import datetime
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass
from functools import partial
from itertools import starmap
from operator import add
from typing import Any, NamedTuple

import sqlalchemy as sa

from dicom_sieve.dicom.dictionary import Attribute
from dicom_sieve.errors import LedgerError
from dicom_sieve.headers import Defect
from dicom_sieve.ledger.database.outages import all_rows, read
from dicom_sieve.ledger.database.states import SnapshotState
from dicom_sieve.ledger.database.tables import forgotten, header, location, object_, run, snapshot
from dicom_sieve.ledger.reading.editions import find_read_for_less, is_read_for_less
from dicom_sieve.objects import Location

PAGE_ROWS = 5_000


class KnownObject(NamedTuple):
    """An object that the last snapshot left open: a tuple, for there are millions.

    Attributes:
        id: Of its row.
        key: Its key.
        etag: Its entity tag.
        size: In bytes.
        header_id: None where it was not read yet.
        is_read_for_less: Whether its header was not read for what is asked for.
    """

    id: int
    key: str
    etag: str
    size: int
    header_id: int | None
    is_read_for_less: bool = False


@dataclass(frozen=True, slots=True)
class SnapshotCounts:
    """How many objects a snapshot holds, and how it differs from the one before.

    Attributes:
        listed: Objects in it.
        bytes: Their size altogether.
        added: New or changed objects, and those that must be read again.
        removed: Objects of the snapshot before that are gone or changed.
        read_again: Unchanged objects among both, whose headers were not read for what was asked for.
    """

    listed: int = 0
    bytes: int = 0
    added: int = 0
    removed: int = 0
    read_again: int = 0

    def as_json(self) -> dict[str, int]:
        """Give them by name; what was read again only where there is any."""
        counts = {"listed": self.listed, "bytes": self.bytes, "added": self.added, "removed": self.removed}
        return {**counts, "read_again": self.read_again} if self.read_again else counts

    def plus(self, other: "SnapshotCounts") -> "SnapshotCounts":
        """Add others up with these."""
        return SnapshotCounts(*map(add, astuple(self), astuple(other)))


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a location held when it was listed to the end.

    Attributes:
        id: Of its row.
        location_id: Of its location's row.
        place: Which location.
        counts: How many objects.
        listed_at: When.
    """

    id: int
    location_id: int
    place: Location
    counts: SnapshotCounts
    listed_at: datetime.datetime


def last_snapshot(engine: sa.Engine, place: Location) -> Snapshot:
    """Give the last complete listing of a location, without listing it.

    Raises:
        LedgerError: There is none, or half of it is forgotten.
    """
    is_half_forgotten = sa.exists().where(forgotten.c.location_id == location.c.id, forgotten.c.finished_at.is_(None))
    query = (
        sa.select(snapshot.c.id, snapshot.c.location_id, snapshot.c.counts, snapshot.c.listed_at)
        .select_from(snapshot.join(location))
        .where(location.c.endpoint == place.endpoint, location.c.bucket == place.bucket)
        .where(location.c.prefix == place.prefix, ~is_half_forgotten, snapshot.c.state == SnapshotState.COMPLETE)
        .order_by(snapshot.c.id.desc())
        .limit(1)
    )
    with engine.connect() as connection:
        row = connection.execute(query).first()
    if row is None:
        advice = "'dicom-sieve preview' without --no-listing, or a run, makes one"
        raise LedgerError(f"the ledger holds no complete listing of {place}; {advice}")
    return Snapshot(row.id, row.location_id, place, SnapshotCounts(**row.counts), row.listed_at)


def refuse_read_for_less(engine: sa.Engine, snapshot: Snapshot, attributes: Iterable[Attribute]) -> None:
    """Refuse attributes that not all headers of a snapshot were read for: they would count as absent.

    Raises:
        LedgerError: Some were not.
    """
    less = find_read_for_less(engine, snapshot.location_id, attributes, snapshot.id)
    if less is not None:
        pronoun = "it" if len(less.named) == 1 else "them"
        raise LedgerError(
            f"{snapshot.place}: {less.describe()}, so the ledger cannot tell; a new run, or 'dicom-sieve preview' "
            f"without --no-listing, with criteria that name {pronoun} reads them again"
        )


def known_objects(
    engine: sa.Engine,
    location_id: int,
    lacking: Sequence[int] = (),
    *,
    between: tuple[str | None, str | None] = (None, None),
) -> Iterator[KnownObject]:
    """Give the open objects of a location in the order of their keys, a page at a time.

    The pages are separate queries, so that rows behind the last given one may be written meanwhile.

    Args:
        engine: The ledger's.
        location_id: Which location.
        lacking: The numbers of editions that say too little for what is asked for.
        between: Those behind the first key, up to the second; None: from the first on, to the last.
    """
    after, last = between
    query = _select_objects(lacking).where(_is_open_at(location_id))
    if last is not None:
        query = query.where(object_.c.key <= last)
    query = query.order_by(object_.c.key).limit(PAGE_ROWS)
    while True:
        following = query if after is None else query.where(object_.c.key > after)
        page: Sequence[Any] = read(engine, partial(all_rows, query=following))
        yield from starmap(KnownObject, page)
        if len(page) < PAGE_ROWS:
            return
        after = page[-1].key


def known_between(engine: sa.Engine, location_id: int, first: str, end: str) -> list[KnownObject]:
    """Give the open objects of a location from a key on (inclusive) up to another one (exclusive), in their order."""
    query = _select_objects(()).where(_is_open_at(location_id), object_.c.key >= first, object_.c.key < end)
    rows = read(engine, partial(all_rows, query=query.order_by(object_.c.key)))
    return list(starmap(KnownObject, rows))


def _is_open_at(location_id: int) -> sa.ColumnElement[bool]:
    return sa.and_(object_.c.location_id == location_id, object_.c.removed_in.is_(None))


def _select_objects(lacking: Sequence[int]) -> sa.Select[Any]:
    query = sa.select(object_.c.id, object_.c.key, object_.c.etag, object_.c.size, object_.c.header_id)
    if not lacking:  # nearly always: no header is looked up
        return query
    with_headers = object_.outerjoin(header, header.c.id == object_.c.header_id)
    return query.add_columns(sa.func.coalesce(is_read_for_less(lacking), sa.false())).select_from(with_headers)


def unsettled_headers(engine: sa.Engine) -> frozenset[int | None]:
    """Give the headers, and None for none, whose objects must be read again although their bytes are the same."""
    query = sa.select(header.c.id).where(_is_unsettled)
    return read(engine, lambda connection: frozenset(connection.scalars(query))) | {None}


def unsettled_keys(engine: sa.Engine, location_id: int, most: int) -> list[str] | None:
    """Give the keys of the open objects of a location that must be read again, in order; None: there are too many.

    Args:
        engine: The ledger's.
        location_id: Which location.
        most: How many are given at most.
    """
    of_open = sa.select(object_.c.key).where(_is_open_at(location_id))
    unread = of_open.where(object_.c.header_id.is_(None)).limit(most + 1)
    refused = of_open.join(header, header.c.id == object_.c.header_id).where(_is_unsettled).limit(most + 1)
    rows = [row for query in (unread, refused) for row in read(engine, partial(all_rows, query=query))]
    keys = [row.key for row in rows]
    return None if len(keys) > most else sorted(keys)


_is_unsettled = header.c.defect.in_([defect for defect in Defect if not defect.is_lasting])


def place_of_run(engine: sa.Engine, run_number: int) -> tuple[Any, int]:
    """Give the ids of a run's snapshot, None where it has none, and of its location."""
    query = sa.select(run.c.snapshot_id, run.c.location_id).where(run.c.number == run_number)
    snapshot_id, location_id = read(engine, lambda connection: connection.execute(query).one())
    return snapshot_id, location_id


def is_in_snapshot(
    snapshot_id: int | sa.ColumnElement[int], location_id: int | sa.ColumnElement[int]
) -> sa.ColumnElement[bool]:
    """Tell which object rows a snapshot holds."""
    return sa.and_(
        object_.c.location_id == location_id,
        object_.c.added_in <= snapshot_id,
        object_.c.removed_in.is_(None) | (object_.c.removed_in > snapshot_id),
    )
