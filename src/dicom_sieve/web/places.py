"""Places: the locations of the ledger."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from dicom_sieve.ledger.reading.places import Place, find_place, list_places
from dicom_sieve.objects import Location, split_uri
from dicom_sieve.stores.open import CLOUDS
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
    """Give where a place is, as the form has it: of another cloud than AWS its address in place of a bucket."""
    where = place.location
    if where.scheme in CLOUDS:
        server = where.endpoint.partition(":")[2]
        return {"endpoint": server, "bucket": where.uri(where.prefix), "prefix": ""}
    return {"endpoint": where.endpoint, "bucket": where.bucket, "prefix": where.prefix}


def is_address(bucket: str) -> bool:
    """Tell whether what stands for a bucket is an address in another cloud than AWS."""
    parts = split_uri(bucket)
    return parts is not None and parts[0] in CLOUDS


def input_of(where: Mapping[str, str], region: str, more: Mapping[str, Any]) -> dict[str, Any]:
    """Give the parameter of a request that says where objects lie.

    Args:
        where: As `where_of` has it.
        region: Of S3; may be empty.
        more: Further members, as credentials.
    """
    endpoint = {"endpoint": where["endpoint"]} if where["endpoint"] else {}
    if is_address(where["bucket"]):
        prefix = f"/{where['prefix']}" if where["prefix"] else ""
        address = where["bucket"].rstrip("/") if prefix else where["bucket"]
        return {"input": {"uri": f"{address}{prefix}", **endpoint, **more}}
    place = {"bucket": where["bucket"], "prefix": where["prefix"], "region": region or "us-east-1"}
    return {"input_s3_parameters": {**place, **endpoint, **more}}


def location_of(parameters: Mapping[str, Any]) -> Location | None:
    """Give where a request says that objects lie; of AWS without an endpoint; None where it does not say."""
    if (given := parameters.get("input")) is not None:
        parts = split_uri(str(given.get("uri") or "")) if isinstance(given, Mapping) else None
        endpoint = str(given.get("endpoint") or "").rstrip("/") if parts else ""
        return None if parts is None else Location(f"{parts[0]}:{endpoint}", parts[1], parts[2])
    where = parameters.get("input_s3_parameters") or {}
    endpoint, bucket, prefix = (str(where.get(name) or "") for name in ("endpoint", "bucket", "prefix"))
    return Location(endpoint.rstrip("/"), bucket, prefix)


def read_id(text: str) -> int:
    """Read the id of a place as an address has it; 0, which is none, where it is no number."""
    return read_number(text) or 0


@router.get("/places")
def show_places(request: Request) -> Response:
    """Show all of them."""
    return show(
        request, "places.html", Page(gettext("Places"), "places"), places=list_places(context_of(request).ledger.engine)
    )
