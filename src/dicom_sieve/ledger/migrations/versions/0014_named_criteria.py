"""Criteria that are saved under a name, in versions that are never changed; a run says which version it used."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

BIG_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
BYTE_ORDERED_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

SQLITE_TRIGGERS = (
    """
    CREATE TRIGGER named_criteria_are_never_replaced BEFORE INSERT ON named_criteria
    WHEN EXISTS (SELECT 1 FROM named_criteria WHERE id = NEW.id OR (name = NEW.name AND version = NEW.version))
    BEGIN SELECT RAISE(ABORT, 'a version of criteria is never changed'); END
    """,
    """
    CREATE TRIGGER named_criteria_are_never_updated BEFORE UPDATE ON named_criteria
    BEGIN SELECT RAISE(ABORT, 'a version of criteria is never changed'); END
    """,
    """
    CREATE TRIGGER named_criteria_are_never_deleted BEFORE DELETE ON named_criteria
    BEGIN SELECT RAISE(ABORT, 'a version of criteria is never changed'); END
    """,
)
POSTGRESQL_TRIGGERS = (
    """
    CREATE TRIGGER named_criteria_are_never_changed BEFORE UPDATE OR DELETE ON named_criteria
    FOR EACH ROW EXECUTE FUNCTION refuse_change('a version of criteria')
    """,
    """
    CREATE TRIGGER named_criteria_are_never_truncated BEFORE TRUNCATE ON named_criteria
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change('a version of criteria')
    """,
)


def upgrade() -> None:
    """Make the table, and add the columns to runs: NULL, which no seal of a former run covers."""
    op.create_table(
        "named_criteria",
        sa.Column("id", BIG_KEY, primary_key=True),
        sa.Column("name", BYTE_ORDERED_TEXT, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("criteria", sa.JSON, nullable=False),
        sa.Column("criteria_digest", sa.Text, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("saved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("software_version", sa.Text, nullable=False),
        sa.UniqueConstraint("name", "version"),
    )
    op.add_column("run", sa.Column("criteria_name", sa.Text))
    op.add_column("run", sa.Column("criteria_version", sa.BigInteger))
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    for statement in POSTGRESQL_TRIGGERS if is_postgresql else SQLITE_TRIGGERS:
        op.execute(statement)
