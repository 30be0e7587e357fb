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

# How many rows SQLite takes for granted, and how many of each index's first columns are alike: what ANALYZE would find
# in a ledger of ten million objects. Fixed (https://sqlite.org/lang_analyze.html#fixed_results_of_analyze): plans are
# then those that were tested, and never those for the three objects that the ledger held last week.
STATISTICS = {
    "object": {
        "object_key": "10000000 1000000 2",
        "object_open": "9000000 900000 1",
        "object_unread": "1000000 1 1",  # or SQLite would rather look for a header that is NULL
        "object_header_id": "10000000 10",
        "object_sop_instance_uid": "10000000 1",
    },
    "header": {
        "sqlite_autoindex_header_1": "1000000 1",
        "header_series_instance_uid": "1000000 2",
        "header_study_instance_uid": "1000000 4",
        "header_defect": "1000 200",
    },
    "header_change": {"header_change": "2000000 200000 2 1"},
    "decision": {"decision": "100000000 1000000 1"},
}
STATISTIC = sa.text("INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES (:table, :index, :statistics)")


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
    if op.get_bind().dialect.name == "sqlite":
        _fix_statistics()


def _fix_statistics() -> None:
    op.execute("ANALYZE sqlite_schema")  # analyses nothing, but makes the table
    op.execute("DELETE FROM sqlite_stat1")
    for table, of_indexes in STATISTICS.items():
        for index, statistics in of_indexes.items():
            op.execute(STATISTIC.bindparams(table=table, index=index, statistics=statistics))


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
