"""Decisions on objects beside those on headers; closed objects are found by their snapshot."""

from importlib import import_module

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

FIRST = import_module("dicom_sieve.ledger.migrations.versions.0001_first")
CLOSED = sa.text("removed_in IS NOT NULL")

INSTANCE_DECISION = """instance_decision AS
SELECT run.id AS run_id, location.bucket, object.key AS object_key, object.etag, object.sop_instance_uid,
       header.series_instance_uid, header.study_instance_uid,
       COALESCE(own_outcome.verdict, outcome.verdict) AS verdict,
       COALESCE(own_outcome.findings, outcome.findings) AS findings, header.defect,
       header.damage, header.unreadable_from
FROM run
JOIN snapshot ON snapshot.id = run.snapshot_id
JOIN location ON location.id = snapshot.location_id
JOIN object ON object.location_id = snapshot.location_id
           AND object.added_in <= snapshot.id
           AND (object.removed_in IS NULL OR object.removed_in > snapshot.id)
LEFT JOIN header ON header.id = object.header_id
LEFT JOIN decision_page AS page ON page.run_number = run.number AND page.kind = 'HEADER'
                               AND page.number = object.header_id / 250
LEFT JOIN outcome ON outcome.run_number = page.run_number AND outcome.palette = page.palette
                 AND outcome.code = substr(page.codes, CASE length(page.codes) WHEN 1 THEN 1
                                           ELSE CAST(object.header_id % 250 + 1 AS INTEGER) END, 1)
LEFT JOIN decision_page AS own_page ON own_page.run_number = run.number AND own_page.kind = 'OBJECT'
                                   AND own_page.number = object.id / 250
LEFT JOIN outcome AS own_outcome ON own_outcome.run_number = own_page.run_number
                 AND own_outcome.palette = own_page.palette
                 AND own_outcome.code = substr(own_page.codes, CASE length(own_page.codes) WHEN 1 THEN 1
                                               ELSE CAST(object.id % 250 + 1 AS INTEGER) END, 1)
"""


def upgrade() -> None:
    """Make the index, and replace the views; they give what they gave before."""
    op.create_index(
        "object_closed", "object", ["location_id", "removed_in"], sqlite_where=CLOSED, postgresql_where=CLOSED
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"CREATE OR REPLACE VIEW {INSTANCE_DECISION}")
    else:
        op.execute("DROP VIEW series_decision")
        op.execute("DROP VIEW instance_decision")
        op.execute(f"CREATE VIEW {INSTANCE_DECISION}")
        op.execute(FIRST.SERIES_DECISION)
