"""Recording editions: what headers are read for."""

from dataclasses import asdict

import sqlalchemy as sa

from dicom_sieve.headers.edition import Edition
from dicom_sieve.ledger.database import bulk
from dicom_sieve.ledger.database.entries import EntryKind, append_entry
from dicom_sieve.ledger.database.tables import edition


def record_edition(connection: sa.Connection, read_for: Edition) -> int:
    """Give the number of an edition, which is recorded when it is new; within a transaction."""
    query = sa.select(edition.c.number).where(edition.c.digest == read_for.digest)
    number = connection.scalar(query)
    if number is None:
        values = {**asdict(read_for), "digest": read_for.digest}
        insert = bulk.insert_of(connection, edition).on_conflict_do_nothing()
        added = connection.scalar(insert.values(values).returning(edition.c.number))
        number = connection.execute(query).scalar_one()
        if added is not None:  # else another process did
            append_entry(connection, EntryKind.EDITION, number, {"edition": read_for.digest})
    return int(number)
