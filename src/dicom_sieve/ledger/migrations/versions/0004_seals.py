"""Digests that chain finished runs, and the record of what was forgotten."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

BIG_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables; runs from before have no seal."""
    op.add_column("run", sa.Column("seal", sa.Text))
    op.create_table(
        "seal_block",
        sa.Column("run_number", BIG_KEY, sa.ForeignKey("run.number"), primary_key=True),
        sa.Column("part", sa.Text, primary_key=True),
        sa.Column("first_id", BIG_KEY, primary_key=True),
        sa.Column("last_id", BIG_KEY, nullable=False),
        sa.Column("row_count", sa.BigInteger, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "forgotten",
        sa.Column("id", BIG_KEY, primary_key=True),
        sa.Column("location_id", BIG_KEY, nullable=False),
        sa.Column("endpoint", sa.Text, nullable=False),
        sa.Column("bucket", sa.Text, nullable=False),
        sa.Column("prefix", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("counts", sa.JSON),
        sa.Column("last_seal", sa.Text),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
    )
