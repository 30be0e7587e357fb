"""Who did what on the pages: rows that are added, and never changed."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"

BIG_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

SQLITE_TRIGGERS = (
    """
    CREATE TRIGGER page_actions_are_never_replaced BEFORE INSERT ON page_action
    WHEN EXISTS (SELECT 1 FROM page_action WHERE id = NEW.id)
    BEGIN SELECT RAISE(ABORT, 'what somebody did is never changed'); END
    """,
    """
    CREATE TRIGGER page_actions_are_never_updated BEFORE UPDATE ON page_action
    BEGIN SELECT RAISE(ABORT, 'what somebody did is never changed'); END
    """,
    """
    CREATE TRIGGER page_actions_are_never_deleted BEFORE DELETE ON page_action
    BEGIN SELECT RAISE(ABORT, 'what somebody did is never changed'); END
    """,
)
POSTGRESQL_TRIGGERS = (
    """
    CREATE TRIGGER page_actions_are_never_changed BEFORE UPDATE OR DELETE ON page_action
    FOR EACH ROW EXECUTE FUNCTION refuse_change('what somebody did')
    """,
    """
    CREATE TRIGGER page_actions_are_never_truncated BEFORE TRUNCATE ON page_action
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change('what somebody did')
    """,
)


def upgrade() -> None:
    """Make the table. Its location is no foreign key: what was done stays when a location is forgotten."""
    op.create_table(
        "page_action",
        sa.Column("id", BIG_KEY, primary_key=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("run_id", sa.Text),
        sa.Column("criteria_name", sa.Text),
        sa.Column("criteria_version", sa.BigInteger),
        sa.Column("location_id", BIG_KEY),
        sa.Column("place", sa.Text),
    )
    op.create_index("page_action_run_id", "page_action", ["run_id"])
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    for statement in POSTGRESQL_TRIGGERS if is_postgresql else SQLITE_TRIGGERS:
        op.execute(statement)
