"""How long each step of a run took."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """Add the column to runs: NULL, which no seal of a former run covers."""
    op.add_column("run", sa.Column("milliseconds", sa.JSON))
