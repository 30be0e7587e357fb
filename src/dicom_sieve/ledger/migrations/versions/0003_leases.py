"""Who may write to a location, and until when."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

BIG_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "lease",
        sa.Column("location_id", BIG_KEY, sa.ForeignKey("location.id"), primary_key=True, autoincrement=False),
        sa.Column("run_number", BIG_KEY, sa.ForeignKey("run.number")),
        sa.Column("holder", sa.Text, nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
    )
