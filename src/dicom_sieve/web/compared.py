"""Comparing on the pages: what either side is, as an address has it, and results that stay in memory for a while."""

from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from threading import Lock

from dicom_sieve.criteria import compile_criteria
from dicom_sieve.criteria.named import NamedCriteria, read_named
from dicom_sieve.criteria.reading import load_criteria
from dicom_sieve.errors import InvalidRequestError
from dicom_sieve.ledger import Ledger, RunRow
from dicom_sieve.ledger.reading.bucket_changes import BucketChanges, bucket_changes
from dicom_sieve.ledger.reading.places import Place
from dicom_sieve.reports.compare_runs import Change, Compared, Reason, SeriesChange, Side, Summary, compare
from dicom_sieve.reports.open_sides import Tried, open_sides
from dicom_sieve.reports.report import REPORTED
from dicom_sieve.web.address import unpack
from dicom_sieve.web.names import parts_of
from dicom_sieve.web.texts import gettext, ngettext
from dicom_sieve.web.words import finding_in_words, named_in_words

EDIT, RUN, SAVED = "edit", "run:", "saved:"
MOST_KEPT = 20_000
"""Series of one comparison that stay in memory: some 20 MB."""
MOST_COMPARISONS = 3
"""That stay in memory at the same time; a million headers take seconds to compare."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a comparison says.

    Attributes:
        sides: Both of them.
        summary: All series together.
        changes: Series that changed, in the order of their UIDs; `MOST_KEPT` at most.
        bucket: What changed in the bucket between the two.
    """

    sides: Mapping[Side, Compared]
    summary: Summary
    changes: Sequence[SeriesChange]
    bucket: BucketChanges

    @property
    def series(self) -> Counter[Change]:
        """How many series came in, went out, or changed."""
        counts = Counter[Change]()
        for (change, _, _), series in self.summary.series.items():
            counts[change] += series
        return counts

    @property
    def left_out(self) -> int:
        """Series that changed and are not among `changes`."""
        return self.series.total() - len(self.changes)


_Key = tuple[str, ...]


@dataclass(slots=True)
class Comparisons:
    """Results that stay in memory: one who leafs through them waits once."""

    _results: "OrderedDict[_Key, Result]" = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def find(self, ledger: Ledger, a: str, b: str, packed: str, place: Place | None) -> Result:
        """Compare two sides.

        Args:
            ledger: Where both are.
            a: One side; see `open_one`.
            b: The other.
            packed: The edit, as an address has it.
            place: Where criteria are tried, where no side is a run.

        Raises:
            DicomSieveError: There is no such side, or the two cannot be compared.
        """
        sides = open_both(ledger, a, b, packed, place)
        key = (*(f"{side.name} {side.snapshot.id}" for side in sides.values()), a, b, packed)
        with self._lock:
            known = self._results.get(key)
            if known is not None:
                self._results.move_to_end(key)
                return known
        result = compare_both(ledger, sides)
        with self._lock:
            self._results[key] = result
            while len(self._results) > MOST_COMPARISONS:
                self._results.popitem(last=False)
        return result


def open_both(ledger: Ledger, a: str, b: str, packed: str, place: Place | None) -> Mapping[Side, Compared]:
    """Open both sides; see `Comparisons.find`."""
    if place is None:
        raise InvalidRequestError((gettext("place: none yet; a run, or 'Add a place', lists one"),))
    location = place.location
    sides = open_sides(ledger, open_one(ledger, a, packed), open_one(ledger, b, packed), lambda: location)
    for side in sides.values():
        if side.snapshot.place != location:
            problem = gettext(
                "run %(run)s is about %(place)s, not about %(other)s",
                run=side.name,
                place=side.snapshot.place,
                other=location,
            )
            raise InvalidRequestError((problem,))
    return sides


def open_one(ledger: Ledger, text: str, packed: str) -> RunRow | Tried:
    """Open one side: ``run:ID``, ``saved:NAME@VERSION``, or ``edit``.

    Raises:
        InvalidRequestError: It is none of these, or the edit has no value yet.
        UnknownRunError: There is no such run.
        UnknownCriteriaError: There are no such criteria.
    """
    if text.startswith(RUN):
        return ledger.run(text.removeprefix(RUN)).row
    if text.startswith(SAVED):
        named = read_named(text.removeprefix(SAVED), "criteria")
        saved = ledger.criteria(named.name, named.version)
        return Tried(saved.named.describe(), compile_criteria(saved.items()))
    if text != EDIT:
        raise InvalidRequestError((gettext("side: not known; accepted: a run, saved criteria, or the edit"),))
    return Tried(gettext("The edit"), compile_criteria(load_criteria(unpack(packed))))


def compare_both(ledger: Ledger, sides: Mapping[Side, Compared]) -> Result:
    """Compare two sides to the end; of the series, `MOST_KEPT` are kept."""
    summary = Summary()
    changes = compare(ledger, sides[Side.A], sides[Side.B], summary)
    kept = list(islice(changes, MOST_KEPT))
    for _ in changes:  # the summary is complete after the last one
        pass
    between = bucket_changes(ledger.engine, sides[Side.A].snapshot, sides[Side.B].snapshot)
    return Result(sides, summary, kept, between)


def why(reason: Reason, sides: Mapping[Side, Compared]) -> str:
    """Say what decides on a side, short: ``2 Slice thickness: not met``."""
    if reason.defect is not None:
        return reason.defect.describe()
    if reason.criterion is None:
        return gettext("not in the bucket")
    subject = parts_of(sides[reason.side].criteria[reason.criterion - 1]).subject
    found = "" if reason.finding is None else f": {finding_in_words(reason.finding)}"
    return f"{reason.criterion} {subject}{found}"


def reasons_of(change: SeriesChange, side: Side, sides: Mapping[Side, Compared]) -> list[tuple[str, int]]:
    """Give what decides on one side of a series, with the number of instances; the most frequent first."""
    of_side = [(why(reason, sides), count) for reason, count in change.reasons.items() if reason.side is side]
    return sorted(of_side, key=lambda each: (-each[1], each[0]))


def sentences_of_side(compared: Compared) -> list[str]:
    """Say what a side asks."""
    return [parts_of(item).sentence for item in compared.criteria]


def choices_of(
    ledger: Ledger, place: Place | None, packed: str, newest: Sequence[NamedCriteria]
) -> list[tuple[str, list[tuple[str, str]]]]:
    """Give what can be chosen as a side: headings, and below each the values with their words."""
    choices: list[tuple[str, list[tuple[str, str]]]] = []
    if packed:
        choices.append((gettext("Now"), [(EDIT, gettext("The edit"))]))
    if place is not None:
        rows = [row for row in ledger.runs() if _is_judged_at(row, place)][:MOST_RUNS]
        choices.append((gettext("Runs"), [(f"{RUN}{row.id}", _words(row)) for row in rows]))
    versions = [
        (f"{SAVED}{named.name}@{version}", named_in_words(NamedCriteria(named.name, version)))
        for named in newest
        for version in range(named.version or 1, 0, -1)
    ]
    choices.append((gettext("Saved criteria"), versions[:MOST_SAVED]))
    return [(heading, values) for heading, values in choices if values]


MOST_RUNS, MOST_SAVED = 50, 200
"""Of which one can choose; an address can name any."""


def _is_judged_at(row: RunRow, place: Place) -> bool:
    return row.location == place.location and row.state in REPORTED


def _words(row: RunRow) -> str:
    named = f", {named_in_words(row.named)}" if row.named else ""
    passed = (row.counts or {}).get("passed")
    of_run = f", {_passes(passed)}" if isinstance(passed, int) else ""
    return f"{row.started_at:%Y-%m-%d %H:%M}{named}{of_run} ({row.id[:8]})"


def _passes(passed: int) -> str:
    return ngettext("%(count)s pass", "%(count)s pass", passed, count=f"{passed:,}")
