"""Digests that chain finished runs, the record of what was forgotten, and the triggers that keep both."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

BIG_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)

# A location's rows may go while its row in `forgotten` is open. SQLite runs the triggers of DELETE for rows that a
# REPLACE takes away only where a connection asked for it, so its INSERT is looked at, too.
SQLITE_DROPPED = ("decision_is_never_deleted", "run_is_never_deleted")
SQLITE_TRIGGERS = (
    """
    CREATE TRIGGER decision_is_never_deleted BEFORE DELETE ON decision
    WHEN NOT EXISTS (SELECT 1 FROM run JOIN forgotten ON forgotten.location_id = run.location_id
                     WHERE run.number = OLD.run_number AND forgotten.finished_at IS NULL)
    BEGIN SELECT RAISE(ABORT, 'a decision is never changed'); END
    """,
    """
    CREATE TRIGGER run_is_never_deleted BEFORE DELETE ON run
    WHEN OLD.state <> 'RUNNING' AND NOT EXISTS (SELECT 1 FROM forgotten WHERE location_id = OLD.location_id
                                                AND finished_at IS NULL)
    BEGIN SELECT RAISE(ABORT, 'a finished run is never changed'); END
    """,
    """
    CREATE TRIGGER run_is_never_replaced BEFORE INSERT ON run
    WHEN EXISTS (SELECT 1 FROM run WHERE (number = NEW.number OR id = NEW.id) AND state <> 'RUNNING')
    BEGIN SELECT RAISE(ABORT, 'a finished run is never changed'); END
    """,
    """
    CREATE TRIGGER seal_block_is_never_added BEFORE INSERT ON seal_block
    WHEN (SELECT state FROM run WHERE number = NEW.run_number) IS NOT 'RUNNING'
    BEGIN SELECT RAISE(ABORT, 'a seal is never changed'); END
    """,
    """
    CREATE TRIGGER seal_block_is_never_updated BEFORE UPDATE ON seal_block
    BEGIN SELECT RAISE(ABORT, 'a seal is never changed'); END
    """,
    """
    CREATE TRIGGER seal_block_is_never_deleted BEFORE DELETE ON seal_block
    WHEN (SELECT state FROM run WHERE number = OLD.run_number) IS NOT 'RUNNING'
     AND NOT EXISTS (SELECT 1 FROM run JOIN forgotten ON forgotten.location_id = run.location_id
                     WHERE run.number = OLD.run_number AND forgotten.finished_at IS NULL)
    BEGIN SELECT RAISE(ABORT, 'a seal is never changed'); END
    """,
    """
    CREATE TRIGGER forgotten_is_never_replaced BEFORE INSERT ON forgotten
    WHEN EXISTS (SELECT 1 FROM forgotten WHERE id = NEW.id)
    BEGIN SELECT RAISE(ABORT, 'what was forgotten is never changed'); END
    """,
    """
    CREATE TRIGGER forgotten_is_final BEFORE UPDATE ON forgotten
    WHEN OLD.finished_at IS NOT NULL OR NEW.finished_at IS NULL
      OR (OLD.id, OLD.location_id, OLD.endpoint, OLD.bucket, OLD.prefix, OLD.reason, OLD.last_seal, OLD.started_at)
         IS NOT
         (NEW.id, NEW.location_id, NEW.endpoint, NEW.bucket, NEW.prefix, NEW.reason, NEW.last_seal, NEW.started_at)
    BEGIN SELECT RAISE(ABORT, 'what was forgotten is never changed'); END
    """,
    """
    CREATE TRIGGER forgotten_is_never_deleted BEFORE DELETE ON forgotten
    BEGIN SELECT RAISE(ABORT, 'what was forgotten is never changed'); END
    """,
)

POSTGRESQL_DROPPED = ("decision_is_never_changed ON decision", "run_is_final ON run")
POSTGRESQL_TRIGGERS = (
    """
    CREATE FUNCTION is_being_forgotten(place bigint) RETURNS boolean LANGUAGE sql STABLE AS
    $$ SELECT EXISTS (SELECT 1 FROM forgotten WHERE location_id = place AND finished_at IS NULL) $$
    """,
    """
    CREATE FUNCTION keep_part_of_run() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'DELETE'
           AND is_being_forgotten((SELECT location_id FROM run WHERE number = OLD.run_number)) THEN
            RETURN OLD;
        END IF;
        RAISE EXCEPTION '% is never changed', TG_ARGV[0];
    END $$
    """,
    """
    CREATE FUNCTION keep_run() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'DELETE' AND is_being_forgotten(OLD.location_id) THEN
            RETURN OLD;
        END IF;
        RAISE EXCEPTION 'a finished run is never changed';
    END $$
    """,
    """
    CREATE FUNCTION keep_seal_block() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        block seal_block := CASE TG_OP WHEN 'INSERT' THEN NEW ELSE OLD END;
        sealed run;
    BEGIN
        SELECT * INTO sealed FROM run WHERE number = block.run_number;
        IF TG_OP <> 'UPDATE' AND sealed.state = 'RUNNING'
           OR TG_OP = 'DELETE' AND is_being_forgotten(sealed.location_id) THEN
            RETURN block;
        END IF;
        RAISE EXCEPTION 'a seal is never changed';
    END $$
    """,
    """
    CREATE TRIGGER decision_is_never_changed BEFORE UPDATE OR DELETE ON decision
    FOR EACH ROW EXECUTE FUNCTION keep_part_of_run('a decision')
    """,
    """
    CREATE TRIGGER run_is_final BEFORE UPDATE OR DELETE ON run
    FOR EACH ROW WHEN (OLD.state <> 'RUNNING') EXECUTE FUNCTION keep_run()
    """,
    """
    CREATE TRIGGER seal_block_is_never_changed BEFORE INSERT OR UPDATE OR DELETE ON seal_block
    FOR EACH ROW EXECUTE FUNCTION keep_seal_block()
    """,
    """
    CREATE TRIGGER forgotten_is_final BEFORE UPDATE ON forgotten FOR EACH ROW
    WHEN (OLD.finished_at IS NOT NULL OR NEW.finished_at IS NULL
          OR (OLD.id, OLD.location_id, OLD.endpoint, OLD.bucket, OLD.prefix, OLD.reason, OLD.last_seal, OLD.started_at)
             IS DISTINCT FROM
             (NEW.id, NEW.location_id, NEW.endpoint, NEW.bucket, NEW.prefix, NEW.reason, NEW.last_seal, NEW.started_at))
    EXECUTE FUNCTION refuse_change('what was forgotten')
    """,
    """
    CREATE TRIGGER forgotten_is_never_deleted BEFORE DELETE ON forgotten
    FOR EACH ROW EXECUTE FUNCTION refuse_change('what was forgotten')
    """,
)
NEVER_TRUNCATED = {
    "run": "a finished run",
    "seal_block": "a seal",
    "forgotten": "what was forgotten",
    "header": "a header",
    "object": "an object",
    "snapshot": "a snapshot",
}


def upgrade() -> None:
    """Make the tables and triggers; runs from before have no seal."""
    op.add_column("run", sa.Column("seal", sa.Text))
    op.add_column("run", sa.Column("sealed_after", BIG_KEY))
    op.create_index("run_sealed_after", "run", ["sealed_after"], unique=True)
    op.create_table(
        "seal_block",
        sa.Column("run_number", BIG_KEY, sa.ForeignKey("run.number"), primary_key=True),
        sa.Column("part", sa.Text, primary_key=True),
        sa.Column("first_id", BIG_KEY, primary_key=True),
        sa.Column("last_id", BIG_KEY, nullable=False),
        sa.Column("row_count", sa.BigInteger, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("marks", sa.LargeBinary, nullable=False),
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
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("finished_at", MOMENT),
    )
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    for name in POSTGRESQL_DROPPED if is_postgresql else SQLITE_DROPPED:
        op.execute(f"DROP TRIGGER {name}")
    for statement in POSTGRESQL_TRIGGERS if is_postgresql else SQLITE_TRIGGERS:
        op.execute(statement)
    for table, what in NEVER_TRUNCATED.items() if is_postgresql else ():
        op.execute(
            f"CREATE TRIGGER {table}_is_never_truncated BEFORE TRUNCATE ON {table} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION refuse_change('{what}')"
        )
