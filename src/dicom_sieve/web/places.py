"""Places: the locations of the ledger."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from dicom_sieve.ledger.reading.places import Place, find_place, list_places
from dicom_sieve.web.asked import read_number
from dicom_sieve.web.pages import Page, context_of, show
from dicom_sieve.web.texts import gettext

router = APIRouter()
LAST_PLACE = "place"
"""The cookie that remembers the place used last."""


def first_address(request: Request) -> str:
    """Give where one begins: on Build, with the place used last; on Places, where there was none."""
    last = request.cookies.get(LAST_PLACE, "")
    return f"/build?place={last}" if last.isdecimal() else "/places"


def place_of(request: Request) -> Place | None:
    """Give the place that an address names, or the one used last; None: neither is known.

    Raises:
        UnknownPlaceError: The address names one that is not there.
    """
    engine = context_of(request).ledger.engine
    named = request.query_params.get("place", "")
    if named:
        return find_place(engine, read_id(named))
    last = request.cookies.get(LAST_PLACE, "")
    known = list_places(engine)
    return next((place for place in known if str(place.id) == last), known[0] if known else None)


def where_of(place: Place) -> dict[str, str]:
    """Give where a place is, as a request has it."""
    where = place.location
    return {"endpoint": where.endpoint, "bucket": where.bucket, "prefix": where.prefix}


def read_id(text: str) -> int:
    """Read the id of a place as an address has it; 0, which is none, where it is no number."""
    return read_number(text) or 0


@router.get("/places")
def show_places(request: Request) -> Response:
    """Show all of them."""
    return show(
        request, "places.html", Page(gettext("Places"), "places"), places=list_places(context_of(request).ledger.engine)
    )
