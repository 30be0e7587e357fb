"""Verification: every sealed row that was changed is named (ADR 10)."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from dicom_sieve.columns.pages import PAGE_IDS
from dicom_sieve.ledger.audit.chain import SealedRun, Trust, check_seals, orphaned, sealed_runs
from dicom_sieve.ledger.audit.damage import ChainEnd, Damage, Forgotten, Kind, Verification
from dicom_sieve.ledger.audit.damaged_rows import Names
from dicom_sieve.ledger.audit.entered import Entered, check_chain, check_entered, forgetting
from dicom_sieve.ledger.audit.recount import (
    Advance,
    Cover,
    facts_of_none,
    recount_decisions,
    recount_fields,
    recount_held_pages,
    recount_instances,
    recount_listed_ranges,
    recount_places,
)
from dicom_sieve.ledger.audit.recount_headers import recount_headers
from dicom_sieve.ledger.audit.schema import compare_schema
from dicom_sieve.ledger.audit.seals import Part, last_seal
from dicom_sieve.ledger.database.entries import EntryKind
from dicom_sieve.ledger.database.states import RunState
from dicom_sieve.ledger.database.tables import decision_page, forgotten, header, location, outcome, run, seal_block


def count_rows(engine: sa.Engine) -> int:
    """Estimate the rows that `verify` reads of all runs."""
    with engine.connect() as connection:
        rows = sa.case(
            (seal_block.c.part == Part.PAGE, seal_block.c.row_count * PAGE_IDS), else_=seal_block.c.row_count
        )
        sealed = sa.select(sa.func.sum(rows)).where(seal_block.c.part.in_([Part.DECISION, Part.PAGE, Part.OBJECT]))
        headers = sa.select(sa.func.count()).select_from(header)
        return int(connection.scalar(sealed) or 0) + int(connection.scalar(headers) or 0)


def verify(engine: sa.Engine, run_id: str | None = None, advance: Advance = lambda _: None) -> Verification:
    """Verify all runs, or one run with the seals and objects of its location.

    Args:
        engine: The ledger's.
        run_id: Id of a run that the ledger holds; None for all.
        advance: Called with the number of rows that were read.
    """
    with _consistent_read(engine) as connection:
        schema_damages = list(compare_schema(connection))
        if any(damage.table in _UNREADABLE for damage in schema_damages):  # no query is possible
            result = Verification()
        else:
            result = verify_rows(connection, run_id, advance)
    for damage in schema_damages:
        result.add(damage)
    return result


_UNREADABLE = ("table", "column")


def verify_rows(
    connection: sa.Connection, run_id: str | None = None, advance: Advance = lambda _: None
) -> Verification:
    """Verify all rows that a connection sees, but not the schema; see `verify`."""
    return _Verifier(connection, run_id, advance).verify()


@contextmanager
def _consistent_read(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Read the ledger in one consistent state, whatever is written meanwhile."""
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
            yield connection
        return
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN")
        yield connection


@dataclass(slots=True)
class _Verifier:
    connection: sa.Connection
    run_id: str | None
    advance: Advance
    result: Verification = field(default_factory=Verification)

    def verify(self) -> Verification:
        chosen = self._choose()
        number, location_id = chosen or (None, None)
        entered = check_chain(self.connection, self.result.add)
        check_entered(self.connection, entered, self.result)
        half_forgotten = forgetting(self.connection, entered)
        sealed, others = sealed_runs(self.connection, location_id)
        sealed = [sealed_run for sealed_run in sealed if sealed_run.location_id not in half_forgotten]
        others = [row for row in others if row.location_id not in half_forgotten]
        self._sort_others(others, entered)
        self._find_orphans()
        wanted = [sealed_run for sealed_run in sealed if number in (None, sealed_run.number)]
        damaged_headers: set[int] = set()
        result, advance = self.result, self.advance
        result.runs = len(wanted)
        result.headers = recount_headers(self.connection, number, damaged_headers.add, result.add, advance)
        recount_fields(self.connection, sealed)
        result.decisions = sum(
            recount_decisions(self.connection, sealed_run, result.add, advance) for sealed_run in wanted
        )
        chains = {
            place: [sealed_run for sealed_run in sealed if sealed_run.location_id == place]
            for place in dict.fromkeys(sealed_run.location_id for sealed_run in sealed)
        }
        covers = {place: Cover(runs) for place, runs in chains.items()}
        names = Names(self.connection, damaged_headers)
        result.objects = recount_places(
            self.connection,
            covers,
            only=location_id,
            tell=lambda kind, table, row: result.add(names.row(kind, table, row)),
            advance=advance,
        )
        result.unsealed = sum(len(cover.unsealed) for cover in covers.values())
        for header_id in sorted(damaged_headers):
            result.add(names.row(Kind.EDITED, "header", header_id))
        edited = set[int]()
        recount_instances(
            self.connection,
            location_id,
            half_forgotten,
            edited.add,
        )
        for row in sorted(edited):
            result.add(Damage(Kind.EDITED, "header_change", row))
        recount_held_pages(
            self.connection,
            location_id,
            half_forgotten,
            edited,
            lambda page: result.add(Damage(Kind.EDITED, "held_page", page)),
        )
        for place, runs in chains.items():
            self._judge(runs, names)
            self._add_ends(place)
        if not any(damage.table == "object" for damage in result.damages):  # else they cannot be compared
            recount_listed_ranges(
                self.connection,
                location_id,
                half_forgotten,
                lambda place: result.add(Damage(Kind.EDITED, "listed_range", place)),
            )
        self._add_forgotten()
        self._add_chain(entered)
        return result

    def _choose(self) -> tuple[int, int] | None:
        if self.run_id is None:
            return None
        row = self.connection.execute(sa.select(run.c.number, run.c.location_id).where(run.c.id == self.run_id)).one()
        return row.number, row.location_id

    def _sort_others(self, others: Sequence[sa.Row[Any]], entered: Entered) -> None:
        """Classify runs without a seal: only those before the first seal may have ended without one."""
        first = self.connection.scalar(sa.select(sa.func.min(run.c.number)).where(run.c.seal.is_not(None)))
        for row in others:
            if row.state == RunState.RUNNING:
                self.result.under_way.append(row.id)
            elif entered.is_former("runs", row.number) and (first is None or row.number < first):
                self.result.before_seals.append(row.id)
            else:
                self.result.add(Damage(Kind.ADDED, "run", row.number))

    def _find_orphans(self) -> None:
        """Find rows of missing runs, and pages of facts of snapshots that have none."""
        for column in (decision_page.c.run_number, outcome.c.run_number, seal_block.c.run_number):
            for number in orphaned(self.connection, column):
                self.result.add(Damage(Kind.MISSING, "run", number))
        for snapshot_id in facts_of_none(self.connection):
            self.result.add(Damage(Kind.ADDED, "fact_page", snapshot_id))

    def _judge(self, runs: Sequence[SealedRun], names: Names) -> None:
        followers: set[int | None] = set()
        for sealed_run, trust, blocks in check_seals(self.connection, runs):
            if trust is Trust.NOTHING and not sealed_run.is_missing:
                self.result.add(Damage(Kind.EDITED, "run", sealed_run.number, sealed_run.id, "seal"))
            if trust is Trust.UNKNOWN and sealed_run.sealed_after is not None:
                self.result.add(Damage(Kind.MISSING, "run", sealed_run.sealed_after))
            if sealed_run.sealed_after in followers and not sealed_run.is_missing:
                self.result.add(Damage(Kind.ADDED, "run", sealed_run.number))
            followers |= set() if sealed_run.is_missing else {sealed_run.sealed_after}
            if trust is Trust.ROWS:
                for kind, block in blocks:
                    self.result.add(Damage(kind, "seal_block", block.first_id, sealed_run.id, block.part))
                continue
            for place, found_block in sorted(sealed_run.differing.items()):
                for damage in names.rows(sealed_run, place, found_block):
                    self.result.add(damage)

    def _add_ends(self, location_id: int) -> None:
        last = last_seal(self.connection, location_id)
        query = sa.select(location.c.endpoint, location.c.bucket, location.c.prefix, run.c.id, run.c.seal)
        for row in self.connection.execute(
            query.select_from(run.join(location)).where(run.c.number == (last and last[0]))
        ):
            self.result.ends.append(ChainEnd(*row))

    def _add_chain(self, entered: Entered) -> None:
        self.result.entries = entered.count
        self.result.ledger_id = str(entered.begin.get("ledger", ""))
        self.result.last_entry = (entered.last.id, entered.last.seal) if entered.last else None
        self.result.sealed_runs = len(entered.of(EntryKind.RUN))

    def _add_forgotten(self) -> None:
        columns = [column for column in forgotten.c if column.name not in ("id", "location_id")]
        for row in self.connection.execute(sa.select(*columns).order_by(forgotten.c.id)):
            self.result.forgotten.append(Forgotten(*row))
