"""What pages know of one run: its row, its report, its series and what is measured of them."""

from dataclasses import dataclass, field
from functools import partial

from dicom_sieve.errors import UnknownRunError
from dicom_sieve.ledger import Ledger, RecordedRun
from dicom_sieve.ledger.reading.facts import SeriesFacts
from dicom_sieve.ledger.reading.series_columns import series_columns
from dicom_sieve.reports.listed_series import KEYWORDS, ListedSeries
from dicom_sieve.reports.report import REPORTED, Report, make_report
from dicom_sieve.web.kept import Deadline, Kept

MOST_REPORTS = 16
MOST_SERIES = 400_000
"""Of all runs whose series stay in memory: some 300 bytes each."""
MOST_FACTS = 1_600_000
"""Of all runs that stay in memory: some 20 bytes each."""
FACTS = ("slices", "spacing", "plane", "thickness")
"""What may be measured of a series for its line."""


@dataclass(slots=True)
class RunsKept:
    """Reports and series of runs, in memory; what a run decided does not change."""

    reports: Kept[Report] = field(default_factory=lambda: Kept(MOST_REPORTS))
    series: Kept[ListedSeries] = field(default_factory=lambda: Kept(MOST_SERIES, len))
    facts: Kept[SeriesFacts] = field(default_factory=lambda: Kept(MOST_FACTS, _count_facts))

    def start(self, run: RecordedRun) -> None:
        """Begin to read a run's series, while its report is waited for."""
        self.series.start(run.row.id, partial(_read, run))

    def report(self, run: RecordedRun, deadline: Deadline) -> Report | None:
        """Give a run's report; None: it is still being counted."""
        return self.reports.get(run.row.id, lambda: make_report(run), deadline)

    def listed(self, run: RecordedRun, facts: tuple[str, ...], deadline: Deadline) -> ListedSeries | None:
        """Give a run's series, with what is asked to be measured; None: that is still being read.

        Raises:
            LedgerError: The headers were not read for what is to be measured.
        """
        made = self.series.get(run.row.id, partial(_read, run), deadline)
        if made is None or not facts:
            return made
        measured = self.facts.get((run.row.id, facts), lambda: run.series_facts(facts), deadline)
        return None if measured is None else made.with_facts(measured)

    def close(self) -> None:
        """Wait for what is being read."""
        for kept in (self.reports, self.series, self.facts):
            kept.close()


def _count_facts(facts: SeriesFacts) -> int:
    return sum(len(series) for series, _ in facts.columns.values())


def _read(run: RecordedRun) -> ListedSeries:
    return ListedSeries(series_columns(run.engine, run.row, KEYWORDS))


def find_run(ledger: Ledger, run_id: str) -> RecordedRun | None:
    """Give a run by its id, its beginning, or that of its flow run, of which the last attempt counts; None: none."""
    try:
        return ledger.run(run_id)
    except UnknownRunError:
        attempts = ledger.attempts(run_id)
        return ledger.run(attempts[0].id) if attempts else None


def is_decided(run: RecordedRun) -> bool:
    """Tell whether a run has decided on all that it could read: then it has a result."""
    return run.row.state in REPORTED and run.row.counts is not None


def flow_run_of(run_id: str) -> str:
    """Give the id of the flow run that a run is an attempt of."""
    return run_id.partition(".")[0]
