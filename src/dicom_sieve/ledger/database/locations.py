"""Locations, each once; and rows that concurrent processes add only once."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from dicom_sieve.ledger.database import bulk
from dicom_sieve.ledger.database.entries import EntryKind, append_entry
from dicom_sieve.ledger.database.tables import location
from dicom_sieve.objects import Location


def find_or_add_location(connection: sa.Connection, place: Location) -> int:
    """Give the id of a location, which is recorded when it is new."""
    values = {"endpoint": place.endpoint, "bucket": place.bucket, "prefix": place.prefix}
    query = sa.select(location.c.id).filter_by(**values)
    location_id = connection.scalar(query)
    if location_id is None:
        added = connection.scalar(insert_once(connection, location).values(values).returning(location.c.id))
        location_id = connection.execute(query).scalar_one()
        if added is not None:  # else another process did
            append_entry(connection, EntryKind.LOCATION, location_id, {"location": list(values.values())})
    return int(location_id)


def insert_once(connection: sa.Connection, table: sa.Table) -> postgresql.Insert | sqlite.Insert:
    """Give an INSERT that does nothing where the row exists."""
    return bulk.insert_of(connection, table).on_conflict_do_nothing()


def new_key(result: sa.CursorResult[Any]) -> int:
    """Give the key that the database made for one inserted row."""
    key = result.inserted_primary_key
    if key is None:
        raise LookupError("the database gave no key for the row")
    return int(key[0])
