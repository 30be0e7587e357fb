"""The chain of entries, and comparing it with the rows that it covers (ADR 24)."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from dicom_sieve.headers.edition import FIRST_DIGEST, digest_edition
from dicom_sieve.ledger.audit.damage import Damage, Kind, Verification
from dicom_sieve.ledger.audit.row_digests import (
    ACTION,
    COMPUTATION,
    CRITERIA,
    FORGOTTEN,
    NOTHING_ENTERED,
    is_as_entered,
)
from dicom_sieve.ledger.database.actions import page_action
from dicom_sieve.ledger.database.entries import Entry, EntryKind, read_entries
from dicom_sieve.ledger.database.states import RunState
from dicom_sieve.ledger.database.tables import (
    computation,
    computation_input,
    computation_output,
    computation_region,
    edition,
    forgotten,
    lease,
    location,
    named_criteria,
    patient_key,
    run,
)

Tell = Callable[[Damage], None]


@dataclass(slots=True)
class Entered:
    """What the entries say.

    Attributes:
        begin: The content of the first entry.
        last: The last entry; None where there is none.
        by_kind: The last entry about each subject, by kind and subject.
        begun: Id of the last entry of kind FORGETTING, by location.
        count: Number of entries.
    """

    begin: dict[str, Any] = field(default_factory=dict)
    last: Entry | None = None
    by_kind: dict[str, dict[int, Entry]] = field(default_factory=lambda: {kind.value: {} for kind in EntryKind})
    begun: dict[int, int] = field(default_factory=dict)
    count: int = 0

    def of(self, kind: EntryKind) -> dict[int, Entry]:
        """Give the last entry of a kind about each subject."""
        return self.by_kind[kind.value]

    def is_former(self, name: str, number: int) -> bool:
        """Tell whether a row is from before there were entries."""
        last = self.begin.get(name)
        return isinstance(last, int) and number <= last

    def may_be_gone(self, entry: Entry) -> bool:
        """Tell whether an entry's subject was forgotten after it."""
        return entry.id < self.begun.get(entry.read().get("location", 0), 0)

    def note(self, entry: Entry) -> None:
        """Add an entry."""
        self.last = entry
        self.count += 1
        if entry.id == 1 and entry.kind == EntryKind.LEDGER:
            self.begin = entry.read()
        if isinstance(entry.subject, int) and entry.kind in self.by_kind:
            self.by_kind[entry.kind][entry.subject] = entry
        if entry.kind == EntryKind.FORGETTING:
            self.begun[entry.read().get("location", 0)] = entry.id


def check_chain(connection: sa.Connection, tell: Tell) -> Entered:
    """Read all entries; each must follow the one before it."""
    entered = Entered()
    previous: set[str | None] | None = {None}
    expected = 1
    for entry in read_entries(connection):
        if entry.id != expected:
            tell(Damage(Kind.MISSING, "seal_entry", expected))
            previous = None
        digests = {entry.digest(seal) for seal in previous or ()}
        is_whole = previous is None or entry.seal in digests
        if not is_whole:
            tell(Damage(Kind.EDITED, "seal_entry", entry.id))
        previous = {entry.seal} if is_whole else {entry.seal, *digests}
        expected = entry.id + 1
        entered.note(entry)
    if not entered.begin:
        tell(Damage(Kind.MISSING, "seal_entry", 1))
    return entered


def check_entered(connection: sa.Connection, entered: Entered, result: Verification) -> None:
    """Compare the subjects of entries with the present rows."""
    for damages in (
        _check_key(connection, entered),
        _check_locations(connection, entered),
        _check_editions(connection, entered),
        _check_criteria(connection, entered, result),
        _check_actions(connection, entered),
        _check_runs(connection, entered),
        _check_computations(connection, entered, result),
        _check_forgotten(connection, entered),
        _check_leases(connection),
    ):
        for damage in damages:
            result.add(damage)


def _check_key(connection: sa.Connection, entered: Entered) -> Iterator[Damage]:
    rows = connection.execute(sa.select(patient_key.c.id, patient_key.c.secret).order_by(patient_key.c.id))
    digests = [[row.id, hashlib.sha256(_as_bytes(row.secret)).hexdigest()] for row in rows]
    if entered.begin and digests != entered.begin.get("patient_key"):
        yield Damage(Kind.EDITED, "patient_key", digests[0][0] if digests else 1)


def _as_bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else repr(value).encode()


def _check_locations(connection: sa.Connection, entered: Entered) -> Iterator[Damage]:
    entries = dict(entered.of(EntryKind.LOCATION))
    columns = location.c
    rows = connection.execute(sa.select(columns.id, columns.endpoint, columns.bucket, columns.prefix))
    for row_id, *name in rows:
        entry = entries.pop(row_id, None)
        if entry is None:
            yield Damage(Kind.ADDED, "location", row_id)
        elif entry.read().get("location") != name:
            yield Damage(Kind.EDITED, "location", row_id)
    for row_id in entries:
        yield Damage(Kind.MISSING, "location", row_id)


def _check_editions(connection: sa.Connection, entered: Entered) -> Iterator[Damage]:
    """Compare editions: the first with its fixed digest, all others with their entries."""
    digests = {number: entry.read().get("edition") for number, entry in entered.of(EntryKind.EDITION).items()}
    digests[1] = FIRST_DIGEST
    columns = edition.c
    query = sa.select(edition).order_by(columns.number)
    for number, name, header_tags, digest, object_tags, limit_bytes in connection.execute(query):
        expected = digests.pop(number, None)
        if expected is None:
            yield Damage(Kind.ADDED, "edition", number)
        elif digest != expected or digest_edition(str(name), str(header_tags), object_tags, limit_bytes) != expected:
            yield Damage(Kind.EDITED, "edition", number)
    for number in digests:
        yield Damage(Kind.MISSING, "edition", number)


def _check_criteria(connection: sa.Connection, entered: Entered, result: Verification) -> Iterator[Damage]:
    """Compare versions of named criteria with their entries, by whose content a changed one is named."""
    entries = dict(entered.of(EntryKind.CRITERIA))
    columns = named_criteria.c
    for row_id, name, version in connection.execute(sa.select(columns.id, columns.name, columns.version)).all():
        entry = entries.pop(row_id, None)
        if entry is None:
            yield Damage(Kind.ADDED, "named_criteria", row_id, part=f"{name}@{version}")
            continue
        result.criteria += 1
        if not is_as_entered(connection, CRITERIA, row_id, entry.read().get("row")):
            yield Damage(Kind.EDITED, "named_criteria", row_id, part=_name_version(entry))
    for row_id, entry in entries.items():
        yield Damage(Kind.MISSING, "named_criteria", row_id, part=_name_version(entry))


def _check_actions(connection: sa.Connection, entered: Entered) -> Iterator[Damage]:
    """Compare what people did on the pages with the entries of that."""
    entries = dict(entered.of(EntryKind.ACTION))
    for row_id in connection.scalars(sa.select(page_action.c.id)).all():
        entry = entries.pop(row_id, None)
        if entry is None:
            yield Damage(Kind.ADDED, "page_action", row_id)
        elif not is_as_entered(connection, ACTION, row_id, entry.read().get("row")):
            yield Damage(Kind.EDITED, "page_action", row_id)
    for row_id in entries:
        yield Damage(Kind.MISSING, "page_action", row_id)


def _name_version(entry: Entry) -> str:
    content = entry.read()
    return f"{content.get('name')}@{content.get('version')}"


def _check_runs(connection: sa.Connection, entered: Entered) -> Iterator[Damage]:
    entries = dict(entered.of(EntryKind.RUN))
    for number, run_id, seal in connection.execute(sa.select(run.c.number, run.c.id, run.c.seal)):
        entry = entries.pop(number, None)
        if entry is not None and entry.read().get("seal") != seal:
            yield Damage(Kind.EDITED, "run", number, run_id, "seal")
        if entry is None and seal is not None:
            yield Damage(Kind.MISSING, "seal_entry", number, run_id)
    for number, entry in entries.items():
        if not entered.may_be_gone(entry):
            yield Damage(Kind.MISSING, "run", number)


def _check_computations(connection: sa.Connection, entered: Entered, result: Verification) -> Iterator[Damage]:
    entries = dict(entered.of(EntryKind.COMPUTATION))
    for row_id, state in connection.execute(sa.select(computation.c.id, computation.c.state)).all():
        entry = entries.pop(row_id, None)
        if entry is not None:
            result.computations += 1
            content = entry.read()
            for name, covered in COMPUTATION.items():
                recorded = content.get(name, NOTHING_ENTERED if name == "regions" else None)
                if not is_as_entered(connection, covered, row_id, recorded):
                    yield Damage(Kind.EDITED, covered.table.name, row_id)
        elif state == RunState.RUNNING:
            result.computing += 1
        elif entered.is_former("computations", row_id):
            result.former_computations += 1
        else:
            yield Damage(Kind.ADDED, "computation", row_id)
    for row_id, entry in entries.items():
        if not entered.may_be_gone(entry):
            yield Damage(Kind.MISSING, "computation", row_id)
    yield from _check_parts(connection)


def _check_parts(connection: sa.Connection) -> Iterator[Damage]:
    """Find inputs and outputs of missing computations."""
    for column in (table.c.computation_id for table in (computation_input, computation_output, computation_region)):
        query = sa.select(column).distinct().where(column.not_in(sa.select(computation.c.id)))
        for row_id in connection.scalars(query):
            yield Damage(Kind.MISSING, "computation", row_id)


def _check_forgotten(connection: sa.Connection, entered: Entered) -> Iterator[Damage]:
    begun, ended = dict(entered.of(EntryKind.FORGETTING)), dict(entered.of(EntryKind.FORGOTTEN))
    for row_id in connection.scalars(sa.select(forgotten.c.id)).all():
        first, last = begun.pop(row_id, None), ended.pop(row_id, None)
        entry = last or first
        if entry is not None:
            if not is_as_entered(connection, FORGOTTEN, row_id, entry.read().get("row")):
                yield Damage(Kind.EDITED, "forgotten", row_id)
        elif not entered.is_former("forgotten", row_id):
            yield Damage(Kind.ADDED, "forgotten", row_id)
    for row_id in begun.keys() | ended.keys():
        yield Damage(Kind.MISSING, "forgotten", row_id)


def forgetting(connection: sa.Connection, entered: Entered) -> set[int]:
    """Give the locations that are half forgotten, as entered: the rest of their rows cannot be verified."""
    query = sa.select(forgotten.c.id, forgotten.c.location_id).where(forgotten.c.finished_at.is_(None))
    begun, ended = entered.of(EntryKind.FORGETTING), entered.of(EntryKind.FORGOTTEN)
    return {
        location_id
        for row_id, location_id in connection.execute(query).all()
        if (row_id in begun and row_id not in ended and begun[row_id].read().get("location") == location_id)
    }


def _check_leases(connection: sa.Connection) -> Iterator[Damage]:
    """Check that a lease is of an existing location and, if of a run, of the last run there."""
    newest = sa.select(run.c.location_id, sa.func.max(run.c.number).label("number")).group_by(run.c.location_id)
    last = newest.subquery()
    query = (
        sa.select(lease.c.location_id)
        .select_from(lease.outerjoin(location).outerjoin(last, last.c.location_id == lease.c.location_id))
        .where(
            sa.or_(
                location.c.id.is_(None),
                sa.and_(lease.c.run_number.is_not(None), lease.c.run_number.is_distinct_from(last.c.number)),
            )
        )
    )
    for location_id in connection.scalars(query):
        yield Damage(Kind.EDITED, "lease", location_id)
