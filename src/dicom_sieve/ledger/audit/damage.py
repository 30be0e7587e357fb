"""The result of a verification: the changed rows of the ledger, without patients' values."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from dicom_sieve.columns.pages import PAGE_IDS

OUTCOME_IDS = 256
"""The id of an outcome is its palette times this, and its code."""
MOST_NAMED = 1_000
"""Damaged rows that are named; all others are only counted."""


class Kind(StrEnum):
    """What happened to a row."""

    EDITED = "EDITED"
    MISSING = "MISSING"
    ADDED = "ADDED"


MADE = (
    "table",
    "column",
    "view",
    "index",
    "trigger",
    "constraint",
    "function",
    "sequence",
    "relation",
    "rule",
    "policy",
    "foreign key trigger",
    "inheriting table",
    "schema",
    "setting",
    "file",
)
"""Kinds of definitions in a database; such a damage has a name in place of a row."""
_ROWS = {
    "block": "block {row} of the values of headers",
    "chunk": "column {part} of block {row}",
    "computation_input": "what is recorded of the inputs of computation {row}",
    "computation_output": "what is recorded of the outputs of computation {row}",
    "computation_region": "what computation {row} measured in regions",
    "fact_page": "a page of the facts of series of snapshot {row}",
    "fact_snapshot": "what is kept of the facts of series of snapshot {row}",
    "forgotten": "record {row} of a forgotten location",
    "header_change": "the number of header {row}'s instances",
    "held_page": "page {row} of the kept numbers of headers' instances",
    "listed_range": "what is kept of the last listing of location {row}",
    "lease": "the lease of location {row}",
    "named_criteria": "version {part} of saved criteria",
    "page_action": "action {row} of the pages",
    "patient_key": "the key for patients' digests",
    "seal_entry": "entry {row} of the chain of seals",
}
_WORDS = {Kind.EDITED: "was edited", Kind.MISSING: "is missing", Kind.ADDED: "was added"}


@dataclass(frozen=True, slots=True)
class Damage:
    """One changed row, or definition of the database.

    Attributes:
        kind: What happened to it.
        table: Table of the row; ``decision`` for one decision of a page; or one of `MADE`, for a definition.
        row: Id of the row: a run's number, the id of a header, object, snapshot or location; of a decision its header's
            id, of facts their snapshot's, of a page its number, of an outcome 256 times its palette plus its code, of a
            block of a seal the lowest id that it covers, of a chunk the id of its block.
        run_id: Id of the run that the row belongs to; None where it belongs to no single run.
        part: Field of a run, part of a seal, name of a chunk or of a definition; ``block`` of a header without values;
            name and version of saved criteria.
        uid: Present Series Instance UID of a decision or header, SOP Instance UID of an object; None where unknown.
    """

    kind: Kind
    table: str
    row: int
    run_id: str | None = None
    part: str | None = None
    uid: str | None = None

    def describe(self) -> str:
        """Say it in a sentence."""
        match self.table:
            case "decision":
                subject = f"the decision on header {self.row}{self._of('series')}"
            case "decision_page":
                first = self.row * PAGE_IDS
                subject = f"the page of its decisions on headers {first} to {first + PAGE_IDS - 1}"
            case "outcome":
                subject = "outcome {1} of its palette {0}".format(*divmod(self.row, OUTCOME_IDS))
            case "run" if self.part:
                subject = f"its {self.part}"
            case "run":
                subject = f"run number {self.row}"
            case "seal_entry" if self.run_id:
                subject = "its entry in the chain of seals"
            case "seal_block":
                subject = f"its seal's {self.part} block at {self.row}"
            case "header" if self.part:
                subject = f"the {self.part} of header {self.row}"
            case "object" | "header":
                subject = f"{self.table} {self.row}{self._of('instance' if self.table == 'object' else 'series')}"
            case _:
                words = "the {table} {part}" if self.table in MADE else _ROWS.get(self.table, "{table} {row}")
                subject = words.format(table=self.table, part=self.part, row=self.row)
        of_run = f"run {self.run_id}: " if self.run_id else ""
        return f"{of_run}{subject} {_WORDS[self.kind]}"

    def _of(self, name: str) -> str:
        return f" ({name} {self.uid})" if self.uid else ""


@dataclass(frozen=True, slots=True)
class Forgotten:
    """A location whose data were removed on purpose.

    Attributes:
        endpoint: Endpoint of the location.
        bucket: Bucket of the location.
        prefix: Prefix of the location.
        reason: As it was given.
        counts: Numbers of removed rows, by name; None while it is not finished.
        last_seal: Last seal of the removed chain; None where no run was sealed.
        started_at: When it began.
        finished_at: When it ended; None where it was interrupted.
    """

    endpoint: str
    bucket: str
    prefix: str
    reason: str
    counts: Mapping[str, Any] | None
    last_seal: str | None
    started_at: datetime.datetime
    finished_at: datetime.datetime | None


@dataclass(frozen=True, slots=True)
class ChainEnd:
    """The last seal of a location: a copy kept elsewhere shows later that nothing before it was sealed again.

    Attributes:
        endpoint: Endpoint of the location.
        bucket: Bucket of the location.
        prefix: Prefix of the location.
        run_id: Id of the last sealed run.
        seal: Seal of that run.
    """

    endpoint: str
    bucket: str
    prefix: str
    run_id: str
    seal: str


@dataclass(slots=True)
class Verification:
    """What was verified, and the damage that was found.

    Attributes:
        runs: Number of sealed runs that were verified.
        decisions: Number of decisions that were verified.
        objects: Number of objects that were verified.
        headers: Number of headers that were verified.
        damages: The first `MOST_NAMED` damaged rows.
        damaged: Number of damaged rows.
        before_seals: Ids of finished runs from before there were seals; they cannot be verified.
        under_way: Ids of runs that have not ended, and so have no seal yet.
        unsealed: Number of snapshots behind all sealed ones of their location: of previews, or of runs under way.
        ends: The last seal of each location.
        forgotten: Locations that were removed on purpose.
        computations: Number of sealed computations that were verified.
        criteria: Number of versions of named criteria that were verified.
        computing: Number of computations that have not ended, and so have no seal yet.
        former_computations: Number of computations from before they were sealed; they cannot be verified.
        entries: Number of entries in the chain.
        ledger_id: The ledger's id.
        last_entry: Number and seal of the last entry: it covers the whole ledger.
        sealed_runs: Number of runs in the chain, forgotten ones included.
    """

    runs: int = 0
    decisions: int = 0
    objects: int = 0
    headers: int = 0
    damages: list[Damage] = field(default_factory=list)
    damaged: int = 0
    before_seals: list[str] = field(default_factory=list)
    under_way: list[str] = field(default_factory=list)
    unsealed: int = 0
    ends: list[ChainEnd] = field(default_factory=list)
    forgotten: list[Forgotten] = field(default_factory=list)
    computations: int = 0
    criteria: int = 0
    computing: int = 0
    former_computations: int = 0
    entries: int = 0
    ledger_id: str = ""
    last_entry: tuple[int, str] | None = None
    sealed_runs: int = 0

    @property
    def half_forgotten(self) -> list[Forgotten]:
        """Locations whose removal was begun and not ended: the rest of their rows cannot be verified."""
        return [fact for fact in self.forgotten if fact.finished_at is None]

    @property
    def is_unsealed(self) -> bool:
        """Whether runs have ended, and not one of them was ever sealed."""
        return self.sealed_runs == 0 and bool(self.before_seals)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to verify, because no run has ended yet."""
        return self.damaged == 0 and not (self.sealed_runs or self.before_seals or self.forgotten)

    @property
    def is_intact(self) -> bool:
        """Whether the schema is as expected, and every sealed row is unchanged."""
        return self.damaged == 0 and not self.half_forgotten and not self.is_unsealed

    def add(self, damage: Damage) -> None:
        """Add a damaged row, once."""
        if damage in self.damages:
            return
        self.damaged += 1
        if len(self.damages) < MOST_NAMED:
            self.damages.append(damage)
