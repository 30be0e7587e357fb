"""Facts of series are kept with the snapshot that changed them, and a view says those of a run."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"

BIG_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TABLES = ("fact_snapshot", "fact_page")
SQLITE_TRIGGERS = tuple(
    statement
    for table in TABLES
    for statement in (
        f"""
        CREATE TRIGGER {table}_is_never_updated BEFORE UPDATE ON {table}
        BEGIN SELECT RAISE(ABORT, 'a fact is never changed'); END
        """,
        f"""
        CREATE TRIGGER {table}_is_never_deleted BEFORE DELETE ON {table}
        WHEN NOT EXISTS (SELECT 1 FROM forgotten WHERE location_id = OLD.location_id AND finished_at IS NULL)
        BEGIN SELECT RAISE(ABORT, 'a fact is never changed'); END
        """,  # noqa: S608 - constants of this file
    )
)
POSTGRESQL_TRIGGERS = (
    """
    CREATE FUNCTION keep_fact() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'DELETE' AND EXISTS (SELECT 1 FROM forgotten AS f
                                        WHERE f.location_id = OLD.location_id AND f.finished_at IS NULL) THEN
            RETURN OLD;
        END IF;
        RAISE EXCEPTION 'a fact is never changed';
    END $$
    """,
    *(
        statement
        for table in TABLES
        for statement in (
            f"""
            CREATE TRIGGER {table}_is_never_changed BEFORE UPDATE OR DELETE ON {table}
            FOR EACH ROW EXECUTE FUNCTION keep_fact()
            """,
            f"""
            CREATE TRIGGER {table}_is_never_truncated BEFORE TRUNCATE ON {table}
            FOR EACH STATEMENT EXECUTE FUNCTION refuse_change('a fact')
            """,
        )
    ),
)
# As the migration 0002 fixes them for the other tables: a million headers, eleven facts, some snapshots.
STATISTICS = """
INSERT INTO sqlite_stat1 (tbl, idx, stat)
VALUES ('fact_page', 'fact_page', '440000 44000 40000 10 1'), ('fact_page', 'fact_page_snapshot_id', '440000 4400'),
       ('fact_snapshot', NULL, '100')
"""
NUMBERS = {
    "frames": "BIGINT",
    "slices": "BIGINT",
    "volumes": "BIGINT",
    "missing": "BIGINT",
    "duplicate_images": "BIGINT",
    "spacing": "DOUBLE PRECISION",
    "spacing_variation": "DOUBLE PRECISION",
    "tilt": "DOUBLE PRECISION",
    "thickness": "DOUBLE PRECISION",
}
FACTS = (*NUMBERS, "plane")


def cell_of(fact: str) -> str:
    """Write the query of one fact of a header, as of a snapshot."""
    return f"""(
           SELECT trim(CASE WHEN length(page.cells) = page.width THEN page.cells
                            ELSE substr(page.cells, CAST(series.header_id % 250 * page.width + 1 AS INTEGER),
                                        CAST(page.width AS INTEGER)) END)
           FROM fact_page AS page
           WHERE page.location_id = series.location_id AND page.fact = '{fact}'
             AND page.page = series.header_id / 250 AND page.snapshot_id <= series.snapshot_id
           ORDER BY page.snapshot_id DESC LIMIT 1)"""  # noqa: S608 - constants of this file


def value_of(fact: str) -> str:
    """Write the value of a cell; NULL where it is empty or a question mark."""
    value = f"NULLIF(NULLIF({fact}, ''), '?')"
    return f"CAST({value} AS {NUMBERS[fact]})" if fact in NUMBERS else value


SERIES_FACT = f"""
CREATE VIEW series_fact AS
SELECT run_id, series_instance_uid, {", ".join(f"{value_of(fact)} AS {fact}" for fact in FACTS)},
       trim({" || ".join(f"CASE {fact} WHEN '?' THEN '{fact} ' ELSE '' END" for fact in FACTS)}) AS undecided
FROM (
    SELECT series.run_id, series.series_instance_uid, {", ".join(f"{cell_of(fact)} AS {fact}" for fact in FACTS)}
    FROM (
        SELECT run.id AS run_id, run.location_id, run.snapshot_id, header.series_instance_uid,
               min(header.id) AS header_id
        FROM run
        JOIN fact_snapshot ON fact_snapshot.snapshot_id = run.snapshot_id
        JOIN header_change ON header_change.location_id = run.location_id
                          AND header_change.snapshot_id <= run.snapshot_id
        JOIN header ON header.id = header_change.header_id
        WHERE run.damaged IS NULL AND header.series_instance_uid IS NOT NULL
          AND (SELECT sum(held.instances) FROM header_change AS held
               WHERE held.location_id = run.location_id AND held.header_id = header.id
                 AND held.snapshot_id <= run.snapshot_id) > 0
        GROUP BY run.id, run.location_id, run.snapshot_id, header.series_instance_uid
    ) AS series
) AS cells
"""  # noqa: S608 - constants of this file


def upgrade() -> None:
    """Make the tables and the view; the next run, or preview, of a location measures its series once."""
    op.create_table(
        "fact_snapshot",
        sa.Column("snapshot_id", BIG_KEY, sa.ForeignKey("snapshot.id"), primary_key=True, autoincrement=False),
        sa.Column("location_id", BIG_KEY, sa.ForeignKey("location.id"), nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
    )
    op.create_table(
        "fact_page",
        sa.Column("location_id", BIG_KEY, sa.ForeignKey("location.id"), primary_key=True, autoincrement=False),
        sa.Column("fact", sa.Text, primary_key=True),
        sa.Column("page", BIG_KEY, primary_key=True, autoincrement=False),
        sa.Column("snapshot_id", BIG_KEY, primary_key=True, autoincrement=False),
        sa.Column("width", sa.BigInteger, nullable=False),
        sa.Column("cells", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("fact_page_snapshot_id", "fact_page", ["snapshot_id"])
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    if not is_postgresql:
        op.execute(STATISTICS)
    for statement in POSTGRESQL_TRIGGERS if is_postgresql else SQLITE_TRIGGERS:
        op.execute(statement)
    op.execute(SERIES_FACT)
