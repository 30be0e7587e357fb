"""The headers that a snapshot holds, by sums over changes (ADR 8)."""

from typing import Any

import sqlalchemy as sa

from dicom_sieve.ledger.database.tables import header_change


def headers_of(snapshot_id: int, location_id: int) -> sa.Select[Any]:
    """Select the headers of a snapshot's objects, unordered, and the number of instances and bytes of each."""
    instances, size = sa.func.sum(header_change.c.instances), sa.func.sum(header_change.c.bytes)
    return (
        sa.select(
            header_change.c.header_id,
            sa.cast(instances, sa.BigInteger).label("instances"),
            sa.cast(size, sa.BigInteger).label("bytes"),
        )
        .where(header_change.c.location_id == location_id, header_change.c.snapshot_id <= snapshot_id)
        .group_by(header_change.c.header_id)
        .having(instances > 0)
    )
