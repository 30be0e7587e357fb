"""How far a run is: as the ledger has it, and as it tells Prefect."""

import datetime
import re
from dataclasses import dataclass

from dicom_sieve.clock import now
from dicom_sieve.ledger import RecordedRun
from dicom_sieve.ledger.database.states import RunState
from dicom_sieve.web.of_run import flow_run_of
from dicom_sieve.web.prefect_api import PrefectApi, PrefectAwayError
from dicom_sieve.web.words import state_in_words

ENDED = ("COMPLETED", "FAILED", "CANCELLED", "CRASHED")
"""States of a flow run that it does not leave."""
LONGEST_MESSAGE = 500
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is.

    Attributes:
        state: In a word, as ``running``.
        name: Of the flow run; empty: not known.
        is_over: Whether nothing will change any more.
        can_stop: Whether it can be asked to stop.
        told: What it says of itself: ``16,661 objects listed, 12,000 of 16,661 headers read``; empty: nothing.
        percent: Of the headers; None: not known.
        seconds: Since it began; None: it has not.
        away: Why Prefect could not be asked; empty: it could.
        failure: Why it failed; empty: it did not.
    """

    state: str
    name: str = ""
    is_over: bool = False
    can_stop: bool = False
    told: str = ""
    percent: float | None = None
    seconds: int | None = None
    away: str = ""
    failure: str = ""

    @property
    def words(self) -> str:
        """The state as the page says it."""
        return state_in_words(self.state)


def progress_of(prefect: PrefectApi, run_id: str, run: RecordedRun | None) -> Progress | None:
    """Tell how far a run is; None: neither the ledger nor Prefect knows it."""
    if run is not None and run.row.state != RunState.RUNNING:
        return Progress(run.row.state.lower(), is_over=True, failure=run.row.failure or "")
    flow_run, told, percent, away = None, "", None, ""
    flow_run_id = flow_run_of(run_id)
    if UUID.fullmatch(flow_run_id):
        try:
            flow_run = prefect.flow_run(flow_run_id)
            told, percent = prefect.progress(flow_run_id) if flow_run else ("", None)
        except PrefectAwayError as error:
            away = str(error)
    if flow_run is None and run is None and not away:
        return None
    state = str((flow_run or {}).get("state_type") or "RUNNING")
    message = str(((flow_run or {}).get("state") or {}).get("message") or "")
    is_over = state in ENDED and run is None
    return Progress(
        "waiting" if run is None and not is_over else state.lower(),
        str((flow_run or {}).get("name", "")),
        is_over=is_over,
        can_stop=flow_run is not None and may_be_stopped(state),
        told=told,
        percent=percent,
        seconds=None if run is None else _since(run.row.started_at),
        away=away,
        failure=message[:LONGEST_MESSAGE] if is_over else "",
    )


def may_be_stopped(state: str) -> bool:
    """Tell of the state of a flow run whether it can be asked to stop."""
    return state not in {*ENDED, "CANCELLING"}


def _since(moment: datetime.datetime) -> int:
    return max(0, int((now() - moment).total_seconds()))
