"""How far headers were read, and whether a run judged damaged objects; NULL in all that a ledger holds already."""

from importlib import import_module

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

FIRST = import_module("dicom_sieve.ledger.migrations.versions.0001_first")

INSTANCE_DECISION = """instance_decision AS
SELECT run.id AS run_id, location.bucket, object.key AS object_key, object.etag, object.sop_instance_uid,
       header.series_instance_uid, header.study_instance_uid, decision.verdict, decision.findings, header.defect,
       header.damage, header.unreadable_from
FROM run
JOIN snapshot ON snapshot.id = run.snapshot_id
JOIN location ON location.id = snapshot.location_id
JOIN object ON object.location_id = snapshot.location_id
           AND object.added_in <= snapshot.id
           AND (object.removed_in IS NULL OR object.removed_in > snapshot.id)
LEFT JOIN header ON header.id = object.header_id
LEFT JOIN decision ON decision.run_number = run.number AND decision.header_id = object.header_id
"""

# As the migration 0002 fixes them for the other indexes.
STATISTICS = "INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('header', 'header_unreadable_from', '1000 200')"


def upgrade() -> None:
    """Add the columns, the index, and the columns of the view behind those that it has."""
    op.add_column("header", sa.Column("damage", sa.Text))
    op.add_column("header", sa.Column("unreadable_from", sa.Text))
    op.add_column("run", sa.Column("damaged", sa.Text))
    is_partly_read = sa.text("unreadable_from IS NOT NULL")
    op.create_index(
        "header_unreadable_from",
        "header",
        ["unreadable_from"],
        sqlite_where=is_partly_read,
        postgresql_where=is_partly_read,
    )
    if op.get_bind().dialect.name == "postgresql":  # those who may read it still may
        op.execute(f"CREATE OR REPLACE VIEW {INSTANCE_DECISION}")
        return
    op.execute("DROP VIEW series_decision")
    op.execute("DROP VIEW instance_decision")
    op.execute(f"CREATE VIEW {INSTANCE_DECISION}")
    op.execute(FIRST.SERIES_DECISION)
    op.execute(STATISTICS)
