"""What a verification says: which rows of the ledger are not as they were sealed. No patient's value is in it."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

MOST_NAMED = 1_000
"""Damaged rows beyond so many are counted only."""


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
"""What a database is made of; such a damage has a name in place of a row."""
_ROWS = {
    "computation_input": "what is recorded of the inputs of computation {row}",
    "computation_output": "what is recorded of the outputs of computation {row}",
    "forgotten": "record {row} of a forgotten location",
    "header_change": "the number of header {row}'s instances",
    "lease": "the lease of location {row}",
    "patient_key": "the key for patients' digests",
    "seal_entry": "entry {row} of the chain of seals",
}
_WORDS = {Kind.EDITED: "was edited", Kind.MISSING: "is missing", Kind.ADDED: "was added"}


@dataclass(frozen=True, slots=True)
class Damage:
    """One row that is not as it was sealed.

    Attributes:
        kind: What happened to it.
        table: Of the row; or one of `MADE`, what the database itself is made of.
        row: Its id: a run's number, a header's, object's, snapshot's or location's id; a decision is known by its
            header's id, a block of a seal by the lowest id that it covers.
        run_id: The run whose row it is; None for rows that belong to no run alone.
        part: Of a run, which field; of a seal, which part; the name of what the database is made of.
        uid: Of a decision or header its series, of an object its instance, as the ledger says now; None where unknown.
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
            case "run" if self.part:
                subject = f"its {self.part}"
            case "run":
                subject = f"run number {self.row}"
            case "seal_entry" if self.run_id:
                subject = "its entry in the chain of seals"
            case "seal_block":
                subject = f"its seal's {self.part} block at {self.row}"
            case "object":
                subject = f"object {self.row}{self._of('instance')}"
            case "header":
                subject = f"header {self.row}{self._of('series')}"
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
        endpoint: Where it was.
        bucket: Likewise.
        prefix: Likewise.
        reason: As it was given.
        counts: What was removed, by name; None while it is not finished.
        last_seal: The end of the chain that was removed; None where no run was sealed.
        started_at: When it began.
        finished_at: When it ended; None: it was interrupted.
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
    """The last seal of a location: kept elsewhere it shows later that nothing before it was sealed anew.

    Attributes:
        endpoint: Of the location.
        bucket: Likewise.
        prefix: Likewise.
        run_id: Of the run that was sealed last.
        seal: Its seal.
    """

    endpoint: str
    bucket: str
    prefix: str
    run_id: str
    seal: str


@dataclass(slots=True)
class Verification:
    """What was looked at, and what was found.

    Attributes:
        runs: Sealed runs that were looked at.
        decisions: Likewise.
        objects: Likewise.
        headers: Likewise.
        damages: The first `MOST_NAMED` damaged rows.
        damaged: How many there are.
        before_seals: Ids of finished runs from before there were seals; nothing can be said of them.
        under_way: Ids of runs that have not ended, and so have no seal yet.
        unsealed: Snapshots behind all that was sealed at their location: of previews, or of runs under way.
        ends: The last seal of each location.
        forgotten: What was removed on purpose.
        computations: Sealed computations that were looked at.
        computing: Computations that have not ended, and so have no seal yet.
        former_computations: Computations from before they were sealed; nothing can be said of them.
        entries: Of the chain over all that is sealed.
        ledger_id: The ledger's own.
        last_entry: Number and seal of the last entry: it stands for the whole ledger.
        sealed_runs: Runs that the chain knows, forgotten ones among them.
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
    computing: int = 0
    former_computations: int = 0
    entries: int = 0
    ledger_id: str = ""
    last_entry: tuple[int, str] | None = None
    sealed_runs: int = 0

    @property
    def half_forgotten(self) -> list[Forgotten]:
        """Locations that somebody began to forget: nothing can be said of what is left of them."""
        return [fact for fact in self.forgotten if fact.finished_at is None]

    @property
    def is_unsealed(self) -> bool:
        """Whether runs have ended, and not one of them was ever sealed."""
        return self.sealed_runs == 0 and bool(self.before_seals)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to verify: no run has ended yet."""
        return self.damaged == 0 and not (self.sealed_runs or self.before_seals or self.forgotten)

    @property
    def is_intact(self) -> bool:
        """Whether the ledger is made as it should be, and every row that a seal covers is as it was sealed."""
        return self.damaged == 0 and not self.half_forgotten and not self.is_unsealed

    def add(self, damage: Damage) -> None:
        """Note a damaged row, once."""
        if damage in self.damages:
            return
        self.damaged += 1
        if len(self.damages) < MOST_NAMED:
            self.damages.append(damage)
