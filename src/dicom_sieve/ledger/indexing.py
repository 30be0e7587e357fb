"""What indexing asks of the ledger, and what it brings: objects without a header, and headers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from dicom_sieve.headers import Instance
from dicom_sieve.ledger.snapshots import insert_once
from dicom_sieve.ledger.tables import header, object_
from dicom_sieve.objects import ObjectInfo

PAGE_ROWS = 10_000
_DIGESTS_A_QUERY = 500


@dataclass(frozen=True, slots=True)
class UnreadObject:
    """An object without a header yet.

    Attributes:
        id: Of its row.
        info: As it was listed.
    """

    id: int
    info: ObjectInfo


@dataclass(frozen=True, slots=True)
class IndexedObject:
    """An object whose header has been read.

    Attributes:
        id: Of its row.
        info: As it was when it was read: an object that changed after it was listed is recorded as it is now.
        instance: What its bytes say.
    """

    id: int
    info: ObjectInfo
    instance: Instance


def count_unread(engine: sa.Engine, location_id: int) -> int:
    """Tell how many objects of the newest snapshot have no header yet."""
    with engine.connect() as connection:
        return connection.scalar(sa.select(sa.func.count()).where(_is_unread(location_id))) or 0


def unread_objects(engine: sa.Engine, location_id: int) -> Iterator[UnreadObject]:
    """Give the objects of the newest snapshot that have no header yet, a page at a time.

    Headers may be recorded meanwhile; an object is given once.
    """
    query = (
        sa.select(object_.c.id, object_.c.key, object_.c.etag, object_.c.size, object_.c.last_modified)
        .where(_is_unread(location_id))
        .order_by(object_.c.id)
        .limit(PAGE_ROWS)
    )
    last = 0
    while True:
        with engine.connect() as connection:
            page = connection.execute(query.where(object_.c.id > last)).all()
        for row in page:
            yield UnreadObject(row.id, ObjectInfo(row.key, row.etag, row.size, row.last_modified))
        if len(page) < PAGE_ROWS:
            return
        last = page[-1].id


def record_headers(connection: sa.Connection, indexed: Sequence[IndexedObject]) -> None:
    """Store what a shard brought, within one transaction; a second time it changes nothing.

    Equal headers are stored once. A row that has a header already keeps it.
    """
    if not indexed:
        return
    ids = _store_headers(connection, indexed)
    connection.execute(
        sa.update(object_)
        .where(object_.c.id == sa.bindparam("row"), object_.c.header_id.is_(None))
        .values(
            header_id=sa.bindparam("to_header"),
            sop_instance_uid=sa.bindparam("uid"),
            etag=sa.bindparam("now_etag"),
            size=sa.bindparam("now_size"),
            last_modified=sa.bindparam("now_modified"),
        ),
        [
            {
                "row": one.id,
                "to_header": ids[one.instance.header.digest],
                "uid": one.instance.sop_instance_uid,
                "now_etag": one.info.etag,
                "now_size": one.info.size,
                "now_modified": one.info.last_modified,
            }
            for one in indexed
        ],
    )


def _store_headers(connection: sa.Connection, indexed: Sequence[IndexedObject]) -> dict[str, int]:
    """Give the row of every header by its digest."""
    headers = {one.instance.header.digest: one.instance.header for one in indexed}
    ids = _find_headers(connection, list(headers))
    new = [
        {
            "digest": digest,
            "study_instance_uid": one.study_instance_uid,
            "series_instance_uid": one.series_instance_uid,
            "sop_class_uid": one.sop_class_uid,
            "attributes": dict(one.attributes),
            "defect": one.defect,
        }
        # In one order for all writers, so that two that store the same headers never wait for each other in a ring.
        for digest, one in sorted(headers.items())
        if digest not in ids
    ]
    if new:
        connection.execute(insert_once(connection, header), new)
        ids |= _find_headers(connection, [str(row["digest"]) for row in new])
    return ids


def _find_headers(connection: sa.Connection, digests: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for start in range(0, len(digests), _DIGESTS_A_QUERY):
        wanted = digests[start : start + _DIGESTS_A_QUERY]
        rows = connection.execute(sa.select(header.c.digest, header.c.id).where(header.c.digest.in_(wanted)))
        found.update((digest, row) for digest, row in rows)
    return found


def _is_unread(location_id: int) -> sa.ColumnElement[bool]:
    return sa.and_(object_.c.location_id == location_id, object_.c.removed_in.is_(None), object_.c.header_id.is_(None))
