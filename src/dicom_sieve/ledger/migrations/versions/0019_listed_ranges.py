"""Digests of ranges of keys as they were listed last: a cache, which the next listing of each location fills."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"

BIG_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
BYTE_ORDERED_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the table; nothing is refused in it: what is not there is compared object by object."""
    op.create_table(
        "listed_range",
        sa.Column("location_id", BIG_KEY, sa.ForeignKey("location.id"), primary_key=True, autoincrement=False),
        sa.Column("last_key", BYTE_ORDERED_TEXT, primary_key=True),
        sa.Column("row_count", sa.BigInteger, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
    )
