"""What indexing reads and writes: objects without a header, and headers."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import sqlalchemy as sa

from dicom_sieve.columns.chunk import column_of, columns_of
from dicom_sieve.headers import Header, Instance
from dicom_sieve.headers.edition import current_edition
from dicom_sieve.headers.header import digest_patient
from dicom_sieve.headers.identities import digest_identities
from dicom_sieve.ledger.database import bulk
from dicom_sieve.ledger.database.chunks import EXTENT, BlockKind, owner_numbers, write_block
from dicom_sieve.ledger.database.column_types import BigKey, UtcDateTime
from dicom_sieve.ledger.database.extents import write_extent
from dicom_sieve.ledger.database.listed_ranges import drop_ranges_of
from dicom_sieve.ledger.database.outages import all_rows, read
from dicom_sieve.ledger.database.secret import select_secret
from dicom_sieve.ledger.database.tables import header, object_
from dicom_sieve.ledger.writing import header_counts
from dicom_sieve.ledger.writing.editions import record_edition
from dicom_sieve.ledger.writing.own_values import write_own_values
from dicom_sieve.objects import ObjectInfo

PAGE_ROWS = 10_000

_headers = bulk.staging(
    "staged_header",
    sa.Column("digest", sa.Text, primary_key=True),
    sa.Column("study_instance_uid", sa.Text),
    sa.Column("series_instance_uid", sa.Text),
    sa.Column("sop_class_uid", sa.Text),
    sa.Column("defect", sa.Text),
    sa.Column("patient", sa.Text),
    sa.Column("damage", sa.Text),
    sa.Column("unreadable_from", sa.Text),
    sa.Column("edition", BigKey),
)
_read = bulk.staging(
    "staged_read",
    sa.Column("id", BigKey, primary_key=True),
    sa.Column("digest", sa.Text),
    sa.Column("sop_instance_uid", sa.Text),
    sa.Column("etag", sa.Text),
    sa.Column("size", sa.BigInteger),
    sa.Column("last_modified", UtcDateTime),
)


@dataclass(frozen=True, slots=True)
class UnreadObject:
    """An object without a header yet.

    Attributes:
        id: Id of its row.
        info: As it was listed.
    """

    id: int
    info: ObjectInfo


@dataclass(frozen=True, slots=True)
class IndexedObject:
    """An object whose header has been read.

    Attributes:
        id: Id of its row.
        info: As it was when it was read: an object that changed after it was listed is recorded as it is now.
        instance: Header and SOP Instance UID that were read.
        was_overwritten: Whether it changed after it was listed.
    """

    id: int
    info: ObjectInfo
    instance: Instance
    was_overwritten: bool = False


def count_unread(engine: sa.Engine, location_id: int) -> tuple[int, int]:
    """Tell how many objects of the newest snapshot have no header yet, and their bytes."""
    query = sa.select(sa.func.count(), sa.func.sum(object_.c.size)).where(_is_unread(location_id))
    objects, size = read(engine, lambda connection: connection.execute(query).one())
    return objects, int(size or 0)


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
        page = read(engine, partial(all_rows, query=query.where(object_.c.id > last)))
        for row in page:
            yield UnreadObject(row.id, ObjectInfo(row.key, row.etag, row.size, row.last_modified))
        if len(page) < PAGE_ROWS:
            return
        last = page[-1].id


def record_headers(
    connection: sa.Connection,
    location_id: int,
    indexed: Sequence[IndexedObject],
    in_clear: frozenset[int] = frozenset(),
) -> int:
    """Store the headers of some shards, and what each object has for itself; idempotent.

    Equal headers are stored once. A row that has a header already keeps it.

    Args:
        connection: Within a transaction, under the location's lease.
        location_id: The location's.
        indexed: Each row once.
        in_clear: Tags of what is kept as it is, although it identifies.

    Returns:
        How many rows had no header before.
    """
    if not indexed:
        return 0
    secret = select_secret(connection)
    read_headers = {id(indexed_object.instance.header): indexed_object.instance.header for indexed_object in indexed}
    # The objects of a series share one.
    distinct = {
        key: replace(content, attributes=digest_identities(content.attributes, secret, in_clear))
        for key, content in read_headers.items()
    }
    edition = current_edition()
    digests = {key: content.digest(secret, edition.mark) for key, content in distinct.items()}
    number = record_edition(connection, edition)
    _store_headers(connection, {digests[key]: content for key, content in distinct.items()}, number, secret)
    as_moment = bulk.stored(connection, object_.c.last_modified)
    bulk.stage(
        connection,
        _read,
        (
            (
                indexed_object.id,
                digests[id(indexed_object.instance.header)],
                indexed_object.instance.sop_instance_uid,
                indexed_object.info.etag,
                indexed_object.info.size,
                as_moment(indexed_object.info.last_modified),
            )
            for indexed_object in indexed
        ),
    )
    is_new = sa.and_(
        bulk.is_staged(object_.c.id, _read),
        object_.c.header_id.is_(None),
        object_.c.removed_in.is_(None),
        object_.c.id == _read.c.id,
        header.c.digest == _read.c.digest,
    )
    header_counts.add(
        connection,
        sa.select(object_.c.location_id, header.c.id, object_.c.added_in, sa.func.count(), sa.func.sum(_read.c.size))
        .where(is_new)
        .group_by(object_.c.location_id, header.c.id, object_.c.added_in),
    )
    drop_ranges_of(connection, location_id, [found.info.key for found in indexed if found.was_overwritten])
    values = {name: _read.c[name] for name in ("sop_instance_uid", "etag", "size", "last_modified")}
    update = sa.update(object_).where(is_new).values(header_id=header.c.id, **values)
    columns = (object_.c.id, object_.c.header_id, object_.c.size, object_.c.added_in)
    rows = [tuple(row) for row in connection.execute(update.returning(*columns))]
    own = {found.id: digest_identities(found.instance.own, secret, in_clear) for found in indexed}
    write_own_values(connection, location_id, number, rows, own)
    return len(rows)


def _store_headers(connection: sa.Connection, headers: Mapping[str, Header], edition: int, secret: bytes) -> None:
    """Store those that are new, as one block."""
    rows = (
        (
            digest,
            content.study_instance_uid,
            content.series_instance_uid,
            content.sop_class_uid,
            content.defect and content.defect.value,
            digest_patient(content.patient, secret),
            content.damage and content.damage.value,
            content.unreadable_from,
            edition,
        )
        for digest, content in headers.items()
    )
    bulk.stage(connection, _headers, rows)
    is_known = sa.exists().where(header.c.digest == _headers.c.digest)
    # The same order for all writers prevents deadlocks.
    new = sa.select(_headers).where(~is_known).order_by(_headers.c.digest)
    insert = bulk.insert_of(connection, header).from_select(_headers.c.keys(), new).on_conflict_do_nothing()
    added = sorted((row.id, row.digest) for row in connection.execute(insert.returning(header.c.id, header.c.digest)))
    if not added:
        return
    ids = [header_id for header_id, _ in added]
    contents = [headers[digest] for _, digest in added]
    write_block(
        connection,
        BlockKind.HEADER,
        edition,
        ids,
        columns={EXTENT: column_of(map(_extent, contents)), **columns_of([content.attributes for content in contents])},
        numbers=owner_numbers(
            (content.series_instance_uid, content.study_instance_uid, digest_patient(content.patient, secret))
            for content in contents
        ),
        digests=[digest for _, digest in added],
    )


def _extent(content: Header) -> str | None:
    """Say how far a header was read, as `read_extent` reads it; None: whole."""
    return write_extent(
        content.defect and content.defect.value,
        content.damage and content.damage.value,
        content.unreadable_from,
        has_series=content.series_instance_uid is not None,
    )


def _is_unread(location_id: int) -> sa.ColumnElement[bool]:
    return sa.and_(object_.c.location_id == location_id, object_.c.removed_in.is_(None), object_.c.header_id.is_(None))
