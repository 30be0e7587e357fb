"""Starting a run over Prefect's REST API, by the contract, as any consumer does."""

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from dicom_sieve.criteria.criterion import criteria_digest
from dicom_sieve.criteria.named import LONGEST_NAME, NamedCriteria, read_named
from dicom_sieve.criteria.reading import load_criteria
from dicom_sieve.errors import InvalidRequestError, UnknownCriteriaError
from dicom_sieve.ledger import Ledger
from dicom_sieve.ledger.database.actions import Action
from dicom_sieve.ledger.reading.page_actions import starters_of
from dicom_sieve.ledger.reading.places import Place, find_place
from dicom_sieve.objects import S3
from dicom_sieve.stores.open import CLOUDS
from dicom_sieve.web.actions import record
from dicom_sieve.web.address import Given, unpack
from dicom_sieve.web.asked import first_of
from dicom_sieve.web.cards import divide_steps
from dicom_sieve.web.given import is_whole
from dicom_sieve.web.pages import Page, context_of, form_of, person_of, problems_of, show
from dicom_sieve.web.people import Role
from dicom_sieve.web.places import input_of, read_id, where_of
from dicom_sieve.web.prefect_api import CREDENTIALS, SECRETS, PrefectAwayError, credentials_of
from dicom_sieve.web.texts import gettext

router = APIRouter()
LONGEST_SAVED = LONGEST_NAME + 10
_KEYS = ("saved", "name", "region", "credentials", "output_bucket", "output_prefix", "output_credentials", "key")


def parameters_of(
    place: Place,
    items: list[Given],
    given: dict[str, str],
    blocks: dict[str, str],
    named: NamedCriteria | None = None,
) -> dict[str, Any]:
    """Give the parameters of a run, as the contract has them (docs/requests.md).

    Args:
        place: Where.
        items: Criteria, and behind them ``unit`` and ``choose``.
        given: What the form said.
        blocks: Ids of blocks with credentials, by name.
        named: What these items were saved as; the run then says so. None: they were not, or were changed since.

    Raises:
        InvalidRequestError: There is no such block, or the place is no bucket.
    """
    is_cloud = place.location.scheme in CLOUDS
    if place.location.scheme != S3 and not is_cloud:
        raise InvalidRequestError((gettext("a directory is screened on the machine that has it: dicom-sieve screen"),))
    criteria, behind = divide_steps(items)
    steps = {name: value for step in behind for name, value in step.items()}
    if not criteria or not all(map(is_whole, criteria)):
        raise InvalidRequestError((gettext("criteria: one has no value yet, or there is none"),))
    if is_cloud and given.get("output_bucket", "").strip():
        raise InvalidRequestError((gettext("what lies in another cloud is published by: dicom-sieve screen --output"),))
    credentials = credentials_of(given.get("credentials", ""), blocks)
    return {
        **input_of(where_of(place), given.get("region", ""), credentials),
        **({"criteria": criteria, **steps} if named is None else {"criteria": _by_name(named)}),
        **_output(place, given, blocks),
    }


def _kind_of(place: Place) -> str:
    """Give the kind of blocks that may have its credentials."""
    return SECRETS if place.location.scheme in CLOUDS else CREDENTIALS


def _by_name(named: NamedCriteria) -> dict[str, Any]:
    return {"name": named.name, "version": named.version}


def saved_as(ledger: Ledger, text: str, items: list[Given]) -> NamedCriteria | None:
    """Tell which version criteria are; None: they were not saved, or ask something else since.

    Args:
        ledger: Which holds them.
        text: ``NAME@VERSION``, as Build has it.
        items: Criteria, and behind them ``unit`` and ``choose``.
    """
    try:
        named = read_named(text, "criteria")
        saved = ledger.criteria(named.name, named.version)
        asks_the_same = criteria_digest(load_criteria(items)) == saved.criteria_digest
    except (InvalidRequestError, UnknownCriteriaError):
        return None
    return saved.named if asks_the_same else None


def _output(place: Place, given: dict[str, str], blocks: dict[str, str]) -> dict[str, Any]:
    bucket = given.get("output_bucket", "").strip()
    if not bucket:
        return {}
    output = {
        "endpoint": place.location.endpoint,
        "bucket": bucket,
        "prefix": given.get("output_prefix", "").strip(),
        "region": given.get("region") or "us-east-1",
        **credentials_of(given.get("output_credentials", ""), blocks),
    }
    return {"output_s3_parameters": output}


@router.get("/start")
def ask(request: Request) -> Response:
    """Ask how a run is to be called, and where it publishes."""
    person_of(request, Role.MANAGER)
    asked = request.query_params
    place = find_place(context_of(request).ledger.engine, read_id(asked.get("place", "")))
    saved, key = asked.get("saved", "")[:LONGEST_SAVED], secrets.token_urlsafe(16)
    given = dict.fromkeys(_KEYS, "") | {"saved": saved, "key": key}
    return _ask(request, place, asked.get("criteria", ""), given)


@router.post("/start")
def begin(request: Request) -> Response:
    """Start it, and go to its page."""
    person_of(request, Role.MANAGER)
    context, form = context_of(request), form_of(request)
    given = {name: first_of(form, name) for name in _KEYS}
    place = find_place(context.ledger.engine, read_id(first_of(form, "place")))
    packed = first_of(form, "criteria")
    items = unpack(packed)
    try:
        named = saved_as(context.ledger, given["saved"], items)
        blocks = context.prefect.blocks(_kind_of(place))
        parameters = parameters_of(place, items, given, blocks, named)
        run_id = context.prefect.start(parameters, name=given["name"].strip(), key=given["key"])
    except (PrefectAwayError, InvalidRequestError) as error:
        return _ask(request, place, packed, given, problems_of(error))
    if not starters_of(context.ledger.engine, [run_id]):  # a form that is sent twice starts one run
        record(request, Action.START, run_id=run_id, place=place)
    return RedirectResponse(f"/runs/{run_id}", 303)


def _ask(
    request: Request, place: Place, packed: str, given: Mapping[str, str], problems: Sequence[str] = ()
) -> Response:
    """Show the form."""
    blocks, away = context_of(request).prefect.blocks_or_why(_kind_of(place))
    return show(
        request,
        "start.html",
        Page(gettext("Start a run"), "build", place.id),
        400 if problems else 200,
        place=place,
        packed=packed,
        count=len(unpack(packed)),
        blocks=sorted(blocks),
        away=away,
        problems=problems,
        given=given,
    )
