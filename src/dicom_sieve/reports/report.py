"""A run's report: its figures, and all that is said around them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from heapq import nsmallest
from typing import Any

from dicom_sieve.advice import describe_nothing_listed
from dicom_sieve.criteria import CompiledItem, Damaged, advise
from dicom_sieve.criteria.reading import compile_recorded
from dicom_sieve.errors import NothingToReportError
from dicom_sieve.ledger import RecordedRun, RunRow
from dicom_sieve.ledger.database.states import RunState
from dicom_sieve.ledger.reading.conflicts import Conflicts, find_conflicts, is_any_repeated
from dicom_sieve.ledger.reading.report import (
    Duplicates,
    Reason,
    count_duplicates,
    decided_headers,
    findings_of_series,
    series_of,
)
from dicom_sieve.reports.figures import Figures
from dicom_sieve.reports.tally import Tally
from dicom_sieve.reports.words import Reason as DiscardReason
from dicom_sieve.reports.words import (
    describe_damaged,
    describe_listed_before,
    describe_sum,
    describe_unread,
    headed,
    headline,
    reasons_to_discard,
    warnings_of,
    warnings_of_conflicts,
)

MIN_CELL = 5
"""Fewer instances than this are not told apart in a distribution."""
MOST_PARTIAL = 100
"""Series that are listed as PARTIAL, in the order of their UIDs."""
REPORTED = (RunState.COMPLETED, RunState.INCOMPLETE)


@dataclass(frozen=True, slots=True)
class PartialSeries:
    """A series of which some instances passed, and some did not.

    Attributes:
        series_instance_uid: Which.
        reasons: What came of its instances, the most frequent first.
    """

    series_instance_uid: str
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """All that a report says.

    Attributes:
        run: The run.
        criteria: Its criteria.
        figures: What it looked at, and where that fell out.
        partial: Some of the series that are PARTIAL.
        duplicates: Objects that are there twice.
        conflicts: Series whose identity is contradicted.
        min_cell: Fewer instances than this are not told apart in a distribution.
    """

    run: RunRow
    criteria: tuple[CompiledItem, ...]
    figures: Figures
    partial: tuple[PartialSeries, ...]
    duplicates: Duplicates
    conflicts: Conflicts
    min_cell: int

    @property
    def title(self) -> str:
        """What came of the run, in a sentence."""
        figures = self.figures
        passed, listed = figures.passed.instances, figures.looked_at.instances
        return headline(passed, listed, figures.selections, figures.passed_in)

    @property
    def reasons(self) -> list[DiscardReason]:
        """Why objects were discarded, criteria in their order, then defects."""
        findings = [of.findings for of in self.figures.criteria]
        return reasons_to_discard(self.criteria, findings, self.figures.defects)

    @property
    def sum_of_reasons(self) -> str | None:
        """Why these add up to more than was discarded; None where they do not."""
        return describe_sum(self.reasons, self.figures.discarded.instances)

    @property
    def warnings(self) -> list[str]:
        """What is worth a look before the result is trusted."""
        unread = describe_unread(self.figures.unread, self.unread_causes)
        return [
            *self._nothing_listed(),
            *describe_listed_before(self.run.listed_at, self.run.started_at),
            *unread,
            *map(str, advise(self.criteria, [of.findings for of in self.figures.criteria])),
            *warnings_of(self.criteria, self.figures),
            *warnings_of_conflicts(self.conflicts.counts),
        ]

    @property
    def unread_causes(self) -> Mapping[str, int]:
        """How many objects the run could not read, by cause; empty where that was not recorded."""
        causes: Mapping[str, int] = (self.run.counts or {}).get("unread_causes", {})
        return causes

    def _nothing_listed(self) -> list[str]:
        is_empty = not self.figures.looked_at.instances
        return [f"{headed(describe_nothing_listed(self.run.location))}."] if is_empty else []

    @property
    def damaged(self) -> str | None:
        """What became of damaged objects, in sentences; None where of none is known how far it can be trusted."""
        return describe_damaged(self.figures.damaged, is_judged=self.run.damaged == Damaged.JUDGE)


def make_report(recorded: RecordedRun, *, min_cell: int = MIN_CELL, counts: Mapping[str, Any] | None = None) -> Report:
    """Make the report of a run; it asks the ledger alone.

    Args:
        recorded: The run.
        min_cell: Fewer instances than this are not told apart in a distribution.
        counts: The run's, where it has completed and that is not recorded yet; else None.

    Raises:
        NothingToReportError: The run had not decided on everything.
    """
    row = recorded.row
    if counts is None:
        counts = row.counts
        if counts is None or row.state not in REPORTED:
            raise NothingToReportError(row.id, row.state)
    else:
        row = replace(row, state=RunState.COMPLETED, counts=counts)
    criteria = compile_recorded(row.criteria)
    tally = Tally(criteria)
    for block in decided_headers(recorded.engine, row.number, tally.tags):
        tally.add(block)
    some_partial = nsmallest(MOST_PARTIAL, series_of(recorded.engine, tally.partial))
    figures = tally.figures(counts["listed"], counts["bytes"], min_cell, some_partial)
    found = findings_of_series(recorded.engine, row.number, figures.partial)
    partial = tuple(PartialSeries(uid, tuple(reasons)) for uid, reasons in found.items())
    repeated = is_any_repeated(recorded.engine)
    return Report(
        row,
        criteria,
        figures,
        partial,
        count_duplicates(recorded.engine, row.number) if repeated else Duplicates(0, 0),
        find_conflicts(recorded.engine, row.number, tally.contradicted, is_any_repeated=repeated),
        min_cell,
    )
