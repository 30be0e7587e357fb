"""One chain over all that is sealed, whatever location it belongs to; the ledger's own id and key are its beginning."""

import hashlib
import json
import secrets
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

BIG_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
FORMAT = "dicom-sieve entry 1"
ID_BYTES = 16

SQLITE_TRIGGERS = (
    """
    CREATE TRIGGER seal_entry_is_never_replaced BEFORE INSERT ON seal_entry
    WHEN EXISTS (SELECT 1 FROM seal_entry WHERE id >= NEW.id)
    BEGIN SELECT RAISE(ABORT, 'a seal is never changed'); END
    """,
    """
    CREATE TRIGGER seal_entry_is_never_updated BEFORE UPDATE ON seal_entry
    BEGIN SELECT RAISE(ABORT, 'a seal is never changed'); END
    """,
    """
    CREATE TRIGGER seal_entry_is_never_deleted BEFORE DELETE ON seal_entry
    BEGIN SELECT RAISE(ABORT, 'a seal is never changed'); END
    """,
)
POSTGRESQL_TRIGGERS = (
    """
    CREATE TRIGGER seal_entry_is_never_changed BEFORE UPDATE OR DELETE ON seal_entry
    FOR EACH ROW EXECUTE FUNCTION refuse_change('a seal')
    """,
    """
    CREATE TRIGGER seal_entry_is_never_truncated BEFORE TRUNCATE ON seal_entry
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change('a seal')
    """,
)


def upgrade() -> None:
    """Make the table, and enter what was sealed before. Computations and forgotten locations from before are not."""
    table = op.create_table(
        "seal_entry",
        sa.Column("id", BIG_KEY, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("subject", BIG_KEY),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("seal", sa.Text, nullable=False),
    )
    rows: list[dict[str, Any]] = []
    for kind, subject, content in _what_there_is(op.get_bind()):
        entry = {"id": len(rows) + 1, "kind": kind, "subject": subject, "content": _canonical(content)}
        previous = rows[-1]["seal"] if rows else None
        seal = hashlib.sha256(_canonical({"format": FORMAT, "previous": previous, **entry}).encode()).hexdigest()
        rows.append({**entry, "seal": seal})
    op.bulk_insert(table, rows)
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    for statement in POSTGRESQL_TRIGGERS if is_postgresql else SQLITE_TRIGGERS:
        op.execute(statement)


def _what_there_is(connection: sa.Connection) -> list[tuple[str, int | None, dict[str, Any]]]:
    def last(table: str, column: str = "id") -> int:
        highest = connection.execute(sa.text(f"SELECT coalesce(max({column}), 0) FROM {table}"))  # noqa: S608 - ours
        return int(highest.scalar_one())

    keys = connection.execute(sa.text("SELECT id, secret FROM patient_key ORDER BY id")).all()
    begin = {
        "ledger": secrets.token_hex(ID_BYTES),
        "patient_key": [[row.id, hashlib.sha256(row.secret).hexdigest()] for row in keys],
        "runs": last("run", "number"),
        "computations": last("computation"),
        "forgotten": last("forgotten"),
    }
    locations = connection.execute(sa.text("SELECT id, endpoint, bucket, prefix FROM location ORDER BY id"))
    runs = connection.execute(
        sa.text("SELECT number, id, location_id, seal FROM run WHERE seal IS NOT NULL ORDER BY number")
    )
    return [
        ("LEDGER", None, begin),
        *(("LOCATION", row.id, {"location": [row.endpoint, row.bucket, row.prefix]}) for row in locations),
        *(("RUN", row.number, {"run": row.id, "location": row.location_id, "seal": row.seal}) for row in runs),
    ]


def _canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
