"""Verification at size, on SQLite and on PostgreSQL: one row in a million is edited, and named.

The ledger is made up, seeded: N headers, as many objects, and a run that decided on all of them. Each database is
measured by a process of its own.
"""

import argparse
import random
import resource
import sys
import time
from collections.abc import Iterator, Sequence

import sqlalchemy as sa

from benchmarks.databases import DATABASES, Side, do_part, empty_database, in_a_process, no_one_else
from benchmarks.ledger_side import decide_again
from benchmarks.made_ledger import LISTED, make_ledger
from benchmarks.measure import Promise, Report, Table, run
from dicom_sieve import Ledger, open_ledger
from dicom_sieve.columns.pages import PAGE_IDS
from dicom_sieve.ledger.audit.verify import verify
from dicom_sieve.ledger.database.tables import decision_page

LARGE = 1_000_000
MIB = 1024 * 1024
EDITS = {
    "header": "UPDATE header SET study_instance_uid = '1.2.3' WHERE id = {0}",
    "object": "UPDATE object SET size = size + 1 WHERE id = {0}",
}
"""By the table, what changes a row by its id."""
EDITED = ("decision", *EDITS)


def measure(chosen: argparse.Namespace) -> Report:
    """Measure both databases, one after the other."""
    rows = LARGE if chosen.large else chosen.rows
    sides: dict[str, Side] = {}
    for name in DATABASES:
        with empty_database(name) as url:
            in_a_process("benchmarks.audit", "make", url, rows)
            sides[name] = in_a_process("benchmarks.audit", "measure", url, rows)
    works = {"nothing edited, s": "intact", **{f"one {table} edited, s": table for table in EDITED}}
    times = tuple((work, *(side["seconds"][key] for side in sides.values())) for work, key in works.items())
    peaks = ("peak of resident memory, MiB", *(side["peak_bytes"] / MIB for side in sides.values()))
    return Report(
        "audit",
        {"headers": rows, "objects": rows, "decisions": rows},
        tuple(promise for name, side in sides.items() for promise in _promises(name, side, rows)),
        (Table("**Verifying**", ("ledger", *sides), (*times, peaks)),),
        sides,
    )


def measure_one(url: str, rows: int) -> Side:
    """Measure one database in this process."""
    chance = random.Random(1)
    with open_ledger(url) as ledger:
        with ledger.lease(LISTED, on_wait=no_one_else) as lease:
            decide_again(ledger, lease, "run")
        seconds = {"intact": _verify(ledger, [])}
        edited: list[tuple[str, int]] = []
        for table in EDITED:
            edited.append((table, _edit(ledger, table, chance, rows)))
            seconds[table] = _verify(ledger, edited)
    return {"seconds": seconds, "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}


def _edit(ledger: Ledger, table: str, chance: random.Random, rows: int) -> int:
    """Edit one row past all triggers, as who has the database's password does; gives its id."""
    with ledger.engine.connect() as connection:
        triggers = _disarm(connection)
        while True:
            row_id = chance.randrange(1, rows + 1)
            if _edit_row(connection, table, row_id):
                for statement in triggers:
                    connection.exec_driver_sql(statement)
                connection.commit()
                return row_id


def _edit_row(connection: sa.Connection, table: str, row_id: int) -> bool:
    """Edit a row, or the byte of a decision on a header; tell whether there was something to edit."""
    if table != "decision":
        return connection.execute(sa.text(EDITS[table].format(row_id))).rowcount == 1
    number, place = divmod(row_id, PAGE_IDS)
    is_page = decision_page.c.number == number
    codes = connection.execute(sa.select(decision_page.c.codes).where(is_page)).scalar_one()
    content = bytearray(codes * PAGE_IDS if len(codes) == 1 else codes)
    if content[place] > 1:
        return False
    content[place] ^= 1
    connection.execute(sa.update(decision_page).where(is_page).values(codes=bytes(content)))
    return True


def _disarm(connection: sa.Connection) -> list[str]:
    """Take all triggers out of the way; gives what makes them again."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("SET LOCAL session_replication_role = replica"))
        return []
    triggers = connection.execute(sa.text("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'")).all()
    for name, _ in triggers:
        connection.execute(sa.text(f"DROP TRIGGER {name}"))
    return [statement for _, statement in triggers]


def _verify(ledger: Ledger, edited: Sequence[tuple[str, int]]) -> float:
    began = time.perf_counter()
    found = verify(ledger.engine)
    took = time.perf_counter() - began
    named = {(damage.table, damage.row) for damage in found.damages}
    if not named >= set(edited) or found.is_intact is bool(edited):
        raise LookupError(f"edited were {edited}, named {named}")
    return took


def _promises(name: str, side: Side, rows: int) -> Iterator[Promise]:
    slowest = max(side["seconds"][table] for table in EDITED) / rows * 1e6
    yield Promise(f"verify names one edited row of a million on {name}", 30.0, slowest, "s", at_least=False)
    yield Promise(f"peak of resident memory, verify on {name}", 512.0, side["peak_bytes"] / MIB, "MiB", at_least=False)


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rows", type=int, default=100_000, help="headers, as many objects, as many decisions")
    parser.add_argument("--large", action="store_true", help=f"{LARGE:,} of each: ten minutes")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run it as a command."""
    given = sys.argv[1:] if arguments is None else [*arguments]
    if not do_part(given, make=lambda url, rows: make_ledger(url, rows, rows, with_place=False), measure=measure_one):
        run(measure, description=__doc__, options=_options, arguments=given)


if __name__ == "__main__":
    main()
