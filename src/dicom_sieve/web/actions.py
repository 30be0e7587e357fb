"""Who did what: recorded as somebody does it, and shown as history."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from dicom_sieve.criteria.named import NamedCriteria
from dicom_sieve.ledger.database.actions import Action
from dicom_sieve.ledger.reading.page_actions import list_actions
from dicom_sieve.ledger.reading.places import Place
from dicom_sieve.ledger.writing.page_actions import record_action
from dicom_sieve.web.asked import read_number
from dicom_sieve.web.pages import Page, context_of, name_of_place, person_of, show
from dicom_sieve.web.people import Role
from dicom_sieve.web.texts import gettext, later
from dicom_sieve.web.view import WINDOW

router = APIRouter()
WORDS = {
    Action.START: later("started a run"),
    Action.STOP: later("asked a run to stop"),
    Action.SAVE: later("saved criteria"),
    Action.ADD_PLACE: later("added a place"),
    Action.LIST_PLACE: later("listed a place again"),
}


def record(
    request: Request,
    action: Action,
    *,
    run_id: str | None = None,
    criteria: NamedCriteria | None = None,
    place: Place | str | None = None,
) -> None:
    """Record what who asks has just done.

    Args:
        request: Theirs.
        action: What they did.
        run_id: Of the flow run.
        criteria: That were saved.
        place: Where; by its name where the ledger does not know it yet.
    """
    person = person_of(request)
    record_action(
        context_of(request).ledger.engine,
        action,
        person=person.name,
        role=person.role.name,
        run_id=run_id,
        criteria=criteria,
        location_id=place.id if isinstance(place, Place) else None,
        place=name_of_place(place.location) if isinstance(place, Place) else place,
    )


@router.get("/history")
def show_history(request: Request) -> Response:
    """Show who did what, the newest first."""
    person_of(request, Role.MANAGER)
    last = read_number(request.query_params.get("before", ""))
    actions = list_actions(context_of(request).ledger.engine, before=last, limit=WINDOW + 1)
    shown = actions[:WINDOW]
    older = shown[-1].id if len(actions) > WINDOW else None
    words = {action: gettext(said) for action, said in WORDS.items()}
    page = Page(gettext("Who did what"))
    return show(request, "history.html", page, actions=shown, words=words, older=older, last=last)
