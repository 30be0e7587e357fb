"""The chain of all that is sealed: an entry for each run, computation, location and forgotten location (ADR 24).

A run's seal covers its rows and the run before it on its location. An entry covers that seal and the entry before it,
whatever location that belongs to: what is missing at the end, or anywhere, leaves a gap. The last entry's seal stands
for the whole ledger, and is what an anchor keeps.
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
    RUN = "RUN"
    """A run was sealed."""
    COMPUTATION = "COMPUTATION"
    """A computation has ended, or was changed after its end; the last such entry counts."""
    EDITION = "EDITION"
    """Headers were read for something else than before."""
    FORGETTING = "FORGETTING"
    """A location's rows begin to go."""
    FORGOTTEN = "FORGOTTEN"
    """They are gone."""


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
        """Give the content; empty where it is none."""
        try:
            content = json.loads(self.content)
        except (ValueError, TypeError):
            return {}
        return content if isinstance(content, dict) else {}

    def digest(self, previous: str | None) -> str:
        """Give the seal that it has behind another; none where it holds what no entry does."""
        try:
            return digest_entry(previous, self.id, self.kind, self.subject, self.content)
        except TypeError:  # SQLite takes bytes for a text
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
    """Add an entry, in the transaction that writes what it is about; the others wait until that ends."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("LOCK TABLE seal_entry IN SHARE ROW EXCLUSIVE MODE")
    last = last_entry(connection)
    entry_id = last.id + 1 if last else 1
    text = _canonical(content)
    seal = digest_entry(last.seal if last else None, entry_id, kind, subject, text)
    values = {"id": entry_id, "kind": kind.value, "subject": subject, "content": text, "seal": seal}
    connection.execute(sa.insert(seal_entry).values(values))


def last_entry(connection: sa.Connection) -> Entry | None:
    """Give the end of the chain; None where there is no entry at all."""
    row = connection.execute(sa.select(seal_entry).order_by(seal_entry.c.id.desc()).limit(1)).first()
    return None if row is None else Entry(*row)


def read_entries(connection: sa.Connection) -> Iterator[Entry]:
    """Give all entries in their order."""
    for row in connection.execute(sa.select(seal_entry).order_by(seal_entry.c.id)):
        yield Entry(*row)


def read_chain(engine: sa.Engine) -> tuple[str, list[Entry]]:
    """Give a ledger's own id, and all its entries.

    Raises:
        LedgerError: The ledger is away, or cannot be read.
    """
    try:
        with engine.connect() as connection:
            return ledger_id(connection), list(read_entries(connection))
    except sa.exc.SQLAlchemyError as error:
        raise LedgerError(f"the ledger's seals cannot be read: {type(error).__name__}") from error


def chain_end(engine: sa.Engine) -> dict[str, Any]:
    """Give what a manifest says of the chain: the ledger's ``id``, and number and seal of the last ``entry``."""
    with engine.connect() as connection:
        last = last_entry(connection)
        return {"id": ledger_id(connection), "entry": [last.id, last.seal] if last else None}


def ledger_id(connection: sa.Connection) -> str:
    """Give the ledger's own id, which it made at random for itself; empty where it has none."""
    row = connection.execute(sa.select(seal_entry).where(seal_entry.c.id == 1)).first()
    return "" if row is None else str(Entry(*row).read().get("ledger", ""))
