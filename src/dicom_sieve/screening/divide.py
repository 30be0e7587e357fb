"""A location that is divided into parts, each a location with a run of its own; and the sum of their runs (ADR 63)."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dicom_sieve.criteria import Asked, CompiledItem, compile_criteria, measures_in
from dicom_sieve.criteria.items import CompiledStep
from dicom_sieve.errors import DicomSieveError, InvalidRequestError
from dicom_sieve.ledger import Ledger
from dicom_sieve.ledger.reading.divisions import parts_of
from dicom_sieve.ledger.reading.split_series import count_split_series
from dicom_sieve.ledger.writing.divisions import record_parts
from dicom_sieve.objects import Listing, Location
from dicom_sieve.reports.words import headline
from dicom_sieve.stores.interface import Lists
from dicom_sieve.stores.prefixes import DIVIDE, Division, divisible, find_again, find_prefixes

ADDED_UP = ("listed", "bytes", "passed", "discarded", "unread", "added", "removed", "indexed", "reads", "bytes_read")
BY_SELECTION = ("series", "passed_in")
_ACROSS = "may lie in several parts, which are judged one by one; accepted: criteria on what an instance has by itself"


@dataclass(frozen=True, slots=True)
class Parts:
    """Where the runs of a divided run look.

    Attributes:
        locations: In the order of their prefixes.
        marks: Number of empty objects that lie in none: their keys are what several prefixes begin with, as folders'.
    """

    locations: tuple[Location, ...]
    marks: int = 0


@dataclass(frozen=True, slots=True)
class PartOutcome:
    """What came of one part.

    Attributes:
        location: Where it is.
        run_id: Of its run; None: there was none, or it is not known.
        counts: Of its run, where that completed.
        failure: Why it did not complete; None: it did.
    """

    location: Location
    run_id: str | None
    counts: Mapping[str, Any] | None = None
    failure: str | None = None

    @property
    def is_completed(self) -> bool:
        """Whether its run completed."""
        return self.failure is None and self.counts is not None


@dataclass(frozen=True, slots=True)
class DividedOutcome:
    """What came of all parts.

    Attributes:
        parts: In order.
        marks: See `Parts`.
        split_series: Number of series of which several completed parts hold instances: each counts in each of them.
    """

    parts: tuple[PartOutcome, ...]
    marks: int = 0
    split_series: int = 0

    @property
    def counts(self) -> dict[str, Any]:
        """Sums over the parts that completed."""
        return add_up(part.counts for part in self.parts if part.counts is not None)

    @property
    def failed(self) -> tuple[PartOutcome, ...]:
        """The parts that did not complete."""
        return tuple(part for part in self.parts if not part.is_completed)

    def describe(self) -> str:
        """Say it in a sentence."""
        counts = self.counts
        said = headline(counts["passed"], counts["listed"], counts["series"], counts["passed_in"])
        completed = len(self.parts) - len(self.failed)
        sentences = [f"{said}; parts: {completed:,}"]
        if self.split_series:
            sentences.append(f"series that lie in several parts, and count in each: {self.split_series:,}")
        if self.marks:
            sentences.append(f"empty objects that only mark folders, and lie in no part: {self.marks:,}")
        return "; ".join(sentences)

    def raise_where_one_failed(self) -> None:
        """End with an error where a part did not complete.

        Raises:
            PartsFailedError: Names them.
        """
        if self.failed:
            failures = tuple((str(part.location), part.failure or "it did not complete") for part in self.failed)
            raise PartsFailedError(len(self.parts), failures)


class PartsFailedError(DicomSieveError):
    """Parts of a divided run did not complete; the others stand.

    Args:
        parts: How many there are.
        failures: Location and reason of each that did not complete.
    """

    def __init__(self, parts: int, failures: tuple[tuple[str, str], ...]) -> None:
        super().__init__(parts, failures)

    def __str__(self) -> str:
        parts, failures = self.args
        first = f"{len(failures):,} of {parts:,} parts did not complete, the others stand; start it again:"
        return "\n".join([first, *(f"{place}: {failure}" for place, failure in failures)])


def refuse_across(criteria: Sequence[Asked]) -> None:
    """Refuse criteria that look beyond one instance: a part cannot know the rest of a series, study or patient.

    Raises:
        InvalidRequestError: Every criterion that does.
    """
    if problems := tuple(_find_across(compile_criteria(criteria))):
        raise InvalidRequestError(problems)


def _find_across(compiled: Sequence[CompiledItem]) -> Iterator[str]:
    for index, item in enumerate(compiled):
        if isinstance(item, CompiledStep):
            yield f"{DIVIDE}: what becomes of a series, study or patient as a whole is not decided: it {_ACROSS}"
        elif scopes := sorted({measure.scope for measure in measures_in([item]) if measure.scope}):
            yield f"{DIVIDE}: criteria[{index}] measures a {' and a '.join(scopes)}, which {_ACROSS}"


def find_parts(
    store: Lists, ledger: Ledger, *, at_least: int, note: Callable[[str], None], listing: Listing = Listing.NEW
) -> Parts:
    """Find the parts of a location: those that are recorded, and new ones for keys that lie in none; and record them.

    Args:
        store: Where it is.
        ledger: Which remembers parts.
        at_least: How many, where the location is divided for the first time.
        note: Is told where a run on the whole location is waited for.
        listing: LAST: the store is not asked for anything.

    Raises:
        InvalidRequestError: It cannot be divided, or was not, and is not to be listed.
        StoreError: It cannot be listed.
    """
    place = divisible(store)
    with ledger.lease(place.location, on_wait=lambda: note("waiting for a run on the whole location to end")) as lease:
        known = parts_of(ledger.engine, lease.location_id)
        if listing is Listing.LAST and not known:
            raise InvalidRequestError((f"{DIVIDE}: the location was never divided; let the run list it",))
        division = Division(known)
        if listing is Listing.NEW:
            division = find_again(place, known) if known else find_prefixes(place, at_least=at_least)
        if division.prefixes != known:
            record_parts(lease, division.prefixes)
    return Parts(tuple(replace(place.location, prefix=prefix) for prefix in division.prefixes), division.marks)


def outcome_of(ledger: Ledger, parts: Sequence[PartOutcome], marks: int) -> DividedOutcome:
    """Put the outcomes of parts together, and count the series that lie in several."""
    numbers = [ledger.run(part.run_id).row.number for part in parts if part.run_id is not None and part.is_completed]
    return DividedOutcome(tuple(parts), marks, count_split_series(ledger.engine, numbers))


def add_up(counts: Iterator[Mapping[str, Any]]) -> dict[str, Any]:
    """Add up the counts of runs on different locations: what the sum is a count of, too."""
    sums: Counter[str] = Counter(dict.fromkeys(ADDED_UP, 0))
    selections: dict[str, Counter[str]] = {name: Counter() for name in BY_SELECTION}
    for each in counts:
        sums.update({name: each.get(name, 0) for name in ADDED_UP})
        for name, by_selection in selections.items():
            by_selection.update(each.get(name, {}))
    return {**sums, **{name: dict(by_selection) for name, by_selection in selections.items()}}
