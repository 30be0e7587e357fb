"""Adding a place, and listing one again: a preview over Prefect, by the contract, which decides nothing.

A preview wants criteria; one is given that everything can be asked: Modality is present.
"""

import re
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from dicom_sieve.errors import InvalidRequestError
from dicom_sieve.ledger.database.actions import Action
from dicom_sieve.ledger.reading.places import Place, find_place, list_places
from dicom_sieve.objects import S3
from dicom_sieve.stores.open import CLOUDS
from dicom_sieve.web.actions import record
from dicom_sieve.web.asked import first_of, read_number
from dicom_sieve.web.pages import Page, context_of, form_of, name_of_place, person_of, problems_of, show
from dicom_sieve.web.people import Role
from dicom_sieve.web.places import input_of, is_address, location_of, where_of
from dicom_sieve.web.prefect_api import CREDENTIALS, NO_BLOCK, SECRETS, PrefectAwayError, credentials_of
from dicom_sieve.web.progress import ENDED, LONGEST_MESSAGE, UUID, may_be_stopped
from dicom_sieve.web.texts import gettext
from dicom_sieve.web.words import state_in_words

router = APIRouter()
ASKED = {"dicom_tag": ["0008", "0060"], "operation": "PRESENT"}
"""The criterion of a listing: Modality is present. Its answer is shown nowhere."""
FIELDS = ("endpoint", "bucket", "prefix", "region", "credentials", "anonymous")
_URL = re.compile(r"https?://[^\s/@]+(/\S*)?")


def parameters_of(given: Mapping[str, str], blocks: Mapping[str, str]) -> dict[str, Any]:
    """Give the parameters of a run that lists a place, as the contract has them (docs/requests.md).

    Args:
        given: What the form said.
        blocks: Ids of blocks with credentials, by name.

    Raises:
        InvalidRequestError: Every problem.
    """
    where = {name: given.get(name, "").strip() for name in FIELDS}
    problems = []
    if not where["bucket"]:
        problems.append(gettext("bucket: missing; accepted: the name of a bucket"))
    if where["endpoint"] and _URL.fullmatch(where["endpoint"]) is None:
        problems.append(
            gettext("endpoint: no URL without credentials; accepted: https://host:9000, or nothing for AWS itself")
        )
    if where["credentials"] and where["credentials"] not in blocks:
        problems.append(gettext(NO_BLOCK))
    if where["credentials"] and where["anonymous"]:
        problems.append(gettext("credentials: none are sent with requests that are not signed; choose one of both"))
    if problems:
        raise InvalidRequestError(tuple(problems))
    more: dict[str, Any] = {"anonymous": True} if where["anonymous"] else {}
    more |= credentials_of(where["credentials"], blocks)
    where["endpoint"] = where["endpoint"].rstrip("/")
    return {**input_of(where, where["region"], more), "criteria": [ASKED], "preview": True}


@router.get("/places/add")
def ask(request: Request) -> Response:
    """Ask where a place is; of one that is known, only by which credentials it is reached."""
    person_of(request, Role.ADMIN)
    place = _place_of(request, request.query_params.get("place", ""))
    given = dict.fromkeys(FIELDS, "")
    return _ask(request, place, given if place is None else given | where_of(place), secrets.token_urlsafe(16))


@router.post("/places/add")
def add(request: Request) -> Response:
    """Start listing it, and go to the page that shows how far that is."""
    person_of(request, Role.ADMIN)
    context, form = context_of(request), form_of(request)
    place = _place_of(request, first_of(form, "place"))
    given = {name: first_of(form, name) for name in FIELDS} | ({} if place is None else where_of(place))
    key = first_of(form, "key")
    try:
        is_cloud = is_address(given["bucket"].strip())
        parameters = parameters_of(given, context.prefect.blocks(SECRETS if is_cloud else CREDENTIALS))
        called = _called(parameters)
        run_id = context.prefect.start(parameters, key=key)
    except (PrefectAwayError, InvalidRequestError) as error:
        return _ask(request, place, given, key, problems_of(error))
    action = Action.ADD_PLACE if place is None else Action.LIST_PLACE
    record(request, action, run_id=run_id, place=place or called)
    return RedirectResponse(f"/listing/{run_id}", 303)


def _place_of(request: Request, number: str) -> Place | None:
    """Give the place that is to be listed again; None: a new one is to be added."""
    place_id = read_number(number)
    if place_id is None:
        return None
    place = find_place(context_of(request).ledger.engine, place_id)
    if place.location.scheme not in {S3, *CLOUDS}:
        raise InvalidRequestError((gettext("a directory is listed on the machine that has it: dicom-sieve preview"),))
    return place


def _ask(
    request: Request, place: Place | None, given: Mapping[str, str], key: str, problems: Sequence[str] = ()
) -> Response:
    prefect = context_of(request).prefect
    blocks, away = prefect.blocks_or_why()
    if place is None or place.location.scheme in CLOUDS:
        secrets_of_clouds = prefect.blocks_or_why(SECRETS)[0]
        blocks = secrets_of_clouds if place is not None else blocks | secrets_of_clouds
    title = gettext("Add a place") if place is None else gettext("List again")
    return show(
        request,
        "add_place.html",
        Page(title, "places", None if place is None else place.id),
        400 if problems else 200,
        place=place,
        given=given,
        key=key,
        problems=() if away else problems,
        blocks=sorted(blocks),
        away=away,
    )


@router.get("/listing/{run_id}")
def show_listing(request: Request, run_id: str) -> Response:
    """Show how far a listing is, as Prefect has it; when it is done, the place."""
    person_of(request, Role.MANAGER)
    flow_run, away = _flow_run(request, run_id)
    state = str(flow_run.get("state_type") or "SCHEDULED")
    told = (flow_run.get("state") or {}).get("message") or ""
    asked = flow_run.get("parameters") or {}
    progress, percent = _progress(request, run_id) if state == "RUNNING" else ("", None)
    return show(
        request,
        "listing.html",
        Page(gettext("Listing"), "places"),
        run_id=run_id,
        name=str(flow_run.get("name", "")),
        state=state_in_words(state),
        message=progress or str(told)[:LONGEST_MESSAGE],
        percent=percent,
        called=_called(asked),
        away=away,
        is_over=state in ENDED and not away,
        is_done=state == "COMPLETED",
        can_stop=not away and may_be_stopped(state),
        place=_listed(request, asked) if state == "COMPLETED" else None,
    )


@router.post("/listing/{run_id}/stop")
def stop(request: Request, run_id: str) -> Response:
    """Ask for a listing to be stopped; what it has read stays read."""
    person_of(request, Role.ADMIN)
    flow_run, away = _flow_run(request, run_id)
    if away:
        raise PrefectAwayError(away)
    context_of(request).prefect.cancel(run_id)
    called = _called(flow_run.get("parameters") or {})
    record(request, Action.STOP, run_id=run_id, place=called or None)
    return RedirectResponse(f"/listing/{run_id}", 303)


def _flow_run(request: Request, run_id: str) -> tuple[Mapping[str, Any], str]:
    """Give a listing as Prefect has it, and why it could not be asked.

    Raises:
        InvalidRequestError: It has none of this id, or that is a run, which has a page of its own.
    """
    if UUID.fullmatch(run_id) is None:
        raise InvalidRequestError((gettext("there is no such listing"),))
    try:
        found = context_of(request).prefect.flow_run(run_id)
    except PrefectAwayError as error:
        return {}, str(error)
    if found is None or (found.get("parameters") or {}).get("preview") is not True:
        raise InvalidRequestError((gettext("there is no such listing"),))
    return found, ""


def _progress(request: Request, run_id: str) -> tuple[str, float | None]:
    """Give how far a listing says that it is, in words and in a hundred."""
    try:
        return context_of(request).prefect.progress(run_id)
    except PrefectAwayError:
        return "", None


def _called(parameters: Mapping[str, Any]) -> str:
    """Give the name of a place as a request has it, never its credentials."""
    where = location_of(parameters)
    return "" if where is None else name_of_place(where)


def _listed(request: Request, parameters: Mapping[str, Any]) -> Place | None:
    """Give the place of a request, where the ledger knows it now."""
    if (asked := location_of(parameters)) is None:
        return None
    for place in list_places(context_of(request).ledger.engine):
        its = place.location
        is_there = its.endpoint == asked.endpoint if asked.endpoint else its.scheme == S3
        if is_there and (its.bucket, its.prefix) == (asked.bucket, asked.prefix):
            return place
    return None
