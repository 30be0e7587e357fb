"""Asking for waiting runs, again and again: a server that answers with errors does not end those who serve.

Prefect's own loop ends the process, and the runs in it, after three polls that failed. One run that the server cannot
send makes all of them fail. Here the server is asked for such runs, they are set aside, and asking goes on.
"""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any
from uuid import UUID

import anyio
import httpx
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.objects import StateType
from prefect.logging import get_logger
from prefect.runner import _scheduled_run_poller
from prefect.states import Cancelled
from pydantic import ValidationError

from dicom_sieve.flows.names import FLOWS

LONGEST_PAUSE = 60.0
"""Seconds between two polls of a server that answers with errors."""
SAID_EACH = 10
"""A failure that goes on is logged the first time, and then every N times."""
MOST_RUNS = 1_000
SET_ASIDE = "set aside: what it was started with could not be sent; start another run"
_logger = get_logger("runner")


@contextmanager
def that_goes_on() -> Iterator[None]:
    """Have Prefect's runner poll as `keep_polling` does."""
    poller: Any = _scheduled_run_poller
    prefects = poller.critical_service_loop
    poller.critical_service_loop = keep_polling
    try:
        yield
    finally:
        poller.critical_service_loop = prefects


async def keep_polling(
    workload: Callable[[], Awaitable[Any]],
    interval: float,
    *,
    run_once: bool = False,
    jitter_range: float | None = None,
) -> None:
    """Poll until cancelled.

    Args:
        workload: Polls once.
        interval: Seconds between two polls.
        run_once: Poll once.
        jitter_range: Not used: one process polls.
    """
    del jitter_range
    failures = 0
    while True:
        try:
            await workload()
        except (httpx.HTTPError, ValidationError) as error:
            failures += 1
            if failures % SAID_EACH == 1:
                _logger.warning("waiting runs cannot be asked for: %s; asking goes on", describe(error))
            await _mend(error)
        else:
            if failures:
                _logger.warning("waiting runs are answered again")
            failures = 0
        if run_once:
            return
        await anyio.sleep(min(interval * 2 ** min(failures, 6), LONGEST_PAUSE) if failures > 1 else interval)


def describe(error: Exception) -> str:
    """Say what was observed, without what the server quotes."""
    if not isinstance(error, httpx.HTTPStatusError):
        return f"Prefect's server does not answer as expected ({type(error).__name__})"
    status = error.response.status_code
    if status == HTTPStatus.UNAUTHORIZED:
        return "Prefect's server wants another password than PREFECT_API_AUTH_STRING (HTTP 401)"
    return f"Prefect's server answers with an error (HTTP {status})"


async def _mend(error: Exception) -> None:
    """Set aside the waiting runs that the server cannot send."""
    is_server_s = isinstance(error, httpx.HTTPStatusError) and error.response.status_code >= 500
    if not (is_server_s or isinstance(error, ValidationError)):
        return
    try:
        async with get_client() as client:
            for run_id in await _waiting(client):
                if not await _can_be_read(client, run_id):
                    await _set_aside(client, run_id)
                    _logger.warning("flow run %s cannot be sent: set aside as Cancelled, parameters removed", run_id)
    except (httpx.HTTPError, ValueError) as also:
        _logger.warning("runs that cannot be sent were not found: %s", describe(also))


async def _waiting(client: PrefectClient) -> list[UUID]:
    """Give the ids of waiting runs, by the one answer that has no parameters in it."""
    asked = {
        "flows": {"name": {"any_": list(FLOWS)}},
        "flow_runs": {"state": {"type": {"any_": [StateType.SCHEDULED.value]}}},
        "limit": MOST_RUNS,
        "sort": "EXPECTED_START_TIME_ASC",
    }
    answer = await client.request("POST", "/ui/flow_runs/history", json=asked)
    return [UUID(run["id"]) for run in answer.json()]


async def _can_be_read(client: PrefectClient, run_id: UUID) -> bool:
    try:
        await client.read_flow_run(run_id)
    except ValidationError:
        return False
    except httpx.HTTPStatusError as error:
        return error.response.status_code < 500
    return True


async def _set_aside(client: PrefectClient, run_id: UUID) -> None:
    await client.update_flow_run(run_id, parameters={})
    await client.set_flow_run_state(run_id, Cancelled(message=SET_ASIDE), force=True)
    if not await _can_be_read(client, run_id):
        await client.delete_flow_run(run_id)
