"""Runs: all of them, and the page of one: how far it is, or what came of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from dicom_sieve.criteria.reading import compile_recorded
from dicom_sieve.errors import InvalidRequestError, LedgerError, UnknownRunError
from dicom_sieve.ledger import RecordedRun, RunRow
from dicom_sieve.ledger.database.actions import Action
from dicom_sieve.ledger.reading.page_actions import starters_of
from dicom_sieve.ledger.reading.places import Place, list_places
from dicom_sieve.reports.markdown import citation
from dicom_sieve.reports.words import describe_outcome
from dicom_sieve.web import actions
from dicom_sieve.web.address import pack_or_nothing
from dicom_sieve.web.asked import address_of, read_number
from dicom_sieve.web.kept import Deadline
from dicom_sieve.web.names import parts_of
from dicom_sieve.web.of_run import find_run, flow_run_of, is_decided
from dicom_sieve.web.pages import Page, context_of, person_of, show
from dicom_sieve.web.people import Role
from dicom_sieve.web.progress import UUID, progress_of
from dicom_sieve.web.result import result_of
from dicom_sieve.web.series_part import SeriesPart, look_for, series_part
from dicom_sieve.web.texts import gettext, later
from dicom_sieve.web.traced import Trace, trace_of
from dicom_sieve.web.view import WINDOW, View, read_view
from dicom_sieve.web.words import named_in_words

router = APIRouter()
STATES = {
    "COMPLETED": later("Complete"),
    "INCOMPLETE": later("Incomplete"),
    "RUNNING": later("Running"),
    "FAILED": later("Failed"),
    "CANCELLED": later("Stopped"),
}
"""As pages call them."""


@dataclass(frozen=True, slots=True)
class RunLine:
    """One line of the table of runs.

    Attributes:
        row: The run.
        state: In a word.
        place: Its location; None: the ledger is forgetting it.
        criteria: As sentences.
        name: That the criteria were saved as; empty: none.
        passed: Instances; None: that is not decided.
        looked_at: Likewise.
        again: Address of Build with its criteria; empty: they are too long for one.
        by: Who started it on a page; empty: nobody did.
    """

    row: RunRow
    state: str
    place: Place | None
    criteria: str
    name: str
    passed: int | None
    looked_at: int | None
    again: str
    by: str = ""


@router.get("/runs")
def show_runs(request: Request) -> Response:
    """Show all runs, the newest first."""
    person_of(request)
    ledger = context_of(request).ledger
    places = list_places(ledger.engine)
    asked = {name: request.query_params.get(name, "")[:128] for name in ("place", "criteria", "from")}
    place = next((each for each in places if str(each.id) == asked["place"]), None)
    rows = [row for row in ledger.runs() if place is None or row.location == place.location]
    names = sorted({row.criteria_name for row in rows if row.criteria_name is not None})
    chosen = [row for row in rows if not asked["criteria"] or row.criteria_name == asked["criteria"]]
    start = read_number(asked["from"], 8) or 0

    def address(**changed: Any) -> str:
        return address_of("/runs", asked | changed)

    shown = chosen[start : start + WINDOW]
    by = starters_of(ledger.engine, [row.id for row in shown])
    return show(
        request,
        "runs.html",
        Page(gettext("Runs"), "runs", None if place is None else place.id),
        lines=[line_of(row, places, by) for row in shown],
        total=len(chosen),
        start=start,
        window=WINDOW,
        places=places,
        place=place,
        names=names,
        asked=asked,
        address=address,
    )


@router.get("/runs/{run_id}")
def show_run(request: Request, run_id: str) -> Response:
    """Show how far a run is, or what came of it."""
    person = person_of(request)
    context = context_of(request)
    run = find_run(context.ledger, run_id)
    if run is None or not is_decided(run):
        return _show_progress(request, run_id, run)
    view = read_view(run.row.id, request.query_params, request.query_params.getlist("columns"))
    may_see = person.may(Role.MANAGER)
    deadline = Deadline()
    if may_see:
        context.runs.start(run)
    report = context.runs.report(run, deadline)
    trace: Trace | None = None
    series: SeriesPart | None = None
    if may_see:
        if view.filter.find and (found := look_for(context, run, view, deadline)) is not None:
            return RedirectResponse(found, 303)
        series = series_part(context, run, view, deadline)
        if view.series or view.object:
            trace = trace_of(context.ledger, run, view.series, view.object)
    line = line_of(run.row, list_places(context.ledger.engine))
    return show(
        request,
        "run.html",
        Page(gettext("Run %(id)s", id=run.row.id[:8]), "runs", None if line.place is None else line.place.id),
        line=line,
        run=run.row,
        view=view,
        may_see=may_see,
        headline=describe_outcome(run.row.counts or {}) if report is None else report.title,
        seconds=_seconds(run.row),
        report=report,
        result=None if report is None else result_of(report, view.unit, series.near if series else None),
        citation="" if report is None else citation(report),
        series=series,
        trace=trace,
        is_traced=bool(view.series or view.object),
    )


@router.get("/runs/{run_id}/trace")
def show_trace(request: Request, run_id: str) -> Response:
    """Trace what ``object`` or ``uid`` names: it is open on the page of the run."""
    person_of(request, Role.MANAGER)
    run = _known(request, run_id)
    asked = request.query_params
    view = View(run.row.id)
    name = asked.get("object", "") or asked.get("uid", "")
    listed = context_of(request).runs.listed(run, (), Deadline(60.0))
    is_series = listed is not None and listed.find(name) is not None
    address = view.address(show="all", series=name) if is_series else view.address(show="all", object=name)
    return RedirectResponse(address, 303)


@router.post("/runs/{run_id}/stop")
def stop(request: Request, run_id: str) -> Response:
    """Ask Prefect to stop a run."""
    person_of(request, Role.MANAGER)
    flow_run = flow_run_of(run_id)
    if UUID.fullmatch(flow_run) is None:
        raise UnknownRunError(run_id)
    context_of(request).prefect.cancel(flow_run)
    actions.record(request, Action.STOP, run_id=flow_run)
    return RedirectResponse(f"/runs/{quote(run_id, safe='')}", 303)


def _show_progress(request: Request, run_id: str, run: RecordedRun | None) -> Response:
    context = context_of(request)
    progress = progress_of(context.prefect, run_id, run)
    if progress is None:
        raise UnknownRunError(run_id)
    line = None if run is None else line_of(run.row, list_places(context.ledger.engine))
    return show(
        request,
        "running.html",
        Page(gettext("Run"), "runs", None if line is None or line.place is None else line.place.id),
        run_id=run_id,
        progress=progress,
        line=line,
        may_stop=progress.can_stop and person_of(request).may(Role.MANAGER),
    )


def _known(request: Request, run_id: str) -> RecordedRun:
    run = find_run(context_of(request).ledger, run_id)
    if run is None:
        raise UnknownRunError(run_id)
    return run


def line_of(row: RunRow, places: Sequence[Place], by: Mapping[str, str] = MappingProxyType({})) -> RunLine:
    """Give the line of a run; with who started each, by its id, where that is known."""
    counts = row.counts or {}
    place = next((each for each in places if each.location == row.location), None)
    return RunLine(
        row,
        gettext(STATES[row.state]) if row.state in STATES else row.state.capitalize(),
        place,
        sentence_of(row),
        "" if row.named is None else named_in_words(row.named),
        counts.get("passed"),
        counts.get("listed"),
        _again(row, place),
        by.get(row.id, ""),
    )


def sentence_of(row: RunRow) -> str:
    """Give a run's criteria as sentences."""
    try:
        return ", and ".join(parts_of(item).sentence for item in compile_recorded(row.criteria))
    except (InvalidRequestError, LedgerError):  # of an earlier version, which knew other criteria
        return gettext("Criteria that this version cannot read")


def _again(row: RunRow, place: Place | None) -> str:
    packed = pack_or_nothing(row.criteria)
    stated = {"place": None if place is None else place.id, "criteria": packed, "name": row.criteria_name}
    return address_of("/build", stated) if packed else ""


def _seconds(row: RunRow) -> int | None:
    return None if row.finished_at is None else int((row.finished_at - row.started_at).total_seconds())
