"""The digests of rows in an entry: over columns that the entry names, so that later columns do not change them."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from dicom_sieve.ledger.audit.sealed_rows import as_stored, canonical, stream, write_value
from dicom_sieve.ledger.database.actions import page_action
from dicom_sieve.ledger.database.entries import EntryKind, append_entry
from dicom_sieve.ledger.database.states import RunState
from dicom_sieve.ledger.database.tables import (
    computation,
    computation_input,
    computation_output,
    computation_region,
    forgotten,
    named_criteria,
    run,
)

NOT_COVERED = {"computation": ("expires_at",)}
"""A heartbeat is without meaning once a computation has ended, and may come late."""


@dataclass(frozen=True, slots=True)
class Covered:
    """Rows of one table that an entry covers.

    Attributes:
        table: Table of the rows.
        its: Gives the condition for the rows of a subject.
        order: Columns to order by.
    """

    table: sa.Table
    its: Callable[[int], sa.ColumnElement[bool]]
    order: tuple[sa.Column[Any], ...]

    @property
    def columns(self) -> list[str]:
        """The names of all columns that are covered now."""
        left_out = NOT_COVERED.get(self.table.name, ())
        return [column.name for column in self.table.columns if column.name not in left_out]

    def digest(self, connection: sa.Connection, subject: int, columns: list[str] | None = None) -> dict[str, Any]:
        """Digest the rows of a subject.

        Args:
            connection: Connection to the ledger.
            subject: Id of the subject.
            columns: Names of columns; None for all. Other columns count where they are not NULL.
        """
        named = self.columns if columns is None else columns
        later = [name for name in self.columns if name not in named]
        count, content = 0, hashlib.sha256()
        for line in self._lines(connection, subject, named, later):
            count += 1
            content.update(line + b"\n")
        return {"columns": named, "rows": count, "digest": content.hexdigest()}

    def _lines(self, connection: sa.Connection, subject: int, named: list[str], later: list[str]) -> Iterator[bytes]:
        if not set(named) <= set(self.table.columns.keys()):
            return
        columns = [self.table.columns[name] for name in (*named, *later)]
        query = sa.select(*(as_stored(connection.dialect, column) for column in columns))
        for row in stream(connection, query.where(self.its(subject)).order_by(*self.order)):
            values = [write_value(column, value) for column, value in zip(columns, row, strict=True)]
            later_values = [value for value in values[len(named) :] if value != "null"]
            yield f"[{','.join(values[: len(named)] + later_values)}]".encode()


COMPUTATION = {
    "computation": Covered(computation, lambda subject: computation.c.id == subject, (computation.c.id,)),
    "inputs": Covered(
        computation_input,
        lambda subject: computation_input.c.computation_id == subject,
        (computation_input.c.id,),
    ),
    "outputs": Covered(
        computation_output,
        lambda subject: computation_output.c.computation_id == subject,
        (computation_output.c.id,),
    ),
    "regions": Covered(
        computation_region,
        lambda subject: computation_region.c.computation_id == subject,
        (computation_region.c.id,),
    ),
}
"""What the entry of a computation covers, by the names in its content."""
NOTHING_ENTERED: Mapping[str, Any] = {"columns": [], "rows": 0, "digest": hashlib.sha256().hexdigest()}
"""What an entry that was made before there were regions is taken to say of them: there are none."""
ACTION = Covered(page_action, lambda subject: page_action.c.id == subject, (page_action.c.id,))
CRITERIA = Covered(named_criteria, lambda subject: named_criteria.c.id == subject, (named_criteria.c.id,))
FORGOTTEN = Covered(forgotten, lambda subject: forgotten.c.id == subject, (forgotten.c.id,))


def seal_if_ended(connection: sa.Connection, computation_id: int) -> None:
    """Enter a computation that has ended, in the transaction that changed it.

    Its row is locked first (FOR NO KEY UPDATE): else a concurrent transaction that ends a series would see the
    computation as running and enter nothing, or digest rows that the other transaction changes.
    """
    query = sa.select(computation.c.state, run.c.location_id).join(run, run.c.number == computation.c.run_number)
    locked = query.where(computation.c.id == computation_id).with_for_update(key_share=True, of=computation)
    row = connection.execute(locked).one()
    if row.state == RunState.RUNNING:
        return
    content: dict[str, Any] = {"location": row.location_id}
    content |= {name: covered.digest(connection, computation_id) for name, covered in COMPUTATION.items()}
    append_entry(connection, EntryKind.COMPUTATION, computation_id, content)


def enter_forgotten(connection: sa.Connection, forgotten_id: int, kind: EntryKind) -> None:
    """Enter that forgetting a location has begun, or has ended."""
    location_id = connection.scalar(sa.select(forgotten.c.location_id).where(forgotten.c.id == forgotten_id))
    content = {"location": location_id, "row": FORGOTTEN.digest(connection, forgotten_id)}
    append_entry(connection, kind, forgotten_id, content)


def enter_criteria(connection: sa.Connection, criteria_id: int) -> None:
    """Enter a version of criteria, in the transaction that saves it."""
    query = sa.select(named_criteria.c.name, named_criteria.c.version).where(named_criteria.c.id == criteria_id)
    saved = connection.execute(query).one()
    content = {"name": saved.name, "version": saved.version, "row": CRITERIA.digest(connection, criteria_id)}
    append_entry(connection, EntryKind.CRITERIA, criteria_id, content)


def enter_action(connection: sa.Connection, action_id: int) -> None:
    """Enter what somebody did on the pages, in the transaction that records it."""
    append_entry(connection, EntryKind.ACTION, action_id, {"row": ACTION.digest(connection, action_id)})


def is_as_entered(connection: sa.Connection, covered: Covered, subject: int, recorded: Any) -> bool:
    """Tell whether rows are as an entry says."""
    if not isinstance(recorded, Mapping) or not isinstance(recorded.get("columns"), list):
        return False
    found = covered.digest(connection, subject, [str(name) for name in recorded["columns"]])
    return canonical(found) == canonical(recorded)
