"""The first ledger: locations, snapshots, objects, headers, runs, decisions, computations, and the views on them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None

BIG_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON()
QUERYABLE_JSON = sa.JSON().with_variant(JSONB(), "postgresql")
BYTE_ORDERED_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
MOMENT = sa.DateTime(timezone=True)

INSTANCE_DECISION = """
CREATE VIEW instance_decision AS
SELECT run.id AS run_id, location.bucket, object.key AS object_key, object.etag, object.sop_instance_uid,
       header.series_instance_uid, header.study_instance_uid, decision.verdict, decision.findings, header.defect
FROM run
JOIN snapshot ON snapshot.id = run.snapshot_id
JOIN location ON location.id = snapshot.location_id
JOIN object ON object.location_id = snapshot.location_id
           AND object.added_in <= snapshot.id
           AND (object.removed_in IS NULL OR object.removed_in > snapshot.id)
LEFT JOIN header ON header.id = object.header_id
LEFT JOIN decision ON decision.run_number = run.number AND decision.header_id = object.header_id
"""

SERIES_DECISION = """
CREATE VIEW series_decision AS
SELECT run_id, series_instance_uid, MIN(study_instance_uid) AS study_instance_uid,
       COUNT(*) AS instances,
       COUNT(CASE WHEN verdict = 'PASSED' THEN 1 END) AS passed,
       COUNT(CASE WHEN verdict = 'DISCARDED' THEN 1 END) AS discarded,
       COUNT(sop_instance_uid) - COUNT(DISTINCT sop_instance_uid) AS duplicates,
       CASE COUNT(CASE WHEN verdict = 'PASSED' THEN 1 END)
            WHEN COUNT(*) THEN 'WHOLE' WHEN 0 THEN 'NONE' ELSE 'PARTIAL' END AS selection
FROM instance_decision
WHERE series_instance_uid IS NOT NULL AND verdict IS NOT NULL
GROUP BY run_id, series_instance_uid
"""

SERIES_COMPUTATION = """
CREATE VIEW series_computation AS
SELECT run.id AS run_id, input.series_instance_uid, computation.id AS computation_id, computation.name,
       computation.version, input.state, input.failure, output.uri AS output_uri, output.digest AS output_digest,
       output.sop_instance_uid AS output_sop_instance_uid, computation.started_at, computation.finished_at
FROM computation
JOIN run ON run.number = computation.run_number
JOIN computation_input AS input ON input.computation_id = computation.id AND input.object_id IS NULL
LEFT JOIN computation_output AS output ON output.computation_id = computation.id
                                      AND output.series_instance_uid = input.series_instance_uid
"""

SQLITE_TRIGGERS = (
    """
    CREATE TRIGGER decision_is_never_updated BEFORE UPDATE ON decision
    BEGIN SELECT RAISE(ABORT, 'a decision is never changed'); END
    """,
    """
    CREATE TRIGGER decision_is_never_deleted BEFORE DELETE ON decision
    BEGIN SELECT RAISE(ABORT, 'a decision is never changed'); END
    """,
    """
    CREATE TRIGGER run_is_final BEFORE UPDATE ON run WHEN OLD.state <> 'RUNNING'
    BEGIN SELECT RAISE(ABORT, 'a finished run is never changed'); END
    """,
    """
    CREATE TRIGGER run_is_never_deleted BEFORE DELETE ON run WHEN OLD.state <> 'RUNNING'
    BEGIN SELECT RAISE(ABORT, 'a finished run is never changed'); END
    """,
)

POSTGRESQL_TRIGGERS = (
    """
    CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION '% is never changed', TG_ARGV[0]; END $$
    """,
    """
    CREATE TRIGGER decision_is_never_changed BEFORE UPDATE OR DELETE ON decision
    FOR EACH ROW EXECUTE FUNCTION refuse_change('a decision')
    """,
    """
    CREATE TRIGGER decision_is_never_truncated BEFORE TRUNCATE ON decision
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change('a decision')
    """,
    """
    CREATE TRIGGER run_is_final BEFORE UPDATE OR DELETE ON run
    FOR EACH ROW WHEN (OLD.state <> 'RUNNING') EXECUTE FUNCTION refuse_change('a finished run')
    """,
)


def upgrade() -> None:
    """Make everything."""
    _make_places()
    _make_objects()
    _make_runs()
    _make_computations()
    op.execute(INSTANCE_DECISION)
    op.execute(SERIES_DECISION)
    op.execute(SERIES_COMPUTATION)
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    for statement in POSTGRESQL_TRIGGERS if is_postgresql else SQLITE_TRIGGERS:
        op.execute(statement)


def _make_places() -> None:
    op.create_table(
        "location",
        sa.Column("id", BIG_KEY, primary_key=True),
        sa.Column("endpoint", sa.Text, nullable=False),
        sa.Column("bucket", sa.Text, nullable=False),
        sa.Column("prefix", sa.Text, nullable=False),
        sa.UniqueConstraint("endpoint", "bucket", "prefix"),
    )
    op.create_table(
        "snapshot",
        sa.Column("id", BIG_KEY, primary_key=True),
        sa.Column("location_id", BIG_KEY, sa.ForeignKey("location.id"), nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("listed_at", MOMENT),
        sa.Column("counts", JSON),
    )


def _make_objects() -> None:
    op.create_table(
        "header",
        sa.Column("id", BIG_KEY, primary_key=True),
        sa.Column("digest", sa.Text, nullable=False, unique=True),
        sa.Column("study_instance_uid", sa.Text),
        sa.Column("series_instance_uid", sa.Text),
        sa.Column("sop_class_uid", sa.Text),
        sa.Column("attributes", QUERYABLE_JSON, nullable=False),
        sa.Column("defect", sa.Text),
    )
    op.create_index("header_series_instance_uid", "header", ["series_instance_uid"])
    op.create_index("header_study_instance_uid", "header", ["study_instance_uid"])
    op.create_table(
        "object",
        sa.Column("id", BIG_KEY, primary_key=True),
        sa.Column("location_id", BIG_KEY, sa.ForeignKey("location.id"), nullable=False),
        sa.Column("key", BYTE_ORDERED_TEXT, nullable=False),
        sa.Column("etag", sa.Text, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("last_modified", MOMENT, nullable=False),
        sa.Column("header_id", BIG_KEY, sa.ForeignKey("header.id")),
        sa.Column("sop_instance_uid", sa.Text),
        sa.Column("added_in", BIG_KEY, sa.ForeignKey("snapshot.id"), nullable=False),
        sa.Column("removed_in", BIG_KEY, sa.ForeignKey("snapshot.id")),
    )
    op.create_index("object_key", "object", ["key"])
    op.create_index("object_header_id", "object", ["header_id"])
    op.create_index("object_sop_instance_uid", "object", ["sop_instance_uid"])
    is_open = sa.text("removed_in IS NULL")
    op.create_index(
        "object_open", "object", ["location_id", "key"], unique=True, sqlite_where=is_open, postgresql_where=is_open
    )
    is_unread = sa.text("removed_in IS NULL AND header_id IS NULL")
    op.create_index(
        "object_unread", "object", ["location_id", "id"], sqlite_where=is_unread, postgresql_where=is_unread
    )


def _make_runs() -> None:
    op.create_table(
        "run",
        sa.Column("number", BIG_KEY, primary_key=True),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("location_id", BIG_KEY, sa.ForeignKey("location.id"), nullable=False),
        sa.Column("snapshot_id", BIG_KEY, sa.ForeignKey("snapshot.id")),
        sa.Column("criteria", JSON, nullable=False),
        sa.Column("criteria_digest", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("counts", JSON),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("finished_at", MOMENT),
        sa.Column("software_version", sa.Text, nullable=False),
        sa.Column("manifest_uri", sa.Text),
        sa.Column("manifest_digest", sa.Text),
        sa.Column("failure", sa.Text),
    )
    op.create_table(
        "decision",
        sa.Column("run_number", BIG_KEY, sa.ForeignKey("run.number"), primary_key=True),
        sa.Column("header_id", BIG_KEY, sa.ForeignKey("header.id"), primary_key=True),
        sa.Column("verdict", sa.Text, nullable=False),
        sa.Column("findings", QUERYABLE_JSON, nullable=False),
        sqlite_with_rowid=False,
    )


def _make_computations() -> None:
    op.create_table(
        "computation",
        sa.Column("id", BIG_KEY, primary_key=True),
        sa.Column("run_number", BIG_KEY, sa.ForeignKey("run.number"), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("parameters", JSON, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("finished_at", MOMENT),
    )
    op.create_index("computation_run_number", "computation", ["run_number"])
    op.create_table(
        "computation_input",
        sa.Column("id", BIG_KEY, primary_key=True),
        sa.Column("computation_id", BIG_KEY, sa.ForeignKey("computation.id"), nullable=False),
        sa.Column("series_instance_uid", sa.Text, nullable=False),
        sa.Column("object_id", BIG_KEY, sa.ForeignKey("object.id")),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("failure", sa.Text),
    )
    op.create_index("computation_input_computation_id", "computation_input", ["computation_id", "series_instance_uid"])
    op.create_index("computation_input_series_instance_uid", "computation_input", ["series_instance_uid"])
    op.create_table(
        "computation_output",
        sa.Column("id", BIG_KEY, primary_key=True),
        sa.Column("computation_id", BIG_KEY, sa.ForeignKey("computation.id"), nullable=False),
        sa.Column("series_instance_uid", sa.Text, nullable=False),
        sa.Column("uri", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("sop_instance_uid", sa.Text),
        sa.Column("recorded_at", MOMENT, nullable=False),
    )
    op.create_index(
        "computation_output_computation_id", "computation_output", ["computation_id", "series_instance_uid"]
    )
    op.create_index("computation_output_sop_instance_uid", "computation_output", ["sop_instance_uid"])
