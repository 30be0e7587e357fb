"""How many instances of each header come and go with each snapshot: deciding then needs no object row."""

from importlib import import_module

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

BIG_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
FIRST = import_module("dicom_sieve.ledger.migrations.versions.0001_first")
VIEWS_ON_DECISIONS = {"instance_decision": FIRST.INSTANCE_DECISION, "series_decision": FIRST.SERIES_DECISION}

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
    """Make the table, and count what the ledger holds; make bulk ways in and out of the other tables."""
    op.create_table(
        "header_change",
        sa.Column("location_id", BIG_KEY, sa.ForeignKey("location.id"), primary_key=True),
        sa.Column("header_id", BIG_KEY, primary_key=True),
        sa.Column("snapshot_id", BIG_KEY, primary_key=True),
        sa.Column("instances", sa.BigInteger, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.execute(FILL)
    is_defective = sa.text("defect IS NOT NULL")
    op.create_index("header_defect", "header", ["defect"], sqlite_where=is_defective, postgresql_where=is_defective)
    # A location's objects in the order of keys, as they are published; a key alone is looked for location by location.
    op.drop_index("object_key", "object")
    op.create_index("object_key", "object", ["location_id", "key"])
    _drop_foreign_keys_of_decision()


def _drop_foreign_keys_of_decision() -> None:
    """Drop them: PostgreSQL calls a trigger a row for each, four times what the row itself costs.

    A decision is written by the run that read its header, neither of which is deleted; `dicom-sieve verify` finds what
    was tampered with.
    """
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint("decision_run_number_fkey", "decision")
        op.drop_constraint("decision_header_id_fkey", "decision")
        return
    # SQLite drops a constraint with its table alone, and a table only where no view looks at it.
    for view in reversed(VIEWS_ON_DECISIONS):
        op.execute(f"DROP VIEW {view}")
    op.create_table(
        "decision_without_keys",
        sa.Column("run_number", BIG_KEY, nullable=False),
        sa.Column("header_id", BIG_KEY, nullable=False),
        sa.Column("verdict", sa.Text, nullable=False),
        sa.Column("findings", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("run_number", "header_id", name="decision_pkey"),
        sqlite_with_rowid=False,
    )
    op.execute("INSERT INTO decision_without_keys SELECT * FROM decision ORDER BY run_number, header_id")
    op.drop_table("decision")
    op.rename_table("decision_without_keys", "decision")
    for statement in (*VIEWS_ON_DECISIONS.values(), *FIRST.SQLITE_TRIGGERS[:2]):
        op.execute(statement)
