"""A flow run that is started again: what completed stays as it is, and what cannot be repeated says how it stood."""

import datetime

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun, State
from prefect.states import Cancelled, Completed, Failed

from dicom_sieve.contract.parameters import RawParameters
from dicom_sieve.errors import SpentCredentialsError
from dicom_sieve.flows.redaction import refuse_spent
from dicom_sieve.ledger import RunRow, open_ledger
from dicom_sieve.ledger.database.states import RunState
from dicom_sieve.ledger.leases.lease import LEASE_SECONDS
from dicom_sieve.screening import Outcome

STAYS = "it was completed before, and stays as it is: start another run"
_NOTE = f"; {STAYS}"


def stands_in_ledger(given: RawParameters, flow_run: FlowRun) -> State[None] | None:
    """Give the state to end in where a run of ``clean-dicom`` has completed, or cannot be repeated; else None."""
    with open_ledger() as ledger:
        before = next(iter(ledger.attempts(str(flow_run.id))), None)
        if before is None:
            return None
        heard = ledger.last_heard(before)
    if before.state == RunState.COMPLETED:
        said = Outcome(before.id, before.counts or {}, None).describe()
        return Completed(message=f"{said}{_NOTE} to screen again")
    try:
        refuse_spent(given)
    except SpentCredentialsError as error:
        return _end_as(_describe(before, heard), before, error)
    return None


def stands_in_prefect(flow_run: FlowRun) -> State[None] | None:
    """Give the state to end in where a flow run has completed, by its history in Prefect; else None."""
    with get_client(sync_client=True) as client:
        states = client.read_flow_run_states(flow_run.id)
    before = [state for state in states if state.is_completed()]
    if not before:
        return None
    message = (before[-1].message or "").partition(_NOTE)[0]
    return Completed(message=f"{message}{_NOTE}")


def _describe(before: RunRow, heard: datetime.datetime | None) -> str:
    """Say how a run stands. Of one whose process died the ledger knows that only when its lease has ended."""
    if before.state == RunState.RUNNING and heard is not None:
        moment = f"{heard:%Y-%m-%d %H:%M:%S} UTC"
        until = f"if nothing more is heard of it, it is FAILED {LEASE_SECONDS:.0f} s after that"
        return f"run {before.id} is RUNNING, last heard of at {moment}: {until}"
    return f"run {before.id} is {before.state}, and stays as it is" + (f": {before.failure}" if before.failure else "")


def _end_as(stood: str, before: RunRow, error: SpentCredentialsError) -> State[None]:
    state = Cancelled if before.state == RunState.CANCELLED else Failed
    return state(message=f"{stood}\n{error}")
