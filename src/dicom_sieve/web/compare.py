"""Compare: which series come in and go out between two runs, two criteria, or a run and an edit; and by what."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from dicom_sieve.errors import DicomSieveError, LedgerAwayError
from dicom_sieve.ledger.reading.named_criteria import list_newest
from dicom_sieve.ledger.reading.places import Place, list_places
from dicom_sieve.reports.compare_runs import Change, Side
from dicom_sieve.web.address import unpack
from dicom_sieve.web.asked import address_of, read_number
from dicom_sieve.web.compared import EDIT, MOST_KEPT, Result, choices_of, reasons_of, sentences_of_side
from dicom_sieve.web.may_ask import refuse_identifying
from dicom_sieve.web.pages import Page, context_of, person_of, problems_of, show
from dicom_sieve.web.people import Role
from dicom_sieve.web.places import place_of
from dicom_sieve.web.texts import gettext, later
from dicom_sieve.web.view import WINDOW, begin_of_window

router = APIRouter()
SELECTIONS: Mapping[str | None, str] = {
    "WHOLE": later("all pass"),
    "PARTIAL": later("some pass"),
    "NONE": later("none pass"),
    None: later("not there"),
}
WORDS = {Change.IN: later("comes in"), Change.OUT: later("goes out"), Change.CHANGED: later("changes")}


@dataclass(frozen=True, slots=True)
class State:
    """Everything that the address of the page says.

    Attributes:
        place: Id of the location; None: there is none.
        a: One side, as ``run:ID``, ``saved:NAME@VERSION`` or ``edit``; empty: none is chosen.
        b: The other.
        criteria: The edit, as an address has it; may be empty.
        change: Only series that do this; empty: all.
        start: The first series of the window, from 0.
    """

    place: int | None
    a: str = ""
    b: str = ""
    criteria: str = ""
    change: str = ""
    start: int = 0

    def address(self, **changed: Any) -> str:
        """Give the address of this state, or of one that differs."""
        stated: dict[str, Any] = {
            "place": self.place,
            "a": self.a,
            "b": self.b,
            "criteria": self.criteria,
            "change": self.change,
            "start": self.start,
        } | changed
        return address_of("/compare", stated)


def read_state(place: Place | None, asked: Mapping[str, str], choices: list[str]) -> State:
    """Read what an address says; what it leaves open is the edit, and else the newest runs.

    Args:
        place: Where.
        asked: The address.
        choices: What can be chosen, the edit first, where there is one, then the runs of the place.
    """
    criteria = asked.get("criteria", "")
    runs = [choice for choice in choices if choice != EDIT]
    b = asked.get("b", "")[:200] or (EDIT if criteria else next(iter(runs), ""))
    a = asked.get("a", "")[:200] or next((choice for choice in runs if choice != b), "")
    change = asked.get("change", "")
    return State(
        None if place is None else place.id,
        a,
        b,
        criteria,
        change if change in Change.__members__ else "",
        read_number(asked.get("start", ""), 9) or 0,
    )


@router.get("/compare")
def show_compare(request: Request) -> Response:
    """Show the page."""
    person, context = person_of(request), context_of(request)
    place = place_of(request)
    newest = [saved.named for saved in list_newest(context.ledger.engine)]
    choices = choices_of(context.ledger, place, request.query_params.get("criteria", ""), newest)
    state = read_state(place, request.query_params, [value for _, values in choices for value, _ in values])
    result: Result | None = None
    problems: tuple[str, ...] = ()
    if state.a and state.b:
        try:
            refuse_identifying(person, unpack(state.criteria))
            result = context.comparisons.find(context.ledger, state.a, state.b, state.criteria, place)
        except LedgerAwayError:
            raise
        except DicomSieveError as error:
            problems = problems_of(error)
    return show(
        request,
        "compare.html",
        Page(gettext("Compare"), "compare", state.place),
        400 if problems else 200,
        place=place,
        places=list_places(context.ledger.engine),
        state=state,
        choices=choices,
        chosen=[value for _, values in choices for value, _ in values],
        problems=problems,
        result=result,
        window=None if result is None else _window(result, state),
        sides=[]
        if result is None
        else [(side, result.sides[side], sentences_of_side(result.sides[side])) for side in Side],
        may_see=person.may(Role.MANAGER),
        words={change: gettext(said) for change, said in WORDS.items()},
        selections={selection: gettext(said) for selection, said in SELECTIONS.items()},
        most_kept=MOST_KEPT,
    )


def _window(result: Result, state: State) -> dict[str, Any]:
    """Give the series that are shown, and how many there are before and behind them."""
    changes = [each for each in result.changes if state.change in ("", each.change)]
    start = begin_of_window(state.start, len(changes))
    rows = [
        (each, [(each.a, reasons_of(each, Side.A, result.sides)), (each.b, reasons_of(each, Side.B, result.sides))])
        for each in changes[start : start + WINDOW]
    ]
    following = start + WINDOW
    return {
        "rows": rows,
        "first": start + 1 if rows else 0,
        "last": start + len(rows),
        "all": len(changes),
        "before": start - WINDOW if start else None,
        "behind": following if following < len(changes) else None,
    }
