"""A divided run: a flow run of the same deployment for each part, and the sum of what came of them (ADR 63).

The parts wait for a process that serves the deployment, as all runs do. Meanwhile the flow run itself executes one
after the other of those that nobody has taken: so it also ends where there is one place for runs, which it has itself.
"""

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId, FlowRunFilterTags
from prefect.client.schemas.objects import FlowRun, State
from prefect.client.schemas.responses import SetStateStatus
from prefect.context import FlowRunContext
from prefect.exceptions import PrefectException
from prefect.settings import get_current_settings
from prefect.states import Cancelled, Completed, Crashed, Pending

from dicom_sieve.contract.parameters import ANY_INPUT, S3_INPUT, RawParameters
from dicom_sieve.contract.read import Request
from dicom_sieve.criteria.named import NamedCriteria
from dicom_sieve.errors import InvalidRequestError, LedgerError
from dicom_sieve.flows.execution import Execution
from dicom_sieve.flows.follow_up import announce
from dicom_sieve.flows.heartbeats import ENVIRONMENT
from dicom_sieve.flows.redaction import has_secret
from dicom_sieve.ledger import Ledger, open_ledger
from dicom_sieve.ledger.database.states import RunState
from dicom_sieve.objects import Location
from dicom_sieve.screening.divide import DividedOutcome, PartOutcome, find_parts, outcome_of, refuse_across
from dicom_sieve.screening.screen import Outcome, refuse_overlap
from dicom_sieve.settings import Settings
from dicom_sieve.stores.open import read_address
from dicom_sieve.stores.prefixes import DIVIDE

PART_OF = "part-of-"
"""What the tag of a part's flow run begins with; the id of the divided one follows."""
SECONDS_BETWEEN_LOOKS = 2.0
RUNS_A_PAGE = 200
SECONDS_TO_END = 20.0
_OF_THIS_RUN = ("PREFECT__CONTROL_PORT", "PREFECT__CONTROL_TOKEN")
"""By which the process that serves this flow run, and no other, speaks with it."""
_IN_CLEAR = (
    f"{DIVIDE}: credentials came as a text, which would be stored with each part; "
    'accepted: {"$ref": "<id of a block>"}, or none'
)


def screen_divided(request: Request, at_least: int, settings: Settings, execution: Execution) -> State[None]:
    """Have each part screened by a run of its own, and give what came of all.

    Raises:
        InvalidRequestError: It cannot be divided, or criteria look beyond one instance.
        StoreError: It cannot be listed.
        PartsFailedError: Some parts did not complete; the others stand.
    """
    refuse_across(request.criteria)
    if request.output is not None:
        refuse_overlap(request.store.location, request.output.location)
    whole = _flow_run()
    if has_secret(whole.parameters):
        raise InvalidRequestError((_IN_CLEAR,))
    note = execution.logger.info
    with open_ledger(settings.database_url.get_secret_value()) as ledger, get_client(sync_client=True) as client:
        parts = find_parts(request.store, ledger, at_least=at_least, note=note, listing=request.listing)
        execution.logger.info("parts: %d", len(parts.locations))
        runs = _Runs(client, whole)
        runs.complete(parts.locations, request.named)
        outcomes = [_outcome(ledger, place, runs.by_prefix[place.prefix]) for place in parts.locations]
        outcome = outcome_of(ledger, outcomes, parts.marks)
    execution.divided = outcome
    outcome.raise_where_one_failed()
    _announce(outcome, execution)
    return Completed(message=outcome.describe())


def is_part() -> bool:
    """Tell whether the flow run under way is that of a part: then its whole announces that it has completed."""
    context = FlowRunContext.get()
    tags = context.flow_run.tags if context is not None and context.flow_run is not None else []
    return any(tag.startswith(PART_OF) for tag in tags)


def _announce(outcome: DividedOutcome, execution: Execution) -> None:
    """Say of each part that its run has completed, where no series lies in several: what follows computes on series."""
    if outcome.split_series:
        execution.logger.warning("series lie in several parts: nothing is computed on what passed by itself")
        return
    for part in outcome.parts:
        if part.run_id is not None and part.counts is not None:
            announce(Outcome(part.run_id, part.counts, None), part.location)


def _flow_run() -> FlowRun:
    context = FlowRunContext.get()
    if context is None or context.flow_run is None or context.flow_run.deployment_id is None:
        raise LedgerError("only a run of a deployment is divided: its parts are runs of the same")
    return context.flow_run


def _outcome(ledger: Ledger, place: Location, flow_run: FlowRun) -> PartOutcome:
    """Give what came of a part, by the ledger."""
    row = next(iter(ledger.attempts(str(flow_run.id))), None)
    if row is not None and row.state == RunState.COMPLETED:
        return PartOutcome(place, row.id, row.counts)
    said = flow_run.state.message if flow_run.state else None
    run_id, recorded = (row.id, row.failure) if row is not None else (None, None)
    return PartOutcome(place, run_id, failure=said or recorded or "it did not complete")


def prefix_in(parameters: RawParameters) -> str:
    """Give the prefix that the parameters of a run ask for."""
    if parameters.get(ANY_INPUT) is not None:
        return read_address(parameters[ANY_INPUT]["uri"]).prefix
    return str(parameters[S3_INPUT].get("prefix") or "")


def part_of_request(parameters: RawParameters, prefix: str, named: NamedCriteria | None) -> RawParameters:
    """Give the parameters of a part's run: all that its whole was asked, with another prefix.

    Args:
        parameters: Of the whole; no credentials in clear.
        prefix: Of the part.
        named: What the criteria were saved as, so that all parts have one version of them.
    """
    asked = {name: value for name, value in parameters.items() if name != DIVIDE}
    if asked.get(ANY_INPUT) is not None:
        place = asked[ANY_INPUT]
        asked[ANY_INPUT] = {**place, "uri": read_address(place["uri"]).uri(prefix)}
    else:
        asked[S3_INPUT] = {**asked[S3_INPUT], "prefix": prefix}
    if named is not None:
        asked["criteria"] = {"name": named.name, "version": named.version}
    return asked


@dataclass
class _Runs:
    """The runs of the parts.

    Attributes:
        client: Of Prefect's API.
        whole: The divided run.
        by_prefix: The run of each part, as it was seen last.
        mine: The run that is executed here, and its process; None: none.
    """

    client: SyncPrefectClient
    whole: FlowRun
    by_prefix: dict[str, FlowRun] = field(default_factory=dict)
    mine: "tuple[UUID, subprocess.Popen[bytes]] | None" = None

    @property
    def tag(self) -> str:
        """What marks the runs of these parts."""
        return f"{PART_OF}{self.whole.id}"

    def complete(self, places: Sequence[Location], named: NamedCriteria | None) -> None:
        """Start a run for each part that has none, and wait for all; where this is interrupted they are cancelled."""
        before = self._find_before()
        try:
            for number, place in enumerate(places, 1):
                prefix = place.prefix
                self.by_prefix[prefix] = before.get(prefix) or self._start(number, prefix, named)
            self._wait()
        except BaseException:
            for run in self.by_prefix.values():  # before the process here is waited for: the others end meanwhile
                self._cancel(run)
            raise
        finally:
            if self.mine is not None:
                _end(self.mine[1])

    def _wait(self) -> None:
        """Wait until all have ended; meanwhile execute those that nobody takes, one after the other."""
        while self._look():
            if self.mine is not None and self.mine[1].poll() is not None:
                self._report(*self.mine)
                self.mine = None
            if self.mine is None and (taken := self._take()) is not None:
                self.mine = taken, _execute(taken)
            time.sleep(SECONDS_BETWEEN_LOOKS)

    def _look(self) -> bool:
        """Look how the runs stand; tell whether any has not ended."""
        open_runs = {run.id: prefix for prefix, run in self.by_prefix.items() if not _has_ended(run)}
        ids = list(open_runs)
        for start in range(0, len(ids), RUNS_A_PAGE):
            asked = ids[start : start + RUNS_A_PAGE]
            with suppress(httpx.HTTPError, PrefectException):  # the server is away, or busy
                some = FlowRunFilter(id=FlowRunFilterId(any_=asked))
                found = self.client.read_flow_runs(flow_run_filter=some, limit=RUNS_A_PAGE)
                by_id = {run.id: run for run in found}
                for run_id in asked:
                    prefix = open_runs[run_id]
                    self.by_prefix[prefix] = by_id.get(run_id) or _deleted(self.by_prefix[prefix])
        return any(not _has_ended(run) for run in self.by_prefix.values())

    def _take(self) -> UUID | None:
        """Take the last run that nobody has; None where there is none."""
        for run in reversed(self.by_prefix.values()):
            if run.state is not None and run.state.is_scheduled():
                with suppress(httpx.HTTPError, PrefectException):
                    if self.client.set_flow_run_state(run.id, Pending()).status == SetStateStatus.ACCEPT:
                        return run.id
        return None

    def _report(self, run_id: UUID, process: "subprocess.Popen[bytes]") -> None:
        """Say in Prefect that a run's process has ended, where it did not do so itself."""
        with suppress(httpx.HTTPError, PrefectException):
            if not _has_ended(self.client.read_flow_run(run_id)):
                message = f"its process ended with {process.returncode}"
                self.client.set_flow_run_state(run_id, Crashed(message=message), force=True)

    def _start(self, number: int, prefix: str, named: NamedCriteria | None) -> FlowRun:
        asked = part_of_request(self.whole.parameters, prefix, named)
        once = f"{self.whole.id} {self.whole.run_count} {hashlib.sha256(prefix.encode()).hexdigest()}"
        return self.client.create_flow_run_from_deployment(
            self.whole.deployment_id,  # type: ignore[arg-type]  # `_flow_run` has seen that there is one
            parameters=asked,
            name=f"{self.whole.name}-{number}",
            tags=[*self.whole.tags, self.tag],
            idempotency_key=once,
        )

    def _find_before(self) -> dict[str, FlowRun]:
        """Give the runs by prefix that an earlier attempt at this run has left, and that completed or are at work."""
        if self.whole.run_count <= 1:
            return {}
        found: list[FlowRun] = []
        mine = FlowRunFilter(tags=FlowRunFilterTags(all_=[self.tag]))
        while some := self.client.read_flow_runs(flow_run_filter=mine, limit=RUNS_A_PAGE, offset=len(found)):
            found += some
        stand = [run for run in found if run.state and (run.state.is_completed() or run.state.is_running())]
        for run in found:
            if run not in stand and not _has_ended(run):
                self._cancel(run)
        return {prefix_in(run.parameters): run for run in stand}

    def _cancel(self, run: FlowRun) -> None:
        """Cancel a run that has not ended: its own watch ends it, in whichever process it is."""
        with suppress(httpx.HTTPError, PrefectException):
            if not _has_ended(self.client.read_flow_run(run.id)):
                self.client.set_flow_run_state(run.id, Cancelled(message="the divided run was stopped"), force=True)


def _deleted(run: FlowRun) -> FlowRun:
    return run.model_copy(update={"state": Cancelled(message="its flow run was deleted")})


def _has_ended(run: FlowRun) -> bool:
    return run.state is not None and run.state.is_final()


def _execute(run_id: UUID) -> "subprocess.Popen[bytes]":
    """Execute a flow run in a process of its own, as a worker of Prefect does."""
    settings: Mapping[str, str] = get_current_settings().to_environment_variables(exclude_unset=True)
    environment = {**os.environ, **settings, **ENVIRONMENT, "PREFECT__FLOW_RUN_ID": str(run_id)}
    for name in _OF_THIS_RUN:
        environment.pop(name, None)
    return subprocess.Popen([sys.executable, "-m", "prefect.engine"], env=environment, stdin=subprocess.DEVNULL)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End a process in order, or else at once; what it recorded stays."""
    process.terminate()
    try:
        process.wait(SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
