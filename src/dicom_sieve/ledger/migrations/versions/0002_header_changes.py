"""How many instances of each header come and go with each snapshot: deciding then needs no object row."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

BIG_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

FILL = """
INSERT INTO header_change (location_id, header_id, snapshot_id, instances, bytes)
SELECT location_id, header_id, snapshot_id, SUM(instances), SUM(bytes)
FROM (
    SELECT location_id, header_id, added_in AS snapshot_id, 1 AS instances, size AS bytes
    FROM object WHERE header_id IS NOT NULL
    UNION ALL
    SELECT location_id, header_id, removed_in, -1, -size
    FROM object WHERE header_id IS NOT NULL AND removed_in IS NOT NULL
) AS change
GROUP BY location_id, header_id, snapshot_id
"""


def upgrade() -> None:
    """Make the table, and count what the ledger holds."""
    op.create_table(
        "header_change",
        sa.Column("location_id", BIG_KEY, sa.ForeignKey("location.id"), primary_key=True),
        sa.Column("header_id", BIG_KEY, sa.ForeignKey("header.id"), primary_key=True),
        sa.Column("snapshot_id", BIG_KEY, sa.ForeignKey("snapshot.id"), primary_key=True),
        sa.Column("instances", sa.BigInteger, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.execute(FILL)
