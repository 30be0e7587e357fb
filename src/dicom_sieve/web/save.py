"""Saving criteria as the next version of a name. A version that was saved elsewhere meanwhile is shown first."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from dicom_sieve.criteria.named import NamedCriteria, check_name
from dicom_sieve.criteria.reading import load_criteria
from dicom_sieve.errors import InvalidRequestError, SavedElsewhereError, UnknownCriteriaError
from dicom_sieve.ledger.database.actions import Action
from dicom_sieve.ledger.reading.named_criteria import find_criteria
from dicom_sieve.ledger.writing.named_criteria import LONGEST_NOTE, save_criteria
from dicom_sieve.publishing.anchor import open_anchor, push_or_say
from dicom_sieve.web import criteria
from dicom_sieve.web.actions import record
from dicom_sieve.web.address import unpack
from dicom_sieve.web.asked import address_of, first_of, read_number
from dicom_sieve.web.pages import Page, context_of, form_of, person_of, show
from dicom_sieve.web.people import Role
from dicom_sieve.web.sentences import Line, lines_of, sentences_of
from dicom_sieve.web.texts import gettext

router = APIRouter()
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Draft:
    """What is to be saved.

    Attributes:
        packed: The criteria, as an address has them.
        name: Under which; may be empty.
        version: That they were made of; empty: of none.
        note: Why.
        place: Id of the place that one came from, as text; may be empty.
    """

    packed: str = ""
    name: str = ""
    version: str = ""
    note: str = ""
    place: str = ""

    @property
    def after(self) -> int:
        """The number of the version that they were made of; 0: of none."""
        return read_number(self.version, 9) or 0

    @property
    def back(self) -> str:
        """The address of Build with them."""
        stated = {"place": self.place, "criteria": self.packed, "name": self.name, "version": self.version}
        return address_of("/build", stated)


@router.get("/criteria/save")
def ask(request: Request) -> Response:
    """Ask under which name criteria are to be saved."""
    asked = request.query_params
    if "criteria" not in asked:  # criteria may be called 'save', too
        return criteria.show_one(request, "save")
    person_of(request, Role.MANAGER)
    given = (asked.get("criteria", ""), asked.get("name", ""), asked.get("version", ""))
    return _ask(request, Draft(*given, place=_number(asked.get("place", ""))))


@router.post("/criteria/save")
def save(request: Request) -> Response:
    """Save them, and go to their page; where a newer version was saved meanwhile, say so and save nothing."""
    person_of(request, Role.MANAGER)
    form = form_of(request)
    packed, name, version, note, place = (
        first_of(form, member).strip() for member in ("criteria", "name", "version", "note", "place")
    )
    draft = Draft(packed, name, version, note, _number(place))
    context = context_of(request)
    try:
        anchored = open_anchor(context.settings)  # a wrong setting fails before anything is saved
        asked = load_criteria(unpack(packed))
        saved, is_new = save_criteria(context.ledger.engine, name, asked, note, after=draft.after)
    except SavedElsewhereError as error:
        return _ask(request, replace(draft, version=str(error.args[1])), newest=error.args[1])
    except InvalidRequestError as error:
        return _ask(request, draft, problems=error.problems)
    if is_new:
        record(request, Action.SAVE, criteria=saved.named)
        push_or_say(context.ledger, anchored, _LOG.warning)
    stated = {"place": draft.place} | ({} if is_new else {"same": str(saved.version)})
    return RedirectResponse(address_of(f"/criteria/{quote(saved.name, safe='')}", stated), 303)


def _ask(request: Request, draft: Draft, *, newest: int | None = None, problems: Sequence[str] = ()) -> Response:
    """Show the form.

    Args:
        request: Theirs.
        draft: What is to be saved.
        newest: The version that was saved elsewhere meanwhile; None: none was.
        problems: Why it was not saved.
    """
    sentences: list[str] = []
    try:
        sentences = sentences_of(unpack(draft.packed))
    except InvalidRequestError as error:
        problems = problems or error.problems
    return show(
        request,
        "save.html",
        Page(gettext("Save criteria"), "criteria"),
        409 if newest else 400 if problems and request.method == "POST" else 200,
        draft=draft,
        sentences=sentences,
        newest=newest,
        difference=_difference(request, draft, newest),
        problems=problems,
        longest_note=LONGEST_NOTE,
    )


def _difference(request: Request, draft: Draft, newest: int | None) -> list[Line]:
    """Say what saving would change in the newest version."""
    if newest is None:
        return []
    try:
        named = NamedCriteria(check_name(draft.name, "name"), newest)
        before = find_criteria(context_of(request).ledger.engine, named).items()
        return lines_of(before, load_criteria(unpack(draft.packed)))
    except (InvalidRequestError, UnknownCriteriaError):
        return []


def _number(text: str) -> str:
    return "" if read_number(text) is None else text
