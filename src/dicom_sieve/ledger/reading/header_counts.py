"""The headers that a snapshot holds, by sums over changes (ADR 8)."""

from typing import Any

import sqlalchemy as sa

from dicom_sieve.headers import Defect
from dicom_sieve.ledger.database.outages import read
from dicom_sieve.ledger.database.tables import header, header_change


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


def count_refused(engine: sa.Engine, snapshot_id: int, location_id: int) -> int:
    """Count a snapshot's objects that the store refused, if it refused all of them; else 0."""
    return read(engine, lambda connection: _count_refused(connection, snapshot_id, location_id))


def _count_refused(connection: sa.Connection, snapshot_id: int, location_id: int) -> int:

    def of(*defects: Defect) -> sa.ColumnElement[bool]:
        return header_change.c.header_id.in_(sa.select(header.c.id).where(header.c.defect.in_(defects)))

    held = headers_of(snapshot_id, location_id)
    refused = held.where(of(Defect.UNREADABLE)).subquery("refused")
    count = connection.scalar(sa.select(sa.func.sum(refused.c.instances)))
    if not count:
        return 0
    readable = held.where(~of(Defect.UNREADABLE, Defect.GONE, Defect.EMPTY_OBJECT)).limit(1)
    return 0 if connection.execute(readable).first() else int(count)
