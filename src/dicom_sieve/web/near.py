"""The series of criteria that are not saved: those that would pass, or that one criterion alone would discard."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from dicom_sieve.criteria import compile_criteria
from dicom_sieve.criteria.reading import load_criteria
from dicom_sieve.ledger.reading.places import find_place
from dicom_sieve.reports.listed_series import KEYWORDS, PASSED, Filter, ListedSeries, Tab
from dicom_sieve.web.address import unpack
from dicom_sieve.web.asked import address_of, read_number
from dicom_sieve.web.names import parts_of
from dicom_sieve.web.pages import Page, context_of, person_of, show
from dicom_sieve.web.people import Role
from dicom_sieve.web.places import read_id
from dicom_sieve.web.texts import gettext
from dicom_sieve.web.view import HEADS, WINDOW, begin_of_window, read_view

router = APIRouter()
SHOWN = (*KEYWORDS, PASSED)


@router.get("/near")
def show_near(request: Request) -> Response:
    """Show the series that would pass; with ``criterion`` those of which it alone would discard any instance."""
    person_of(request, Role.MANAGER)
    context, asked = context_of(request), request.query_params
    place = find_place(context.ledger.engine, read_id(asked.get("place", "")))
    packed = asked.get("criteria", "")
    criteria = load_criteria(unpack(packed))
    only = read_number(asked.get("criterion", ""), 4)
    sentences = [parts_of(item).sentence for item in compile_criteria(criteria)]
    only = only if only is not None and 1 <= only <= len(sentences) else None
    view = read_view("", asked)
    listed = ListedSeries(context.counts(place.location).series_of(criteria, KEYWORDS))
    tab = Tab.PASSED if only is None else Tab.NEAR
    found = Filter(tab, view.filter.find, view.filter.modality, only, view.filter.sort, view.filter.descending)
    places = listed.select(found)
    start = begin_of_window(view.start, len(places))
    state = {
        "place": place.id,
        "criteria": packed,
        "criterion": only or "",
        **{name: view.state.get(name, "") for name in ("find", "modality", "sort")},
    }

    def address(**changed: Any) -> str:
        return address_of("/near", state | changed)

    return show(
        request,
        "near.html",
        Page(gettext("Series"), "build", place.id),
        place=place,
        title=_title(only),
        sentences=sentences,
        only=only,
        packed=packed,
        heads={name: gettext(HEADS[name]) for name in SHOWN},
        lines=listed.lines(places[start : start + WINDOW]),
        modalities=listed.modalities,
        view=view,
        total=len(places),
        start=start,
        window=WINDOW,
        address=address,
        state=state,
    )


def _title(only: int | None) -> str:
    if only is None:
        return gettext("Series that would pass")
    return gettext("Near misses: only criterion %(number)s discards", number=only)
