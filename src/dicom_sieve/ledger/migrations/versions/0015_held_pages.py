"""Kept sums of the changes of headers: a cache, which the next run at each location fills."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"

BIG_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the table; nothing is refused in it: what is not there is added up again."""
    op.create_table(
        "held_page",
        sa.Column("location_id", BIG_KEY, sa.ForeignKey("location.id"), primary_key=True, autoincrement=False),
        sa.Column("page", BIG_KEY, primary_key=True, autoincrement=False),
        sa.Column("snapshot_id", BIG_KEY, nullable=False),
        sa.Column("row_count", sa.BigInteger, nullable=False),
        sa.Column("ids", sa.LargeBinary, nullable=False),
        sa.Column("instances", sa.LargeBinary, nullable=False),
        sa.Column("bytes", sa.LargeBinary, nullable=False),
    )
