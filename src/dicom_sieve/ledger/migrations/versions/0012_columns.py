"""Values of headers in columns: what a ledger holds already is packed."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import sqlalchemy as sa
from alembic import op

from dicom_sieve.columns.chunk import as_entry, column_of, encode, encode_numbers
from dicom_sieve.errors import LedgerError

revision = "0012"
down_revision = "0011"

BIG_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
BLOCK_ROWS = 16_384
NOTHING = "-"
DIGEST_BYTES = 32

# HEADER blocks belong to no location: they may go while any location is being forgotten.
SQLITE_TRIGGERS = (
    *(
        f"""
        CREATE TRIGGER {table}_is_never_updated BEFORE UPDATE ON {table}
        BEGIN SELECT RAISE(ABORT, 'a block is never changed'); END
        """
        for table in ("block", "chunk")
    ),
    """
    CREATE TRIGGER block_is_never_deleted BEFORE DELETE ON block
    WHEN NOT EXISTS (SELECT 1 FROM forgotten WHERE location_id = coalesce(OLD.location_id, location_id)
                                               AND finished_at IS NULL)
    BEGIN SELECT RAISE(ABORT, 'a block is never changed'); END
    """,
    """
    CREATE TRIGGER chunk_is_never_deleted BEFORE DELETE ON chunk
    WHEN NOT EXISTS (SELECT 1 FROM forgotten
                     WHERE location_id = coalesce((SELECT location_id FROM block WHERE id = OLD.block_id), location_id)
                       AND finished_at IS NULL)
    BEGIN SELECT RAISE(ABORT, 'a block is never changed'); END
    """,
)
POSTGRESQL_TRIGGERS = (
    """
    CREATE FUNCTION keep_block() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'DELETE' AND EXISTS (SELECT 1 FROM forgotten AS f
                                        WHERE f.location_id = coalesce(OLD.location_id, f.location_id)
                                          AND f.finished_at IS NULL) THEN
            RETURN OLD;
        END IF;
        RAISE EXCEPTION 'a block is never changed';
    END $$
    """,
    """
    CREATE FUNCTION keep_chunk() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'DELETE' AND EXISTS (
            SELECT 1 FROM forgotten AS f
            WHERE f.location_id = coalesce((SELECT b.location_id FROM block AS b WHERE b.id = OLD.block_id),
                                           f.location_id)
              AND f.finished_at IS NULL) THEN
            RETURN OLD;
        END IF;
        RAISE EXCEPTION 'a block is never changed';
    END $$
    """,
    *(
        statement
        for table in ("block", "chunk")
        for statement in (
            f"""
            CREATE TRIGGER {table}_is_never_changed BEFORE UPDATE OR DELETE ON {table}
            FOR EACH ROW EXECUTE FUNCTION keep_{table}()
            """,
            f"""
            CREATE TRIGGER {table}_is_never_truncated BEFORE TRUNCATE ON {table}
            FOR EACH STATEMENT EXECUTE FUNCTION refuse_change('a block')
            """,
        )
    ),
)
# As the migration 0002 fixes them for the other tables: a thousand blocks of a thousand headers, 90 attributes each.
STATISTICS = """
INSERT INTO sqlite_stat1 (tbl, idx, stat)
VALUES ('block', 'block_first_id', '1000 1000 1'), ('chunk', 'chunk', '94000 1000 1'),
       ('chunk', 'chunk_block_id', '94000 94')
"""


def upgrade() -> None:
    """Make the tables, pack the headers, and drop the column of their JSON."""
    op.create_table(
        "block",
        sa.Column("id", BIG_KEY, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("location_id", BIG_KEY, sa.ForeignKey("location.id")),
        sa.Column("edition", BIG_KEY, sa.ForeignKey("edition.number"), nullable=False),
        sa.Column("first_id", BIG_KEY, nullable=False),
        sa.Column("last_id", BIG_KEY, nullable=False),
        sa.Column("row_count", sa.BigInteger, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
    )
    op.create_index("block_first_id", "block", ["kind", "first_id"])
    op.create_table(
        "chunk",
        sa.Column("tag", sa.Text, primary_key=True),
        sa.Column("block_id", BIG_KEY, sa.ForeignKey("block.id"), primary_key=True, autoincrement=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("chunk_block_id", "chunk", ["block_id"])
    connection = op.get_bind()
    is_postgresql = connection.dialect.name == "postgresql"
    if is_postgresql:
        op.execute("ALTER TABLE chunk ALTER COLUMN data SET STORAGE EXTERNAL")  # it is compressed already
    for edition, rows in _groups(connection):
        _pack(connection, edition, rows)
    op.drop_column("header", "attributes")
    if is_postgresql:  # else the dropped values stay in the rows
        op.execute("CLUSTER header USING header_pkey")
        op.execute("ALTER TABLE header SET WITHOUT CLUSTER")
    else:
        op.execute(STATISTICS)
    for statement in POSTGRESQL_TRIGGERS if is_postgresql else SQLITE_TRIGGERS:
        op.execute(statement)


def _groups(connection: sa.Connection) -> Iterator[tuple[int, Sequence[sa.Row[Any]]]]:
    """Give the headers of each edition, some at a time, in the order of their ids."""
    query = sa.text(
        "SELECT id, digest, edition, defect, damage, unreadable_from, series_instance_uid, study_instance_uid, "
        "patient, CAST(attributes AS text) AS attributes FROM header WHERE id > :last ORDER BY id LIMIT :rows"
    )
    last = 0
    while rows := connection.execute(query, {"last": last, "rows": BLOCK_ROWS}).all():
        by_edition: dict[int, list[sa.Row[Any]]] = defaultdict(list)
        for row in rows:
            by_edition[row.edition].append(row)
        yield from by_edition.items()
        last = rows[-1].id


def _pack(connection: sa.Connection, edition: int, rows: Sequence[sa.Row[Any]]) -> None:
    contents = [_content(row) for row in rows]
    tags = sorted({tag for content in contents for tag in content})
    extent = column_of([_extent(row) for row in rows])
    columns = {tag: column_of([as_entry(content.get(tag)) for content in contents]) for tag in tags}
    chunks = {name: encode(column) for name, column in columns.items()}
    if extent.entries != (None,):
        chunks["extent"] = encode(extent)
    chunks["id"] = encode_numbers(np.array([row.id for row in rows], np.int64))
    for name, column in (("series", "series_instance_uid"), ("study", "study_instance_uid"), ("patient", "patient")):
        chunks[name] = encode_numbers(np.array([_number(getattr(row, column)) for row in rows], np.int64))
    chunks["digest"] = bytes.fromhex("".join(row.digest for row in rows))
    block_id = connection.execute(
        sa.text(
            "INSERT INTO block (kind, edition, first_id, last_id, row_count, digest) "
            "VALUES ('HEADER', :edition, :first, :last, :rows, :digest) RETURNING id"
        ),
        {
            "edition": edition,
            "first": rows[0].id,
            "last": rows[-1].id,
            "rows": len(rows),
            "digest": _digest(chunks),
        },
    ).scalar_one()
    connection.execute(
        sa.text("INSERT INTO chunk (tag, block_id, data) VALUES (:tag, :block, :data)"),
        [{"tag": tag, "block": block_id, "data": data} for tag, data in sorted(chunks.items())],
    )


def _content(row: sa.Row[Any]) -> Mapping[str, Sequence[str]]:
    """Read the attributes of a header, if a former version can have written the row."""
    with suppress(ValueError, TypeError, AttributeError):
        content = json.loads(row.attributes)
        lists = list(content.values())
        texts = [text for values in lists for text in values]
        are_written = all(isinstance(values, list) for values in lists) and all(map(_is_text, texts))
        if are_written and len(bytes.fromhex(row.digest)) == DIGEST_BYTES:
            return {tag: list(values) for tag, values in content.items()}
    raise LedgerError(
        f"header {row.id} is not as any version writes headers: the ledger was edited; "
        "'dicom-sieve verify' of the version that wrote it names what was changed"
    )


def _is_text(value: object) -> bool:
    return isinstance(value, str) and "\0" not in value


def _number(uid: str | None) -> int:
    return int.from_bytes(hashlib.sha256(uid.encode()).digest()[:8], "little", signed=True) if uid else 0


def _extent(row: sa.Row[Any]) -> str | None:
    if row.damage is None and row.unreadable_from is None:
        defect: str | None = row.defect
        return defect
    has_series = "series" if row.series_instance_uid is not None else None
    return " ".join(part or NOTHING for part in (row.defect, row.damage, row.unreadable_from, has_series))


def _digest(chunks: Mapping[str, bytes]) -> str:
    listed = [[name, hashlib.sha256(data).hexdigest()] for name, data in sorted(chunks.items())]
    return hashlib.sha256(json.dumps(listed, separators=(",", ":")).encode()).hexdigest()
