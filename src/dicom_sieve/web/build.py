"""Build: criteria as cards, with what would come of them at each change."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from dicom_sieve.criteria import CompiledCriterion, CompiledMeasure
from dicom_sieve.criteria.choose import CHOOSE, UNIT
from dicom_sieve.errors import InvalidRequestError, LedgerError
from dicom_sieve.ledger.reading.places import Place
from dicom_sieve.reports.count_at_once import CountsAtOnce
from dicom_sieve.reports.report import MIN_CELL
from dicom_sieve.web import edit
from dicom_sieve.web.address import Given, pack, unpack
from dicom_sieve.web.asked import Form, address_of, first_of
from dicom_sieve.web.cards import Built, Card, build, divide_steps, leaf_of
from dicom_sieve.web.chooser import Chooser, chooser_of
from dicom_sieve.web.explore import Offered, headings, offered
from dicom_sieve.web.given import Path, read_path, write_path
from dicom_sieve.web.may_ask import refuse_identifying
from dicom_sieve.web.pages import A_YEAR, Page, context_of, form_of, person_of, remember, show
from dicom_sieve.web.people import Person, Role
from dicom_sieve.web.places import LAST_PLACE, place_of
from dicom_sieve.web.texts import gettext, later

router = APIRouter()
PREFERENCES: Mapping[str, tuple[str, Given]] = {
    "thin": (later("the thinnest slices"), {"lowest": ["0018", "0050"]}),
    "many": (later("the most slices"), {"highest": "SLICES"}),
    "late": (later("the latest study"), {"highest": ["0008", "0020"]}),
}
FIRST_PREFERENCE = "thin"
PER = {
    "": later("every series"),
    "STUDY": later("one series per study"),
    "PATIENT": later("one series per patient"),
}
TABS = ("counts", "json")
UNITS = ("instances", "series")


@dataclass(frozen=True, slots=True)
class State:
    """Everything that the address of the page says.

    Attributes:
        place: Id of the location; None: there is none.
        given: Criteria and steps, as JSON has them.
        open: The path of the open card; None: none is.
        tab: On the right.
        search: Among the values of the open card.
        name: Under which the criteria were saved; may be empty.
        version: Of these.
        counted: What is counted: ``instances`` or ``series``.
        packed: The criteria, as an address has them.
    """

    place: int | None
    given: tuple[Given, ...]
    open: Path | None = None
    tab: str = TABS[0]
    search: str = ""
    name: str = ""
    version: str = ""
    counted: str = UNITS[0]
    packed: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "packed", pack(self.given) if self.given else "")

    def address(self, **changed: Any) -> str:
        """Give the address of this state, or of one that differs."""
        stated: dict[str, Any] = {
            "place": "" if self.place is None else self.place,
            "criteria": self.packed,
            "open": "" if self.open is None else write_path(self.open),
            "tab": "" if self.tab == TABS[0] else self.tab,
            "search": self.search,
            "name": self.name,
            "version": self.version,
            "counted": "" if self.counted == UNITS[0] else self.counted,
        } | changed
        return address_of("/build", stated)


def read_state(place: Place | None, asked: Mapping[str, str]) -> State:
    """Read what an address says.

    Raises:
        InvalidRequestError: It is not whole.
    """
    tab = asked.get("tab", TABS[0])
    return State(
        None if place is None else place.id,
        tuple(unpack(asked.get("criteria", ""))),
        read_path(asked["open"]) if asked.get("open") else None,
        tab if tab in TABS else TABS[0],
        asked.get("search", "")[:64],
        asked.get("name", "")[:64],
        asked.get("version", "")[:8],
        UNITS[asked.get("counted") == UNITS[1]],
    )


@router.get("/build")
def show_build(request: Request) -> Response:
    """Show the page."""
    place = place_of(request)
    return _show(request, place, read_state(place, request.query_params))


@router.post("/build")
def change(request: Request) -> Response:
    """Apply one change, and go to the address of what it leaves; where it cannot be done, say so and leave all."""
    form = form_of(request)
    place = place_of(request)
    state = read_state(place, {name: values[0] for name, values in form.items()} | {"open": first_of(form, "open")})
    action, _, argument = first_of(form, "do").partition(":")
    sent = {**form, "card": [argument]} if argument else form
    try:
        given, opened = _changed(state, action, sent)
        address = replace(state, given=tuple(given), open=opened, search="").address()
    except InvalidRequestError as error:
        return _show(request, place, state, problems=error.problems, text=first_of(form, "json"), status=400)
    return RedirectResponse(address, 303)


def _changed(state: State, action: str, form: Form) -> tuple[list[Given], Path | None]:
    cards, steps = divide_steps(state.given)
    if action == "choose":
        return [*cards, *_steps(form, steps)], state.open
    done = edit.change(cards, action, form)
    if action in {"json", "new"}:
        return done.cards, None
    return [*done.cards, *steps], done.open


def _steps(form: Form, before: Sequence[Given]) -> list[Given]:
    """Read what becomes of what passes."""
    per, prefer, unit = (first_of(form, name) for name in ("per", "prefer", "unit"))
    steps: list[Given] = [{UNIT: "SERIES"}] if unit == "SERIES" else []
    kept = [each for each in before if CHOOSE in each]
    if per in PER and per:
        preferences = [PREFERENCES[prefer if prefer in PREFERENCES else FIRST_PREFERENCE][1]]
        if prefer == "as it is" and kept:
            preferences = kept[0][CHOOSE].get("prefer", [])
        steps.append({CHOOSE: {"one": "SERIES", "per": per, "prefer": preferences}})
    return steps


def _show(
    request: Request,
    place: Place | None,
    state: State,
    *,
    problems: tuple[str, ...] = (),
    text: str = "",
    status: int = 200,
) -> Response:
    person = person_of(request)
    known, away = _counts(request, place)
    counts = known
    try:
        refuse_identifying(person, list(state.given))
    except InvalidRequestError as error:
        counts, away = None, " ".join(error.problems)
    built = build(state.given, counts, by_series=state.counted == UNITS[1])
    opened = built.find(state.open)
    chooser = None
    if opened is not None and opened.kind is None and counts is not None:
        chooser, problem = _chooser(opened, counts, state.search, person)
        problems = (*problems, problem) if problem else problems
    answer = show(
        request,
        "build.html",
        Page(gettext("Build"), "build", state.place),
        status,
        place=place,
        state=state,
        built=built,
        opened=opened,
        chooser=chooser,
        offered=_offered(known),
        headings=headings(),
        counts_away=away,
        problems=problems,
        json_text=text or json.dumps(list(state.given), indent=2, ensure_ascii=False),
        packed=state.packed,
        chosen=_chosen(built),
        preferences={name: gettext(words) for name, (words, _) in PREFERENCES.items()},
        per={name: gettext(words) for name, words in PER.items()},
        may_start=person.may(Role.MANAGER) and built.is_whole and place is not None,
        total=place.objects if place is not None else 0,
    )
    if place is not None:
        remember(request, answer, LAST_PLACE, str(place.id), seconds=A_YEAR)
    return answer


def _counts(request: Request, place: Place | None) -> tuple[CountsAtOnce | None, str]:
    if place is None:
        return None, ""
    try:
        return context_of(request).counts(place.location), ""
    except LedgerError as error:
        return None, str(error)


def _offered(counts: CountsAtOnce | None) -> list[Offered]:
    return [] if counts is None else offered(counts)


def _chooser(card: Card, counts: CountsAtOnce, search: str, person: Person) -> tuple[Chooser | None, str]:
    leaf = leaf_of(card.given)
    if leaf is None:
        return None, ""
    compiled = card.item if isinstance(card.item, CompiledCriterion | CompiledMeasure) else None
    min_cell = 1 if person.may(Role.MANAGER) else MIN_CELL
    try:
        return chooser_of(card.given, leaf, compiled, counts, search=search, min_cell=min_cell), ""
    except (LedgerError, InvalidRequestError) as error:
        return None, str(error)


def _chosen(built: Built) -> dict[str, str]:
    """Tell what the last line says: which is kept, and by what it is preferred."""
    unit = "SERIES" if any(UNIT in step for step in built.steps) else "INSTANCE"
    choose = next((step[CHOOSE] for step in built.steps if CHOOSE in step), None)
    if not isinstance(choose, dict):
        return {"unit": unit, "per": "", "prefer": FIRST_PREFERENCE}
    prefer = choose.get("prefer", [])
    known = next((name for name, (_, given) in PREFERENCES.items() if prefer == [given]), "as it is")
    return {"unit": unit, "per": str(choose.get("per", "")), "prefer": known}
