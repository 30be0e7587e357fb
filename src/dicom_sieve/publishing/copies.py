"""Copies of the objects that passed, under their own keys, each bound to the etag that was judged."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from itertools import islice
from typing import Protocol, TypeVar

import pyarrow as pa

from dicom_sieve.advice import describe_causes, told_causes
from dicom_sieve.errors import DicomSieveError, RefusedError, StoreError
from dicom_sieve.ledger import RecordedRun
from dicom_sieve.ledger.reading.run_objects import series_in_parts
from dicom_sieve.objects import Location, ObjectInfo, Selection
from dicom_sieve.publishing.in_order import in_order
from dicom_sieve.stores.archives.store import holder_of
from dicom_sieve.stores.interface import (
    NOT_READ,
    Copies,
    Downloads,
    ObjectChangedError,
    ObjectGoneError,
    TransportError,
    UnwritableKeyError,
)
from dicom_sieve.stores.paths import key_of_copy

COPIES_IN_FLIGHT = 16
FAILURES_IN_A_ROW = 64
"""Consecutive copies prevented by faults of transport after which the stores count as down, and the run ends."""
BATCH_ROWS = 10_000

COPIES = pa.schema(
    [
        ("object_key", pa.string()),
        ("etag", pa.string()),
        ("size", pa.int64()),
        ("copy_key", pa.string()),
        ("outcome", pa.string()),
        ("reason", pa.string()),
    ]
)
"""Columns of ``copies.parquet``: a row for every object that passed; the reason says why there is no copy."""


class CopyOutcome(StrEnum):
    """What became of the copy of one object: a closed set."""

    COPIED = "COPIED"
    CHANGED = "CHANGED"
    GONE = "GONE"
    REFUSED = "REFUSED"
    UNWRITABLE_KEY = "UNWRITABLE_KEY"
    FAILED = "FAILED"
    NOT_WHOLE = "NOT_WHOLE"


NOT_WHOLE = "not all instances of its series passed"


class _Done(Protocol):
    @property
    def outcome(self) -> str: ...
    @property
    def reason(self) -> str | None: ...


D = TypeVar("D", bound=_Done)


@dataclass(frozen=True, slots=True)
class Copied:
    """One object, and what became of its copy.

    Attributes:
        info: The object as it was judged.
        key: Key of the copy.
        outcome: Whether it was made.
        reason: Why it was not made, in words; None where it was.
    """

    info: ObjectInfo
    key: str
    outcome: CopyOutcome
    reason: str | None = None


def wants(run: RecordedRun, selection: Selection) -> Callable[[str | None], bool]:
    """Give a test of which series passed objects are copied; an object without a series belongs to no whole one."""
    if selection is Selection.ANY:
        return lambda _: True
    in_parts = series_in_parts(run.engine, run.row.id)
    return lambda series: series is not None and series not in in_parts


def copy_objects(
    objects: Iterable[tuple[ObjectInfo, bool]],
    source: Downloads,
    target: Copies,
    folder: str,
    formers: Sequence[str] = (),
) -> Iterator[Copied]:
    """Copy objects, several at a time, and give the outcome of each in their order.

    Args:
        objects: As they were judged, and whether they are wanted: the others are `NOT_WHOLE`.
        source: The store that holds them.
        target: The store that they are copied to.
        folder: Prefix of the copies' keys; the object's own key follows, as `key_of_copy` gives it.
        formers: Other such folders of the target, with the copies of earlier starts of the run.

    Raises:
        StoreError: The target cannot be written to, or too many copies in a row fail.
    """
    copy = partial(_copy, source=source, target=target, folder=folder, formers=formers)
    yield from until_all_fail(in_order(objects, copy, COPIES_IN_FLIGHT), "copy to", target.location)


def until_all_fail(done: Iterable[D], action: str, place: Location) -> Iterator[D]:
    """Pass results on, until faults of transport prevented too many in a row.

    Raises:
        StoreError: Too many failed in a row; it names the causes.
    """
    in_a_row = Counter[str]()
    for item in done:
        if item.outcome == CopyOutcome.FAILED:
            in_a_row[str(item.reason).removeprefix(NOT_READ)] += 1
        else:
            in_a_row.clear()
        if in_a_row.total() == FAILURES_IN_A_ROW:
            causes = describe_causes(told_causes(in_a_row, FAILURES_IN_A_ROW))
            raise StoreError(action, str(place), f"{FAILURES_IN_A_ROW} copies in a row failed: {causes}")
        yield item


def _copy(
    object_: tuple[ObjectInfo, bool], *, source: Downloads, target: Copies, folder: str, formers: Sequence[str]
) -> Copied:
    info, is_wanted = object_
    path = key_of_copy(info.key, source.location, target.location)
    key = f"{folder}/{path}"
    if not is_wanted:
        return Copied(info, key, CopyOutcome.NOT_WHOLE, NOT_WHOLE)
    holder = holder_of(source, info)
    outcome, reason = attempt(lambda: target.copy_from(holder, info, key, [f"{former}/{path}" for former in formers]))
    return Copied(info, key, outcome or CopyOutcome.COPIED, reason)


def attempt(work: Callable[[], None]) -> tuple[CopyOutcome | None, str | None]:
    """Do something with one object, and give outcome and reason where it failed; None and None where it did not.

    Raises:
        StoreError: The fault is not the object's.
    """
    try:
        work()
    except (RefusedError, TransportError) as error:
        kinds = (kind for kind, outcome in _OUTCOMES.items() if isinstance(error, kind))
        return _OUTCOMES[next(kinds)], str(error)
    return None, None


_OUTCOMES: dict[type[DicomSieveError], CopyOutcome] = {
    ObjectChangedError: CopyOutcome.CHANGED,
    ObjectGoneError: CopyOutcome.GONE,
    UnwritableKeyError: CopyOutcome.UNWRITABLE_KEY,
    RefusedError: CopyOutcome.REFUSED,
    TransportError: CopyOutcome.FAILED,
}
"""The first that fits counts: an error may be of several kinds."""


def to_batches(copied: Iterable[Copied], counts: Counter[str]) -> Iterator[pa.RecordBatch]:
    """Turn copies into Arrow batches, and count them by outcome on the way."""
    for batch in _batched(copied):
        counts.update(copy.outcome.value for copy in batch)
        columns = zip(
            *((copy.info.key, copy.info.etag, copy.info.size, copy.key, copy.outcome, copy.reason) for copy in batch),
            strict=True,
        )
        yield pa.record_batch(
            [pa.array(values, field.type) for values, field in zip(columns, COPIES, strict=True)], schema=COPIES
        )


def _batched(copied: Iterable[Copied]) -> Iterator[list[Copied]]:
    remaining = iter(copied)
    while batch := list(islice(remaining, BATCH_ROWS)):
        yield batch
