"""The way through: snapshot, index, decide, publish; recorded in the ledger from the first to the last step."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from dicom_sieve import logs
from dicom_sieve.advice import describe_causes, describe_nothing_listed
from dicom_sieve.apart import describe_overlap
from dicom_sieve.criteria import Asked, CompiledItem, Damaged, compile_criteria, criteria_digest
from dicom_sieve.criteria.named import NamedCriteria
from dicom_sieve.ending import ending_in_order, let_go
from dicom_sieve.errors import (
    DicomSieveError,
    IncompleteRunError,
    InvalidRequestError,
    LeaseLostError,
    LedgerAwayError,
    LedgerError,
)
from dicom_sieve.explain import explain
from dicom_sieve.headers.edition import refuse_not_kept
from dicom_sieve.ledger import Ledger
from dicom_sieve.ledger.audit.forget import refuse_forgotten
from dicom_sieve.ledger.audit.seals import seal_rows
from dicom_sieve.ledger.database.states import RunState
from dicom_sieve.ledger.leases.lease import Lease
from dicom_sieve.ledger.reading.runs import is_running
from dicom_sieve.ledger.reading.secret import read_secret
from dicom_sieve.ledger.writing.runs import Manifest, begin_run, bind_snapshot, fail_abandoned, finish_run, former_ids
from dicom_sieve.objects import Location, Selection
from dicom_sieve.private import sweep
from dicom_sieve.publishing.anchor import push_or_say
from dicom_sieve.publishing.copies import CopyOutcome
from dicom_sieve.publishing.manifest import Published, publish
from dicom_sieve.reports import Report
from dicom_sieve.reports.words import describe_outcome
from dicom_sieve.screening.decide import decide, recording
from dicom_sieve.screening.refresh import RunOptions, hold_location, refresh
from dicom_sieve.screening.steps import Stopwatch
from dicom_sieve.screening.tables import with_their_tables
from dicom_sieve.stores.append_only import AppendOnly
from dicom_sieve.stores.find_table import HoldsTables
from dicom_sieve.stores.interface import Copies, Downloads, Store
from dicom_sieve.tracing import Current, span
from dicom_sieve.version import __version__

_NOT_MISSING = (CopyOutcome.COPIED, CopyOutcome.NOT_WHOLE)


def _tell_nobody(_run_id: str) -> None:
    """Say nothing."""


@dataclass(frozen=True)
class Screening(RunOptions):
    """What a run is to do, and by what means.

    Attributes:
        execution_id: What the run is called: the flow run's id.
        store: Where the objects lie.
        criteria: What is asked, as given; checked before anything is listed.
        tables_in: Where the tables of criteria may lie, the first first; see `dicom_sieve.screening.tables`.
        output: Where to publish, or None: then nothing is written to any store.
        copies_of: The store again, if what passed is to be copied to the output, too.
        copied: Which of what passed.
        on_begin: Told the run's id once the run is on record.
        damaged: What becomes of damaged objects.
        named: Name and version that the criteria were saved as, or None.
        anchor: Where the run's seal is kept, apart from the ledger, or None.
    """

    execution_id: str
    store: Store
    criteria: Sequence[Asked]
    output: Copies | None = None
    copies_of: Downloads | None = None
    copied: Selection = Selection.ANY
    on_begin: Callable[[str], None] = _tell_nobody
    damaged: Damaged = Damaged.DISCARD
    anchor: AppendOnly | None = None
    named: NamedCriteria | None = None
    tables_in: Sequence[HoldsTables | None] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a run that completed.

    Attributes:
        run_id: In the ledger.
        counts: ``listed``, ``bytes``, ``passed``, ``discarded`` and ``unread`` objects; what `Judge.counts` gives; and
            what the run did to know it: ``added``, ``removed``, ``indexed``, ``reads``, ``bytes_read``. Of an
            INCOMPLETE run also ``unread_causes``: how many objects could not be read, by cause.
        manifest: Where it was published, or None.
        report: What was published of it for people, or None.
        warning: What is worth a look before the result is trusted; may be empty.
    """

    run_id: str
    counts: Mapping[str, Any]
    manifest: Manifest | None
    report: Report | None = None
    warning: str = ""

    def describe(self) -> str:
        """Say it in a sentence."""
        return f"{self._describe()}; {self.warning}" if self.warning else self._describe()

    def _describe(self) -> str:
        sentence = describe_outcome(self.counts)
        missing = sum(
            number for outcome, number in self.counts.get("copies", {}).items() if outcome not in _NOT_MISSING
        )
        return f"{sentence}; {missing:,} could not be copied: see copies.parquet" if missing else sentence


@ending_in_order()
def screen(screening: Screening, ledger: Ledger) -> Outcome:
    """Screen a location by criteria.

    Args:
        screening: What is to be done.
        ledger: Where all of it is recorded.

    Returns:
        What came of it; every object of the location has a verdict and a reason.

    Raises:
        InvalidRequestError: The criteria make no sense, or are not what they were saved as, or output and input lie
            within each other; nothing was asked of the store. Or a table of theirs cannot be used.
        StoreError: The location cannot be listed, or the output cannot be written.
        NothingReadableError: The credentials may list, but not read.
        IncompleteRunError: Some objects could not be read. What could is decided and recorded.
        LeaseLostError: The run was away for too long.
    """
    compiled = compile_criteria(screening.criteria)
    refuse_not_kept(compiled)
    if screening.output is not None:
        refuse_overlap(screening.store.location, screening.output.location)
    sweep()
    recorded, compiled = with_their_tables(screening.criteria, screening.tables_in, partial(read_secret, ledger.engine))
    try:
        with span("run") as told:
            return _screen(screening, ledger, recorded, compiled, told)
    finally:
        push_or_say(ledger, screening.anchor, screening.observer.note)


def _screen(
    screening: Screening, ledger: Ledger, recorded: Sequence[Asked], compiled: tuple[CompiledItem, ...], told: Current
) -> Outcome:
    with hold_location(screening.store, screening, ledger) as lease:
        refuse_forgotten(lease)
        fail_abandoned(lease, screening.clock())
        begin = partial(
            begin_run,
            lease=lease,
            execution_id=screening.execution_id,
            criteria=[criterion.as_given() for criterion in recorded],
            criteria_digest=criteria_digest(recorded),
            asked_digest=criteria_digest(screening.criteria),
            damaged=screening.damaged,
            named=screening.named,
            started_at=screening.clock(),
            software_version=__version__,
        )
        number, run_id = lease.write(begin)
        run = _Run(screening, ledger, lease, compiled, number, run_id)
        told.tell(run_id=run_id, criteria=len(recorded))
        with logs.of_run(run_id):
            try:
                screening.on_begin(run_id)
                outcome = run.execute()
            except BaseException as error:
                let_go(error)
                run.fail(error)
                raise
        told.tell(**{name: outcome.counts[name] for name in ("listed", "passed", "discarded", "unread")})
        return outcome


def refuse_overlap(source: Location, output: Location) -> None:
    """Refuse an output inside the input, and an input inside the output.

    Raises:
        InvalidRequestError: They do not lie apart.
    """
    if overlap := describe_overlap(source, output):
        raise InvalidRequestError((f"output: {overlap}",))


@dataclass(slots=True)
class _Run:
    """One run under way."""

    screening: Screening
    ledger: Ledger
    lease: Lease
    criteria: tuple[CompiledItem, ...]
    number: int
    id: str
    is_finished: bool = False
    step: Stopwatch = field(default_factory=Stopwatch)

    def execute(self) -> Outcome:
        of_run = self.screening
        known = refresh(
            of_run.store, of_run, self.ledger, self.lease, self.criteria, on_listed=self._bind, step=self.step
        )
        with self.step("decide"), recording(self.lease, self.number) as keep:
            results = decide(self.ledger, known.snapshot, self.criteria, of_run.observer, keep, damaged=of_run.damaged)
        self.ledger.analyze("decision_page", "outcome")
        counts = {**results, **known.effort(), **known.why_unread(results["unread"])}
        with self.step("seal"):
            seal_rows(self.lease, self.number)
        if counts["unread"]:
            self._finish(RunState.INCOMPLETE, counts)
            why = describe_causes(counts["unread_causes"])
            raise IncompleteRunError(self.id, counts["unread"], counts["listed"], why)
        published = self._publish(known.snapshot.id, counts)
        self._finish(RunState.COMPLETED, published.counts, manifest=published.manifest)
        warning = "" if counts["listed"] else describe_nothing_listed(of_run.store.location)
        return Outcome(self.id, published.counts, published.manifest, published.report, warning)

    def fail(self, error: BaseException) -> None:
        """Record why the run ended; the text of an error that is not ours may hold anything and is left out.

        Where that cannot be written any more, the ledger shows the run as failed all the same: it has no lease.
        """
        if not self.is_finished and not isinstance(error, LedgerAwayError | LeaseLostError):
            text = str(error) if isinstance(error, DicomSieveError) else explain(error)
            state = RunState.FAILED if isinstance(error, Exception) else RunState.CANCELLED
            with suppress(LedgerError, LeaseLostError):
                if not is_running(self.ledger.engine, self.number):
                    return  # signalled just after its end was recorded
                seal_rows(self.lease, self.number)
                self._finish(state, failure=text or f"unexpected {type(error).__name__}")

    def _bind(self, snapshot_id: int) -> None:
        self.lease.write(partial(bind_snapshot, run_number=self.number, snapshot_id=snapshot_id))

    def _publish(self, snapshot_id: int, counts: Mapping[str, Any]) -> Published:
        if self.screening.output is None:
            return Published(None, counts)
        copies = counts["passed"] if self.screening.copies_of else 0
        self.screening.observer.begin("publish", counts["listed"] + copies)
        with self.step("publish"):
            return publish(
                self.ledger,
                run_id=self.id,
                snapshot_id=snapshot_id,
                location_id=self.lease.location_id,
                counts=counts,
                output=self.screening.output,
                copies_of=self.screening.copies_of,
                copied=self.screening.copied,
                former_runs=former_ids(self.id, self.screening.execution_id),
                check_lease=self.lease.check_lease,
                advance=self.screening.observer.advance,
            )

    def _finish(
        self,
        state: RunState,
        counts: Mapping[str, Any] | None = None,
        *,
        manifest: Manifest | None = None,
        failure: str | None = None,
    ) -> None:
        self.lease.write(
            partial(
                finish_run,
                run_number=self.number,
                state=state,
                finished_at=self.screening.clock(),
                counts=counts,
                manifest=manifest,
                failure=failure,
                milliseconds=self.step.milliseconds,
            )
        )
        self.is_finished = True
