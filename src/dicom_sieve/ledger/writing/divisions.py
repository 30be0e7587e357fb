"""Recording into which parts a location is divided."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import sqlalchemy as sa

from dicom_sieve.ledger.database.entries import EntryKind, append_entry
from dicom_sieve.ledger.database.locations import find_or_add_location
from dicom_sieve.ledger.leases.lease import Lease
from dicom_sieve.ledger.reading.divisions import PARTS


def record_parts(lease: Lease, prefixes: Sequence[str]) -> None:
    """Record all parts of the location whose lease is held; these become locations, where they are not yet."""
    lease.write(partial(_record, lease=lease, prefixes=prefixes))


def _record(connection: sa.Connection, *, lease: Lease, prefixes: Sequence[str]) -> None:
    ids = [find_or_add_location(connection, replace(lease.place, prefix=prefix)) for prefix in prefixes]
    append_entry(connection, EntryKind.DIVISION, lease.location_id, {"location": lease.location_id, PARTS: ids})
