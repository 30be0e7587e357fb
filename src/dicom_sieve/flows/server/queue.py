"""Runs that wait: those that cannot be sent are set aside, and credentials of those that never ran are removed."""

import asyncio
import datetime
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import orjson
from prefect.client.schemas.objects import FlowRun as ClientFlowRun
from prefect.logging import get_logger
from prefect.server import models
from prefect.server.database import PrefectDBInterface, provide_database_interface
from prefect.server.database.orm_models import FlowRun
from prefect.server.schemas.actions import FlowRunUpdate
from prefect.server.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterEndTime,
    FlowRunFilterId,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.server.schemas.responses import FlowRunResponse
from prefect.server.schemas.states import TERMINAL_STATES, Cancelled

from dicom_sieve.flows.names import FLOWS
from dicom_sieve.flows.polling import SET_ASIDE
from dicom_sieve.flows.redaction import redact

SECONDS_BETWEEN = 10.0
"""After which runs that ended are looked at again."""
SECONDS_BACK = 7 * 86_400.0
"""Seconds that the first look goes back."""
PAGE = 200
_logger = get_logger("server.door")
_flow_runs: Any = models.flow_runs  # its types are lost in what Prefect decorates it with


async def mend() -> int:
    """Set aside the runs that have not ended and cannot be sent; gives how many, and logs which."""
    database = provide_database_interface()
    open_ones = FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(not_any_=list(TERMINAL_STATES))))
    async with database.session_context() as session:
        rows = await _flow_runs.read_flow_runs(session, columns=[database.FlowRun.id], flow_run_filter=open_ones)
        ids = [row.id for row in rows]
    set_aside = 0
    for run_id in ids:
        if (problem := await _find_problem(database, run_id)) is not None:
            await _set_aside(database, run_id)
            _logger.warning(
                "flow run %s cannot be sent (%s): set aside as Cancelled, parameters removed", run_id, problem
            )
            set_aside += 1
    return set_aside


async def _find_problem(database: PrefectDBInterface, run_id: UUID) -> str | None:
    """Give the name of the error with which the server, or a client of it, fails at a run; None: it can be sent."""
    try:
        async with database.session_context() as session:
            [row] = await _read(session, run_id)
            answer = FlowRunResponse.model_validate(row, from_attributes=True)
            sent = answer.model_dump_json()
            orjson.dumps(answer.model_dump(mode="json"))  # as Prefect sends lists; it takes less than pydantic
        ClientFlowRun.model_validate_json(sent)
    except Exception as error:  # of whichever library fails at it; its text quotes the parameters
        return type(error).__name__
    return None


async def _read(session: object, run_id: UUID) -> Sequence[FlowRun]:
    wanted = FlowRunFilter(id=FlowRunFilterId(any_=[run_id]))
    rows: Sequence[FlowRun] = await _flow_runs.read_flow_runs(session, flow_run_filter=wanted)
    return rows


async def _set_aside(database: PrefectDBInterface, run_id: UUID) -> None:
    """End it without what cannot be sent; where that does not suffice, delete it."""
    without = FlowRunUpdate(name=f"set-aside-{run_id}", parameters={}, tags=[], job_variables=None)
    try:
        async with database.session_context(begin_transaction=True, with_for_update=True) as session:
            await _flow_runs.update_flow_run(session, run_id, without)
            await _flow_runs.set_flow_run_state(session, run_id, Cancelled(message=SET_ASIDE), force=True)
    except Exception as error:  # as above
        _logger.warning("flow run %s cannot be changed (%s)", run_id, type(error).__name__)
    if await _find_problem(database, run_id) is not None:
        async with database.session_context(begin_transaction=True, with_for_update=True) as session:
            await _flow_runs.delete_flow_run(session, run_id)
        _logger.warning("flow run %s is deleted: it could not be sent in any other way", run_id)


async def keep_redacting() -> None:
    """Remove, again and again, the credentials of runs that ended without having started: cancelled, for example.

    A run that starts does so itself.
    """
    since = _now() - datetime.timedelta(seconds=SECONDS_BACK)
    while True:
        looked = _now()
        try:
            await redact_ended(since)
        except Exception as error:  # the database is busy, for example; the next look goes as far back
            _logger.warning("runs that ended were not looked at (%s)", type(error).__name__)
        else:
            since = looked - datetime.timedelta(seconds=SECONDS_BETWEEN)
        await asyncio.sleep(SECONDS_BETWEEN)


async def redact_ended(since: datetime.datetime) -> None:
    """Replace what may be a credential in runs of our flows that ended since then."""
    database = provide_database_interface()
    ended = FlowRunFilter(
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=list(TERMINAL_STATES))),
        end_time=FlowRunFilterEndTime(after_=since),
    )
    ours = FlowFilter(name=FlowFilterName(any_=list(FLOWS)))
    offset = 0
    while True:
        async with database.session_context() as session:
            rows = await _flow_runs.read_flow_runs(
                session,
                columns=[database.FlowRun.id, database.FlowRun.parameters],
                flow_run_filter=ended,
                flow_filter=ours,
                offset=offset,
                limit=PAGE,
            )
            secret = {row.id: cleaned for row in rows if (cleaned := redact(row.parameters)) != row.parameters}
        for run_id, cleaned in secret.items():
            async with database.session_context(begin_transaction=True, with_for_update=True) as session:
                await _flow_runs.update_flow_run(session, run_id, FlowRunUpdate(parameters=cleaned))
        if len(rows) < PAGE:
            return
        offset += PAGE


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)
