"""A trigger that PostgreSQL prints alike before `pg_dump` and after `pg_restore`: verification compares what it prints.

PostgreSQL reads a comparison of rows as an OR of its own within the OR around it, and prints it so; what it printed it
reads as one OR. What the trigger refuses is the same.
"""

from alembic import op

revision = "0020"
down_revision = "0019"

KEPT = ("id", "location_id", "endpoint", "bucket", "prefix", "reason", "last_seal", "started_at")


def upgrade() -> None:
    """Make the trigger again, column by column; on SQLite nothing is to be done."""
    if op.get_bind().dialect.name != "postgresql":
        return
    changes = " OR ".join(f"OLD.{name} IS DISTINCT FROM NEW.{name}" for name in KEPT)
    op.execute("DROP TRIGGER forgotten_is_final ON forgotten")
    op.execute(
        "CREATE TRIGGER forgotten_is_final BEFORE UPDATE ON forgotten FOR EACH ROW "
        f"WHEN (OLD.finished_at IS NOT NULL OR NEW.finished_at IS NULL OR {changes}) "
        "EXECUTE FUNCTION refuse_change('what was forgotten')"
    )
