"""Decisions as pages of bytes, and outcomes that the bytes stand for, in place of a row for each header."""

from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from dicom_sieve.errors import LedgerError

revision = "0010"
down_revision = "0009"

FIRST = import_module("dicom_sieve.ledger.migrations.versions.0001_first")
BIG_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
QUERYABLE_JSON = sa.JSON().with_variant(JSONB(), "postgresql")
PAGE_IDS, UNDECIDED, PALETTE_OUTCOMES = 250, b"\xff", 255
ROWS_AT_A_TIME, PAGES_AT_A_TIME = 2_000, 500

INSTANCE_DECISION = """instance_decision AS
SELECT run.id AS run_id, location.bucket, object.key AS object_key, object.etag, object.sop_instance_uid,
       header.series_instance_uid, header.study_instance_uid, outcome.verdict, outcome.findings, header.defect,
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
"""

SQLITE_TRIGGERS = (
    """
    CREATE TRIGGER {table}_is_never_updated BEFORE UPDATE ON {table}
    BEGIN SELECT RAISE(ABORT, 'a decision is never changed'); END
    """,
    """
    CREATE TRIGGER {table}_is_never_deleted BEFORE DELETE ON {table}
    WHEN NOT EXISTS (SELECT 1 FROM run JOIN forgotten ON forgotten.location_id = run.location_id
                     WHERE run.number = OLD.run_number AND forgotten.finished_at IS NULL)
    BEGIN SELECT RAISE(ABORT, 'a decision is never changed'); END
    """,
)
POSTGRESQL_TRIGGERS = (
    """
    CREATE TRIGGER {table}_is_never_changed BEFORE UPDATE OR DELETE ON {table}
    FOR EACH ROW EXECUTE FUNCTION keep_part_of_run('a decision')
    """,
    """
    CREATE TRIGGER {table}_is_never_truncated BEFORE TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change('a decision')
    """,
)
# As the migration 0002 fixes them for the other tables: a hundred runs over a million headers.
STATISTICS = """
INSERT INTO sqlite_stat1 (tbl, idx, stat)
VALUES ('decision_page', 'decision_page', '400000 4000 4000 1'), ('outcome', 'outcome', '400 4 4 1')
"""

Outcome = tuple[str, str]
"""Verdict, findings as JSON."""
Decided = tuple[int, str, str]
"""Id of a header, verdict, findings as JSON."""


def upgrade() -> None:
    """Make the tables and fill them from the former one, which goes; the views give what they gave before."""
    op.create_table(
        "outcome",
        sa.Column("run_number", BIG_KEY, primary_key=True, autoincrement=False),
        sa.Column("palette", BIG_KEY, primary_key=True, autoincrement=False),
        sa.Column("code", sa.LargeBinary, primary_key=True),
        sa.Column("verdict", sa.Text, nullable=False),
        sa.Column("findings", QUERYABLE_JSON, nullable=False),
        sqlite_with_rowid=False,
    )
    page = op.create_table(
        "decision_page",
        sa.Column("run_number", BIG_KEY, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("number", BIG_KEY, primary_key=True, autoincrement=False),
        sa.Column("palette", BIG_KEY, nullable=False),
        sa.Column("codes", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
    connection = op.get_bind()
    for run_number in _runs(connection):
        _convert(connection, run_number, page)
    is_postgresql = connection.dialect.name == "postgresql"
    if is_postgresql:  # those who may read the view still may
        op.execute(f"CREATE OR REPLACE VIEW {INSTANCE_DECISION}")
        op.drop_table("decision")
    else:
        op.execute("DROP VIEW series_decision")
        op.execute("DROP VIEW instance_decision")
        op.drop_table("decision")
        op.execute(f"CREATE VIEW {INSTANCE_DECISION}")
        op.execute(FIRST.SERIES_DECISION)
        op.execute(STATISTICS)
    for table in ("decision_page", "outcome"):
        for statement in POSTGRESQL_TRIGGERS if is_postgresql else SQLITE_TRIGGERS:
            op.execute(statement.format(table=table))


def _runs(connection: sa.Connection) -> Iterator[int]:
    """Give the number of each run with decisions, without reading them all."""
    following = sa.text("SELECT min(run_number) FROM decision WHERE run_number > :last")
    last = connection.scalar(sa.text("SELECT min(run_number) FROM decision"))
    while last is not None:
        yield last
        last = connection.scalar(following, {"last": last})


def _convert(connection: sa.Connection, run_number: int, page: sa.Table) -> None:
    """Write the pages and outcomes of a run; a few pages are in memory at a time."""
    palettes: list[dict[Outcome, int]] = [{}]
    rows: list[dict[str, Any]] = []
    for number, group in groupby(_decisions(connection, run_number), key=lambda row: row[0] // PAGE_IDS):
        codes = _pack(list(group), palettes)
        values = {"kind": "HEADER", "number": number, "palette": len(palettes) - 1, "codes": codes}
        rows.append({"run_number": run_number, **values})
        if len(rows) == PAGES_AT_A_TIME:
            connection.execute(sa.insert(page), rows)
            rows = []
    if rows:
        connection.execute(sa.insert(page), rows)
    _insert_outcomes(connection, run_number, palettes)


def _insert_outcomes(connection: sa.Connection, run_number: int, palettes: Sequence[Mapping[Outcome, int]]) -> None:
    findings = "CAST(:findings AS jsonb)" if connection.dialect.name == "postgresql" else ":findings"
    insert = sa.text(f"INSERT INTO outcome VALUES (:run, :palette, :code, :verdict, {findings})")  # noqa: S608 - ours
    for number, palette in enumerate(palettes):
        values = [
            {"run": run_number, "palette": number, "code": bytes([code]), "verdict": verdict, "findings": text}
            for (verdict, text), code in palette.items()
        ]
        connection.execute(insert, values)


def _decisions(connection: sa.Connection, run_number: int) -> Iterator[Decided]:
    """Give the decisions of a run in the order of headers, streamed."""
    findings = "findings::text" if connection.dialect.name == "postgresql" else "findings"
    query = f"SELECT header_id, verdict, {findings} FROM decision WHERE run_number = :run ORDER BY header_id"  # noqa: S608 - ours
    options = {"yield_per": ROWS_AT_A_TIME}
    with connection.execute(sa.text(query), {"run": run_number}, execution_options=options) as result:
        for rows in result.partitions():
            for header_id, verdict, text in rows:
                if not isinstance(header_id, int) or header_id < 0:
                    raise LedgerError(
                        f"run number {run_number} has a decision on a header whose id is no number: the ledger was "
                        "edited; 'dicom-sieve verify' of the version that wrote it names what was changed"
                    )
                yield header_id, verdict, text


def _pack(rows: Sequence[Decided], palettes: list[dict[Outcome, int]]) -> bytes:
    """Give the bytes of a page, with the last palette if that has room for its outcomes, or with a new one."""
    if len(palettes[-1].keys() | {(verdict, findings) for _, verdict, findings in rows}) > PALETTE_OUTCOMES:
        palettes.append({})
    palette = palettes[-1]
    codes = bytearray(UNDECIDED * PAGE_IDS)
    for header_id, verdict, findings in rows:
        codes[header_id % PAGE_IDS] = palette.setdefault((verdict, findings), len(palette))
    return bytes(codes[:1] if codes.count(codes[:1]) == PAGE_IDS else codes)
