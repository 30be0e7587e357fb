"""Editions say which of their attributes are kept with each object, and how long a value may be to be kept."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Add the columns; former editions have neither."""
    op.add_column("edition", sa.Column("object_tags", sa.Text))
    op.add_column("edition", sa.Column("limit_bytes", sa.BigInteger))
