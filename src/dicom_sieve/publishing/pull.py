"""Downloading what a run let pass: bound to the bytes that were judged, and resumable (ADR 30)."""

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from dicom_sieve import private
from dicom_sieve.apart import describe_overlap
from dicom_sieve.criteria import Verdict
from dicom_sieve.digest import digest_of
from dicom_sieve.ending import ending_in_order
from dicom_sieve.errors import InvalidRequestError, LedgerError
from dicom_sieve.ledger import ObjectRow, RecordedRun
from dicom_sieve.ledger.database.states import RunState
from dicom_sieve.ledger.reading.run_objects import duplicate_keys
from dicom_sieve.objects import Selection
from dicom_sieve.publishing.copies import NOT_WHOLE, attempt, until_all_fail, wants
from dicom_sieve.publishing.in_order import in_order
from dicom_sieve.publishing.pull_record import Pulled, Record, is_reserved, open_record
from dicom_sieve.stores.directory import DirectoryStore
from dicom_sieve.stores.interface import Downloads, UnwritableKeyError
from dicom_sieve.stores.paths import key_of_copy, name_of_uid, names_of_key

CONNECTIONS = 16
DUPLICATES = "duplicates"
RESERVED = "the record of the pull, or what is half-written, has that name"


class Layout(StrEnum):
    """Where files lie in the folder."""

    UID = "UID"
    KEY = "KEY"


class PullOutcome(StrEnum):
    """What became of one object that passed: a closed set."""

    PULLED = "PULLED"
    PRESENT = "PRESENT"
    REPLACED = "REPLACED"
    NOT_WHOLE = "NOT_WHOLE"
    CHANGED = "CHANGED"
    GONE = "GONE"
    REFUSED = "REFUSED"
    UNWRITABLE_KEY = "UNWRITABLE_KEY"
    FAILED = "FAILED"

    def describe(self) -> str:
        """Say what it means."""
        return _WORDS[self]


_WORDS = {
    PullOutcome.PULLED: "pulled",
    PullOutcome.PRESENT: "there already",
    PullOutcome.REPLACED: "damaged here, pulled again",
    PullOutcome.NOT_WHOLE: "of series that did not pass as a whole",
    PullOutcome.CHANGED: "overwritten since they were judged",
    PullOutcome.GONE: "deleted since they were judged",
    PullOutcome.REFUSED: "refused by the store",
    PullOutcome.UNWRITABLE_KEY: "no file can have that name",
    PullOutcome.FAILED: "not read, in all attempts",
}
THERE = (PullOutcome.PULLED, PullOutcome.PRESENT, PullOutcome.REPLACED)
MOST_NAMED = 20


@dataclass
class PullSummary:
    """What became of all objects that passed.

    Attributes:
        outcomes: Number of objects, by outcome.
        duplicates: Pulled objects with the UIDs of another one.
        bytes: Size of the pulled objects.
        missing: Key and reason of the first `MOST_NAMED` objects that could not be pulled.
    """

    outcomes: Counter[PullOutcome] = field(default_factory=Counter)
    duplicates: int = 0
    bytes: int = 0
    missing: list[tuple[str, str]] = field(default_factory=list)

    @property
    def is_complete(self) -> bool:
        """Whether all is there that was asked for."""
        return all(outcome in {*THERE, PullOutcome.NOT_WHOLE} for outcome in self.outcomes)

    def lines(self) -> list[tuple[str, str]]:
        """Give the counts in words."""
        counts = [
            (outcome.describe(), f"{self.outcomes[outcome]:,}") for outcome in PullOutcome if self.outcomes[outcome]
        ]
        if self.duplicates:
            counts.append((f"duplicates, in {DUPLICATES}/", f"{self.duplicates:,}"))
        return [*counts, ("bytes on disk", f"{self.bytes:,}")]

    def as_json(self) -> dict[str, Any]:
        """Give it for a program."""
        outcomes = {outcome.value: self.outcomes[outcome] for outcome in PullOutcome if self.outcomes[outcome]}
        return {"outcomes": outcomes, "duplicates": self.duplicates, "bytes": self.bytes, "complete": self.is_complete}

    def add(self, pulled: Pulled) -> None:
        """Count one object."""
        outcome = PullOutcome(pulled.outcome)
        self.outcomes[outcome] += 1
        if outcome in THERE:
            self.duplicates += pulled.duplicate
            self.bytes += pulled.size
        elif outcome is not PullOutcome.NOT_WHOLE and len(self.missing) < MOST_NAMED:
            self.missing.append((pulled.object_key, str(pulled.reason)))


class _Request(NamedTuple):
    row: ObjectRow
    is_wanted: bool
    is_duplicate: bool
    before: Pulled | None


def pull(
    run: RecordedRun,
    source: Downloads,
    folder: Path,
    *,
    selection: Selection = Selection.ANY,
    layout: Layout = Layout.UID,
    advance: Callable[[int], None] = lambda _: None,
) -> PullSummary:
    """Download what a run let pass into a folder; files that are still as they were pulled are not read again.

    Args:
        run: A completed run.
        source: The store that holds its objects.
        folder: Empty, missing, or one that the same was pulled to before.
        selection: ``ANY``, all that passed; or ``WHOLE``, of series all of whose instances passed.
        layout: ``UID``, patient/study/series/instance; or ``KEY``, as the objects are named.
        advance: Called with the number of objects that are done.

    Raises:
        LedgerError: The run did not complete.
        InvalidRequestError: The folder lies where the run judged, or holds something else.
        StoreError: The folder cannot be written to, or too many objects in a row fail.
    """
    if run.row.state != RunState.COMPLETED:
        raise LedgerError(
            f"run {run.row.id} is {run.row.state}: only what a COMPLETED run let pass is pulled; "
            "start another run: it reads only what is missing"
        )
    target = DirectoryStore(folder.resolve())
    for place in (run.location, source.location):
        if overlap := describe_overlap(place, target.location):
            raise InvalidRequestError((f"DIR: {overlap}",))
    head = {"run_id": run.row.id, "selection": selection.value, "layout": layout.value}
    summary = PullSummary()
    with (
        ending_in_order(),
        open_record(target.root, head) as record,
        private.shared_folder(f".{private.PREFIX}", target.root),
    ):
        requests = _requests(run, record, selection, layout)
        work = partial(_pull, source=source, target=target, layout=layout)
        for pulled in until_all_fail(in_order(requests, work, CONNECTIONS), "pull from", source.location):
            record.write(pulled)
            summary.add(pulled)
            advance(1)
    return summary


def _requests(run: RecordedRun, record: Record, selection: Selection, layout: Layout) -> Iterator[_Request]:
    """Give the objects that passed, in the order of keys, each with the line of an earlier pull."""
    is_wanted = wants(run, selection)
    duplicates = duplicate_keys(run.engine, run.row) if layout is Layout.UID else frozenset[str]()
    lines = record.before()
    line = next(lines, None)
    for row in run.objects(verdict=Verdict.PASSED):
        key = row.object_key.encode()
        while line is not None and line.object_key.encode() < key:
            line = next(lines, None)
        is_same = line is not None and (line.object_key, line.etag) == (row.object_key, row.etag)
        wanted = is_wanted(row.series_instance_uid)
        yield _Request(row, wanted, row.object_key in duplicates, line if is_same else None)


def _pull(request: _Request, *, source: Downloads, target: DirectoryStore, layout: Layout) -> Pulled:
    """Download one object, unless it is there; in threads."""
    row, before = request.row, request.before
    result = Pulled(row.object_key, row.etag, row.size, PullOutcome.NOT_WHOLE, reason=NOT_WHOLE)
    if not request.is_wanted:
        return result
    result = replace(result, duplicate=request.is_duplicate, reason=None)
    try:
        path = _path_of(row, source, target, layout, is_duplicate=request.is_duplicate)
        was_ours = before is not None and before.sha256 is not None and before.path == path
        if before is not None and was_ours and _is_there(before, target):
            return replace(before, outcome=PullOutcome.PRESENT, local=_local(target, path))
        is_damaged = was_ours and target.find(path) is not None
    except UnwritableKeyError as error:
        return replace(result, outcome=PullOutcome.UNWRITABLE_KEY, reason=str(error))
    digests: list[str] = []
    outcome, reason = attempt(lambda: digests.append(target.fetch(source, row.info, path, replaces=is_damaged)))
    if outcome is not None:
        return replace(result, outcome=outcome.value, reason=reason)
    outcome_of_file = PullOutcome.REPLACED if is_damaged else PullOutcome.PULLED
    there = target.find(path)
    size = row.size if there is None else there.size  # a PACS may not have told it
    local = None if there is None else there.etag
    return replace(result, outcome=outcome_of_file, path=path, sha256=digests[0], local=local, size=size)


def _is_there(before: Pulled, target: DirectoryStore) -> bool:
    """Tell whether a file is as it was written: unchanged since, or with the same bytes."""
    path = str(before.path)
    info = target.find(path)
    if info is None or info.size != before.size:
        return False
    if info.etag == before.local:
        return True
    file = target.root / os.fsdecode(b"/".join(names_of_key(path)))
    with suppress(OSError):  # a file that cannot be read is pulled again
        return digest_of(file) == before.sha256
    return False


def _local(target: DirectoryStore, path: str) -> str | None:
    info = target.find(path)
    return None if info is None else info.etag


def _path_of(row: ObjectRow, source: Downloads, target: DirectoryStore, layout: Layout, *, is_duplicate: bool) -> str:
    """Say where the file of an object lies; two objects never have the same place.

    Raises:
        UnwritableKeyError: It would lie where the record does.
    """
    if layout is Layout.KEY:
        key = key_of_copy(row.object_key, source.location, target.location)
        if is_reserved(key):
            raise UnwritableKeyError(RESERVED)
        return key
    of_key = hashlib.sha256(row.object_key.encode()).hexdigest()
    folders = [row.patient or "unknown-patient", _name(row.study_instance_uid), _name(row.series_instance_uid)]
    instance = _name(row.sop_instance_uid) if row.sop_instance_uid else f"unknown-{of_key[:32]}"
    if is_duplicate:
        return "/".join([DUPLICATES, *folders, f"{instance}.{of_key[:32]}.dcm"])
    return "/".join([*folders, f"{instance}.dcm"])


def _name(uid: str | None) -> str:
    return name_of_uid(uid) if uid else "unknown"
