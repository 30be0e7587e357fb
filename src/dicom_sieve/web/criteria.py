"""Criteria that are kept under a name: all names, all versions of one, and what each version changed."""

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import Response

from dicom_sieve.criteria import Asked
from dicom_sieve.criteria.named import check_name
from dicom_sieve.errors import InvalidRequestError
from dicom_sieve.ledger.reading.named_criteria import (
    RunOfCriteria,
    SavedCriteria,
    count_runs,
    list_newest,
    list_versions,
    runs_of,
)
from dicom_sieve.ledger.reading.page_actions import savers_of
from dicom_sieve.web.address import pack_or_nothing
from dicom_sieve.web.asked import read_number
from dicom_sieve.web.pages import Page, context_of, show
from dicom_sieve.web.places import place_of
from dicom_sieve.web.sentences import Line, lines_of
from dicom_sieve.web.texts import gettext

router = APIRouter()
MOST_RUNS = 10
"""Of one version, that are named; the others are counted."""


@dataclass(frozen=True, slots=True)
class Version:
    """A version as the page shows it.

    Attributes:
        saved: Itself.
        lines: What it asks, and what of it is new.
        problem: Why that cannot be said; empty: it can.
        packed: Its criteria, for an address; empty: they are too long for one.
        by: Who saved it; empty: not known.
        runs: That used it, the newest first.
    """

    saved: SavedCriteria
    lines: Sequence[Line]
    problem: str
    packed: str
    by: str
    runs: Sequence[RunOfCriteria]


@router.get("/criteria")
def show_all(request: Request) -> Response:
    """Show all names, each with its newest version."""
    engine = context_of(request).ledger.engine
    newest = list_newest(engine)
    page = Page(gettext("Criteria"), "criteria")
    return show(request, "criteria.html", page, newest=newest, savers=savers_of(engine), runs=count_runs(engine))


@router.get("/criteria/{name}")
def show_one(request: Request, name: str) -> Response:
    """Show all versions of a name, the newest first, each with what it changed."""
    engine = context_of(request).ledger.engine
    versions = list_versions(engine, check_name(name, "name"))
    place = place_of(request)
    return show(
        request,
        "versions.html",
        Page(name, "criteria", None if place is None else place.id),
        name=name,
        place=place,
        versions=versions_of(versions, savers_by_version(request, name), runs_of(engine, name)),
        same=read_number(request.query_params.get("same", ""), 9),
        most_runs=MOST_RUNS,
    )


def savers_by_version(request: Request, name: str) -> dict[int, str]:
    """Give who saved each version of a name, as far as is known."""
    savers = savers_of(context_of(request).ledger.engine, name)
    return {named.version: person for named, person in savers.items() if named.version is not None}


def versions_of(saved: Sequence[SavedCriteria], savers: dict[int, str], runs: Sequence[RunOfCriteria]) -> list[Version]:
    """Make versions of what the ledger says; the newest comes first, as it does there."""
    before: dict[int, SavedCriteria] = {each.version: each for each in saved}
    made = []
    for each in saved:
        lines, problem = _lines(before.get(each.version - 1), each)
        used = [run for run in runs if run.version == each.version]
        made.append(Version(each, lines, problem, pack_or_nothing(each.criteria), savers.get(each.version, ""), used))
    return made


def _lines(before: SavedCriteria | None, saved: SavedCriteria) -> tuple[list[Line], str]:
    """Say what a version asks, and why that cannot be said."""
    try:
        after = saved.items()
    except InvalidRequestError as error:
        return [], error.problems[0]
    return lines_of(_items(before), after), ""


def _items(saved: SavedCriteria | None) -> tuple[Asked, ...] | None:
    """Give what a version asks; None: there is none, or this software does not read it any more."""
    if saved is None:
        return None
    try:
        return saved.items()
    except InvalidRequestError:
        return None
