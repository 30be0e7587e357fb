"""What every flow does around its work: credentials out of Prefect first, and errors of this package at its end."""

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from prefect import get_run_logger
from prefect.artifacts import Artifact
from prefect.client.schemas.objects import FlowRun, State
from prefect.context import FlowRunContext
from prefect.states import Failed

from dicom_sieve import logs
from dicom_sieve.allocator import tune_allocator
from dicom_sieve.contract.parameters import RawParameters
from dicom_sieve.ending import ending_in_order
from dicom_sieve.errors import DicomSieveError, LedgerError
from dicom_sieve.explain import Stop, StoppedInPrefect, explain
from dicom_sieve.flows import result as results
from dicom_sieve.flows.execution import Execution
from dicom_sieve.flows.redaction import STORED_IN_CLEAR, has_secret, only_our_words, redact_stored, refuse_spent
from dicom_sieve.flows.schedules import refuse_secret
from dicom_sieve.flows.watch import end_of, watching
from dicom_sieve.ledger import Ledger, open_ledger
from dicom_sieve.settings import find_unknown
from dicom_sieve.stores.s3.clients import silence_wire_logs


@dataclass(frozen=True, slots=True)
class Guarded:
    """What differs between flows.

    Attributes:
        work: Does the flow's work; gives the state to end in.
        stands: Of a flow run that was started before, the state to end in at once; None: it is to be done again.
        result: Makes the result of the execution, the ledger (None: it cannot be asked), the state and its message.
    """

    work: Callable[[Execution], State[None]]
    stands: Callable[[FlowRun], State[None] | None]
    result: Callable[[Execution, Ledger | None, results.State, str], results.Result]


def run_guarded(given: RawParameters, flow: Guarded) -> State[None]:
    """Do a flow's work, and leave its result with the flow run, however it ends.

    Args:
        given: The flow's parameters, as they came. They are checked in the work: were one required or checked by
            Prefect, then Prefect would refuse it, and its refusal would log all of them with the credentials.
        flow: Which flow.
    """
    silence_wire_logs()
    tune_allocator()
    logs.set_up()
    logger = get_run_logger()
    for sentence in find_unknown(os.environ):
        logger.warning("%s", sentence)
    flow_run = _flow_run()
    execution = Execution(str(flow_run.id), logger)
    try:
        with ending_in_order():
            state = _do(given, flow, flow_run, execution)
    except DicomSieveError as error:
        # Returned rather than raised: what to do stands in the words, and nothing in a traceback.
        state = Failed(message=str(error))
    except StoppedInPrefect as stopped:
        logger.warning("%s", stopped)
        if stopped.stop is not Stop.DELETED:
            _leave(flow, execution, "CANCELLED", str(stopped))
        return end_of(stopped, flow_run.id)
    except BaseException as error:  # an interruption, which goes on
        _leave(flow, execution, "CANCELLED", explain(error) or "it was interrupted")
        raise
    _leave(flow, execution, _end(state), state.message or "")
    if state.is_failed():
        logger.error("%s", state.message)
    return state


def _do(given: RawParameters, flow: Guarded, flow_run: FlowRun, execution: Execution) -> State[None]:
    logger = execution.logger
    with only_our_words(logger):
        if has_secret(flow_run.parameters):
            logger.warning("%s", STORED_IN_CLEAR)
        redact_stored(flow_run.id, flow_run.parameters)
        refuse_secret(flow_run)
        if flow_run.run_count and (stands := flow.stands(flow_run)) is not None:
            return stands
        refuse_spent(given)
        with watching(flow_run.id, logger):
            return flow.work(execution)


def _flow_run() -> FlowRun:
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        raise LedgerError("the flow has no flow run: where there is no Prefect, call what it calls")
    return context.flow_run


def _end(state: State[None]) -> results.State:
    if state.is_completed():
        return "COMPLETED"
    return "CANCELLED" if state.is_cancelled() else "FAILED"


def _leave(flow: Guarded, execution: Execution, state: results.State, message: str) -> None:
    """Leave the result. A run does not fail because it cannot be left."""
    try:
        with only_our_words(execution.logger):
            ledger = None
            with suppress(DicomSieveError):
                ledger = open_ledger()
            try:
                result = flow.result(execution, ledger, state, message)
            finally:
                if ledger is not None:
                    ledger.close()
            Artifact(
                type=results.TYPE,
                key=results.KEY,
                description="How the run ended, for programs",
                data=result.model_dump(mode="json"),
            ).create()
    except DicomSieveError as error:
        execution.logger.warning("the result for programs could not be left: %s", error)
