"""What a seal covers: rows of the ledger, each as one line of canonical JSON, the same on both databases (ADR 10).

Values are taken as the database holds them, without conversion to a type, which might hide an edit.
"""

import json
from collections.abc import Iterator, Sequence
from json.encoder import encode_basestring_ascii
from typing import Any

import sqlalchemy as sa

from dicom_sieve.ledger.database import bulk
from dicom_sieve.ledger.database.chunks import BlockKind, digest_chunks
from dicom_sieve.ledger.database.column_types import UtcDateTime
from dicom_sieve.ledger.database.fact_rows import digest_of_snapshot
from dicom_sieve.ledger.database.tables import block, chunk, fact_snapshot, header, location, object_, run, snapshot

Line = tuple[int, bytes]
"""The id of a row, and its line."""

canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode
"""JSON with members sorted by name, no white space, all but ASCII escaped."""

RUN_FIELDS = (
    "number",
    "id",
    "endpoint",
    "bucket",
    "prefix",
    "snapshot_id",
    "criteria",
    "criteria_digest",
    "state",
    "counts",
    "started_at",
    "finished_at",
    "software_version",
    "manifest_uri",
    "manifest_digest",
    "failure",
    "sealed_after",
    "damaged",
    "criteria_name",
    "criteria_version",
    "milliseconds",
)
"""The fields of a run in the order of their ids, from 1. New fields are added at the end."""
LATER_FIELDS = ("damaged", "criteria_name", "criteria_version", "milliseconds")
"""Fields that were added after the first seals: NULL has no line, as in the seals of old runs."""
_JSON_FIELDS = ("criteria", "counts", "milliseconds")
_TIME_FIELDS = ("started_at", "finished_at")


def stored_text(dialect: sa.Dialect, column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """Select a column as text, where it is JSON or a moment: ``2026-01-31 23:59:59.000000``, in UTC."""
    if dialect.name != "postgresql":
        return sa.type_coerce(column, sa.Text)
    if isinstance(column.type, sa.JSON):
        return sa.cast(column, sa.Text)
    return sa.func.to_char(sa.func.timezone("UTC", column), "YYYY-MM-DD HH24:MI:SS.US")


def as_stored(dialect: sa.Dialect, column: sa.Column[Any]) -> sa.ColumnElement[Any]:
    """Select any column as `write_value` takes it."""
    is_plain = not isinstance(column.type, sa.JSON | UtcDateTime)
    return column if is_plain else stored_text(dialect, column)


def write_value(column: sa.Column[Any], value: object) -> str:
    """Write the value of any column."""
    return _json(value) if isinstance(column.type, sa.JSON) else _text(value)


def stream(connection: sa.Connection, query: sa.Select[Any]) -> Iterator[Sequence[Any]]:
    """Stream the rows of a query."""
    with connection.execute(query, execution_options={"yield_per": bulk.ROWS_AT_A_TIME}) as result:
        yield from bulk.rows_of(result)


def run_lines(connection: sa.Connection, run_number: int, *, state: str | None = None) -> Iterator[Line]:
    """Give the fields of a run: ``[number, name, value]``.

    Args:
        connection: Connection to the ledger.
        run_number: Number of the run.
        state: State that it is about to have; None: its present state.
    """
    query = sa.select(*_run_columns(connection.dialect)).select_from(run.join(location))
    for row in connection.execute(query.where(run.c.number == run_number)).mappings():
        for number, name in enumerate(RUN_FIELDS, 1):
            value = state if state and name == "state" else row[name]
            if value is None and name in LATER_FIELDS:
                continue
            if name in _JSON_FIELDS:  # a missing value is JSON's null, never SQL's
                text = "null" if value == "null" else '"NULL"' if value is None else _json(value)
            else:
                text = _text(value)
            yield number, f'[{number},"{name}",{text}]'.encode()


def _run_columns(dialect: sa.Dialect) -> list[sa.ColumnElement[Any]]:
    columns = {**location.c, **run.c}
    return [
        stored_text(dialect, columns[name]).label(name) if name in (*_JSON_FIELDS, *_TIME_FIELDS) else columns[name]
        for name in RUN_FIELDS
    ]


def snapshot_lines(connection: sa.Connection, location_id: int, after: int | None = None) -> Iterator[Line]:
    """Give the snapshots of a location, or those behind one: ``[id, state, started_at, listed_at, counts]``."""
    columns = snapshot.c
    dialect = connection.dialect
    query = (
        sa.select(
            columns.id,
            columns.state,
            stored_text(dialect, columns.started_at),
            stored_text(dialect, columns.listed_at),
            stored_text(dialect, columns.counts),
        )
        .where(columns.location_id == location_id, sa.true() if after is None else columns.id > after)
        .order_by(columns.id)
    )
    for row_id, state, started_at, listed_at, counts in stream(connection, query):
        yield row_id, f"[{row_id},{_text(state)},{_text(started_at)},{_text(listed_at)},{_json(counts)}]".encode()


def block_lines(connection: sa.Connection, location_id: int, after: int | None = None) -> Iterator[Line]:
    """Give the blocks of a location's objects, or those behind one, each with the digest of what it holds.

    ``[id, edition, first_id, last_id, row_count, digest]``; the digest is made of the chunks, and another one that is
    recorded stands behind it.
    """
    columns = block.c
    names = ("id", "edition", "first_id", "last_id", "row_count", "digest")
    query = sa.select(*(columns[name] for name in names)).where(
        columns.kind == BlockKind.OBJECT,
        columns.location_id == location_id,
        sa.true() if after is None else columns.id > after,
    )
    for row_id, *fields, recorded in connection.execute(query.order_by(columns.id)).all():
        held = sa.select(chunk.c.tag, sa.type_coerce(chunk.c.data, sa.types.NullType())).where(
            chunk.c.block_id == row_id
        )
        chunks = {
            str(tag): data if isinstance(data, bytes) else repr(data).encode() for tag, data in connection.execute(held)
        }
        digest = digest_chunks(chunks)
        texts = ",".join(_text(field) for field in (*fields, digest, *([] if recorded == digest else [recorded])))
        yield row_id, f"[{row_id},{texts}]".encode()


def fact_lines(connection: sa.Connection, location_id: int, after: int = 0) -> Iterator[Line]:
    """Give the snapshots of a location with facts of their own, or those behind one, with the digest of their pages.

    ``[id, version, digest]``; the digest is made of the pages, and another one that is recorded stands behind it.
    """
    columns = fact_snapshot.c
    query = sa.select(columns.snapshot_id, columns.version, columns.digest).where(
        columns.location_id == location_id, columns.snapshot_id > after
    )
    for row_id, version, recorded in connection.execute(query.order_by(columns.snapshot_id)).all():
        digest = digest_of_snapshot(connection, row_id)
        texts = ",".join(_text(field) for field in (version, digest, *([] if recorded == digest else [recorded])))
        yield row_id, f"[{row_id},{texts}]".encode()


def objects(dialect: sa.Dialect) -> sa.Select[Any]:
    """Select objects for `object_line` and `removal_line`, in the order of their ids."""
    return (
        sa.select(
            object_.c.id,
            object_.c.key,
            object_.c.etag,
            object_.c.size,
            stored_text(dialect, object_.c.last_modified),
            header.c.digest,
            object_.c.sop_instance_uid,
            object_.c.added_in,
            object_.c.removed_in,
            object_.c.location_id,
        )
        .select_from(object_.outerjoin(header, header.c.id == object_.c.header_id))
        .order_by(object_.c.id)
    )


def is_at(location_id: int) -> sa.ColumnElement[bool]:
    """Select the objects of a location without an index: all objects are read, in the order of their ids."""
    return (object_.c.location_id + 0) == location_id


def object_line(row: Sequence[Any]) -> bytes:
    """Give an object: ``[id, key, etag, size, last_modified, header's digest, sop_instance_uid, added_in]``."""
    row_id, key, etag, size, modified, digest, uid, added_in, *_ = row
    return (
        f"[{row_id},{_text(key)},{_text(etag)},{size},{_text(modified)},{_text(digest)},{_text(uid)},{added_in}]"
    ).encode()


def removal_line(row_id: int, removed_in: int) -> bytes:
    """Give an object that was removed: ``[id, removed_in]``."""
    return f"[{row_id},{removed_in}]".encode()


def _text(value: object) -> str:
    """Write the value of a column of text; one of another type (SQLite stores any) equals nothing that was sealed."""
    if isinstance(value, str):
        return encode_basestring_ascii(value)
    return "null" if value is None else str(value) if isinstance(value, int) else repr(value)


def _json(text: object) -> str:
    """Write the value of a column of JSON; malformed JSON is written as text.

    So is JSON that Python would write otherwise: Python and SQL read repeated members differently.
    """
    if not isinstance(text, str) or text == "null":
        return _text(text)
    try:
        value = json.loads(text)
    except ValueError:
        return _text(text)
    return canonical(value) if json.dumps(value) == text else _text(text)
