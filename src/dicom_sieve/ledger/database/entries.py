"""The chain of all that is sealed (ADR 24).

There is an entry for each run, computation, location, edition, version of criteria, forgotten location, for each
division of a location, and for each thing that somebody did on the pages.

A run's seal covers its rows and the run before it on its location. An entry covers that seal and the entry before it,
of whatever location: a missing entry leaves a gap. The last entry's seal covers the whole ledger; an anchor keeps it.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from dicom_sieve.errors import LedgerError
from dicom_sieve.ledger.database.tables import seal_entry

FORMAT = "dicom-sieve entry 1"
_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


class EntryKind(StrEnum):
    """What an entry is about."""

    LEDGER = "LEDGER"
    """The first: the ledger's id, the digest of its key for patients, the last rows from before there were entries."""
    LOCATION = "LOCATION"
    """A location was recorded."""
    DIVISION = "DIVISION"
    """A location was divided into others, or into more of them; the last such entry counts, and is the only record."""
    RUN = "RUN"
    """A run was sealed."""
    COMPUTATION = "COMPUTATION"
    """A computation has ended, or was changed after its end; the last such entry counts."""
    EDITION = "EDITION"
    """Headers were read for other attributes than before."""
    CRITERIA = "CRITERIA"
    """A version of named criteria was saved."""
    ACTION = "ACTION"
    """Somebody did something on the pages."""
    FORGETTING = "FORGETTING"
    """Removal of a location's rows has begun."""
    FORGOTTEN = "FORGOTTEN"
    """A location's rows have been removed."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry.

    Attributes:
        id: From 1, without gaps.
        kind: An `EntryKind`, as recorded.
        subject: Id of the row that it is about: a run's number, an id; None for the first entry.
        content: Canonical JSON.
        seal: As recorded.
    """

    id: int
    kind: str
    subject: int | None
    content: str
    seal: str

    def read(self) -> dict[str, Any]:
        """Give the content; empty where it is no JSON object."""
        try:
            content = json.loads(self.content)
        except (ValueError, TypeError):
            return {}
        return content if isinstance(content, dict) else {}

    def digest(self, previous: str | None) -> str:
        """Give its seal for a previous seal; empty where its fields have the wrong type."""
        try:
            return digest_entry(previous, self.id, self.kind, self.subject, self.content)
        except TypeError:  # SQLite stores bytes in a column of text
            return ""


def digest_entry(previous: str | None, entry_id: int, kind: str, subject: int | None, content: str) -> str:
    """Give the seal of an entry: SHA-256 over canonical JSON, as hex."""
    covered = {
        "format": FORMAT,
        "previous": previous,
        "id": entry_id,
        "kind": kind,
        "subject": subject,
        "content": content,
    }
    return hashlib.sha256(_canonical(covered).encode()).hexdigest()


def append_entry(connection: sa.Connection, kind: EntryKind, subject: int, content: Mapping[str, Any]) -> None:
    """Add an entry, in the transaction that writes its subject; other writers wait until that ends."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("LOCK TABLE seal_entry IN SHARE ROW EXCLUSIVE MODE")
    last = last_entry(connection)
    entry_id = last.id + 1 if last else 1
    text = _canonical(content)
    seal = digest_entry(last.seal if last else None, entry_id, kind, subject, text)
    values = {"id": entry_id, "kind": kind.value, "subject": subject, "content": text, "seal": seal}
    connection.execute(sa.insert(seal_entry).values(values))


def last_entry(connection: sa.Connection) -> Entry | None:
    """Give the last entry of the chain; None where there is none."""
    row = connection.execute(sa.select(seal_entry).order_by(seal_entry.c.id.desc()).limit(1)).first()
    return None if row is None else Entry(*row)


def read_entries(connection: sa.Connection) -> Iterator[Entry]:
    """Give all entries in their order."""
    for row in connection.execute(sa.select(seal_entry).order_by(seal_entry.c.id)):
        yield Entry(*row)


def read_chain(engine: sa.Engine) -> tuple[str, list[Entry]]:
    """Give a ledger's own id, and all its entries.

    Raises:
        LedgerError: The ledger is unreachable, or cannot be read.
    """
    try:
        with engine.connect() as connection:
            return ledger_id(connection), list(read_entries(connection))
    except sa.exc.SQLAlchemyError as error:
        raise LedgerError(f"the ledger's seals cannot be read: {type(error).__name__}") from error


def chain_end(engine: sa.Engine) -> dict[str, Any]:
    """Give the members of a manifest about the chain: the ledger's ``id``, number and seal of the last ``entry``."""
    with engine.connect() as connection:
        last = last_entry(connection)
        return {"id": ledger_id(connection), "entry": [last.id, last.seal] if last else None}


def ledger_id(connection: sa.Connection) -> str:
    """Give the ledger's random id; empty where it has none."""
    row = connection.execute(sa.select(seal_entry).where(seal_entry.c.id == 1)).first()
    return "" if row is None else str(Entry(*row).read().get("ledger", ""))
