"""How SQLite goes about what a run and a trace ask of it: it never reads a large table row by row."""

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import sqlalchemy as sa

from dicom_sieve import Ledger, open_ledger
from dicom_sieve.criteria import compile_criteria
from dicom_sieve.ledger.database.views import series_decision
from dicom_sieve.ledger.reading.comparison import snapshot_of_run
from dicom_sieve.ledger.reading.run_objects import duplicate_keys
from dicom_sieve.ledger.reading.values import attributes_held, values_held
from dicom_sieve.reports import make_report
from dicom_sieve.reports.compare_runs import Compared, Summary, compare
from dicom_sieve.screening import preview_known
from tests.screening.screenings import ct, mr, one_of, screen_ct
from tests.support.simulated_store import PLACE, SimulatedStore

LARGE_TABLES = ("object", "header", "header_change", "decision_page", "chunk")


def plans_of(ledger: Ledger, work: Callable[[], object]) -> set[tuple[str, str]]:
    """Give what SQLite does for each statement of some work: the step, and the statement."""
    steps: set[tuple[str, str]] = set()

    @sa.event.listens_for(ledger.engine, "before_cursor_execute")
    def explain(
        connection: sa.Connection, cursor: sqlite3.Cursor, statement: str, values: object, context: object, many: bool
    ) -> None:
        if statement.split(maxsplit=1)[0] in {"SELECT", "INSERT", "UPDATE"} and not many:
            own = cursor.connection.cursor()
            rows = own.execute(f"EXPLAIN QUERY PLAN {statement}", values).fetchall()  # type: ignore[arg-type]
            steps.update((str(row[3]), statement) for row in rows)

    work()
    return steps


def test_no_large_table_is_read_row_by_row(tmp_path: Path) -> None:
    store = SimulatedStore({f"{n:02}": ct(f"1.5.{n}", f"1.6.{n}") if n % 2 else mr(f"1.5.{n}") for n in range(1, 20)})
    with open_ledger(f"sqlite:///{tmp_path / 'l.db'}") as ledger:
        screen_ct(store, ledger, "first")
        store.put("03", mr("1.5.3"))
        store.put("99", ct("1.5.99"))
        store.delete("04")

        def work() -> None:
            screen_ct(store, ledger, "second", shard_objects=1)
            for name in ("05", "1.6.7", "1.5.9", "1.2.3", "nothing"):
                ledger.trace(name)
            row = ledger.run("second").row
            judged = Compared("second", snapshot_of_run(ledger.engine, row), compile_criteria(one_of("MR")))
            list(compare(ledger, replace(judged, run_number=row.number), judged, Summary()))
            preview_known(PLACE, one_of("MR"), ledger)
            list(ledger.run("second").series())
            list(ledger.run("second").objects(verdict="PASSED"))
            duplicate_keys(ledger.engine, row)
            make_report(ledger.run("second"))
            attributes_held(ledger.engine, judged.snapshot)
            values_held(ledger.engine, judged.snapshot, "00080060")
            for series in ("1.5.3", "1.5.5"):
                of_one = series_decision.c.series_instance_uid == series
                with ledger.engine.connect() as connection:
                    connection.execute(sa.select(series_decision).where(series_decision.c.run_id == "second", of_one))

        plans = plans_of(ledger, work)

    assert len(plans) > 40
    scans = {
        (step, statement) for step, statement in plans if step.startswith("SCAN") and step.split()[1] in LARGE_TABLES
    }
    assert {step for step, statement in scans if not reads_on_purpose(statement)} == set()
    assert {step for step, _ in plans if "object_unread" in step} == {
        "SEARCH object USING INDEX object_unread (location_id=?)",
        "SEARCH object USING INDEX object_unread (location_id=? AND id>?)",
    }


def reads_on_purpose(statement: str) -> bool:
    """Tell whether a statement forgoes every index: sealing goes through what was removed in the order of ids."""
    return "location_id +" in statement
