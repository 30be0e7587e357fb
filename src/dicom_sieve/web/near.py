"""The series of criteria that are not saved: those that would pass, or that one criterion alone would discard."""

from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import Response

from dicom_sieve.criteria import compile_criteria
from dicom_sieve.criteria.reading import load_criteria
from dicom_sieve.ledger.reading.places import find_place
from dicom_sieve.reports.listed_series import KEYWORDS, PASSED, Filter, ListedSeries, Tab
from dicom_sieve.web.address import unpack
from dicom_sieve.web.names import parts_of
from dicom_sieve.web.pages import Page, context_of, person_of, show
from dicom_sieve.web.people import Role
from dicom_sieve.web.view import HEADS, WINDOW, read_view

router = APIRouter()
SHOWN = (*KEYWORDS, PASSED)


@router.get("/near")
def show_near(request: Request) -> Response:
    """Show the series that would pass; with ``criterion`` those of which it alone would discard any instance."""
    person_of(request, Role.MANAGER)
    context, asked = context_of(request), request.query_params
    named = asked.get("place", "")
    place = find_place(context.ledger.engine, int(named) if named.isdecimal() and len(named) < 18 else 0)
    packed, number = asked.get("criteria", ""), asked.get("criterion", "")
    criteria = load_criteria(unpack(packed))
    only = int(number) if number.isdecimal() and len(number) < 5 else None
    sentences = [parts_of(item).sentence for item in compile_criteria(criteria)]
    only = only if only is not None and 1 <= only <= len(sentences) else None
    view = read_view("", asked)
    listed = ListedSeries(context.counts(place.location).series_of(criteria, KEYWORDS))
    tab = Tab.PASSED if only is None else Tab.NEAR
    found = Filter(tab, view.filter.find, view.filter.modality, only, view.filter.sort, view.filter.descending)
    places = listed.select(found)
    start = min(view.start, max(0, len(places) - 1)) // WINDOW * WINDOW
    state = {
        "place": place.id,
        "criteria": packed,
        "criterion": only or "",
        **{name: view.state.get(name, "") for name in ("find", "modality", "sort")},
    }

    def address(**changed: Any) -> str:
        stated = {name: value for name, value in (state | changed).items() if value not in {"", 0}}
        return f"/near?{urlencode(stated)}"

    return show(
        request,
        "near.html",
        Page("Series", "build", place.id),
        place=place,
        title="Series that would pass" if only is None else f"Near misses: only criterion {only} discards",
        sentences=sentences,
        only=only,
        packed=packed,
        heads={name: HEADS[name] for name in SHOWN},
        lines=listed.lines(places[start : start + WINDOW]),
        modalities=listed.modalities,
        view=view,
        total=len(places),
        start=start,
        window=WINDOW,
        address=address,
        state=state,
    )
