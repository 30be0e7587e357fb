"""The parts of a location that was divided: an entry of the chain names them, which nobody can change (ADR 63)."""

import sqlalchemy as sa

from dicom_sieve.ledger.database.entries import Entry, EntryKind
from dicom_sieve.ledger.database.outages import read
from dicom_sieve.ledger.database.tables import location, seal_entry

PARTS = "parts"
"""The entry's member with the ids of locations."""


def parts_of(engine: sa.Engine, location_id: int) -> tuple[str, ...]:
    """Give the prefixes of a location's parts, in order; none where it was never divided."""
    last = (
        sa.select(seal_entry)
        .where(seal_entry.c.kind == EntryKind.DIVISION.value, seal_entry.c.subject == location_id)
        .order_by(seal_entry.c.id.desc())
        .limit(1)
    )

    def find(connection: sa.Connection) -> tuple[str, ...]:
        row = connection.execute(last).first()
        ids = Entry(*row).read().get(PARTS, ()) if row else ()
        prefixes = connection.scalars(sa.select(location.c.prefix).where(location.c.id.in_(ids)))
        return tuple(sorted(prefixes))

    return read(engine, find)
