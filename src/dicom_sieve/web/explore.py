"""Explore: which attributes lie there, and which values they have."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from dicom_sieve.criteria import Leaf
from dicom_sieve.criteria.measures import Measure
from dicom_sieve.dicom.dictionary import Attribute, find_attribute, format_tag, key_of
from dicom_sieve.ledger.reading.values import AttributesHeld, AttributeUse
from dicom_sieve.reports.count_at_once import CountsAtOnce
from dicom_sieve.reports.report import MIN_CELL
from dicom_sieve.web import edit
from dicom_sieve.web.cards import leaf_of
from dicom_sieve.web.chooser import chooser_of
from dicom_sieve.web.names import OFFERED_MEASURES, measure_name, plain_name
from dicom_sieve.web.pages import Page, context_of, person_of, show
from dicom_sieve.web.people import Role
from dicom_sieve.web.places import place_of
from dicom_sieve.web.texts import gettext, later

router = APIRouter()
OFTEN = tuple(key_of(name) for name in ("Modality", "BodyPartExamined", "StudyDate", "SeriesDescription"))
ASKED_FOR = (
    "SliceThickness",
    "PatientSex",
    "Manufacturer",
    "ManufacturerModelName",
    "ProtocolName",
    "StudyDescription",
    "ImageType",
    "ConvolutionKernel",
    "ContrastBolusAgent",
    "KVP",
    "SpacingBetweenSlices",
    "PixelSpacing",
    "Rows",
    "Columns",
    "PatientPosition",
    "MagneticFieldStrength",
    "RepetitionTime",
    "EchoTime",
    "FlipAngle",
    "ViewPosition",
    "Laterality",
    "InstitutionName",
    "StationName",
    "SOPClassUID",
)
"""What rules of published studies are on most, beside those that are used often."""
FILE_META = "(0002,"
SECONDS_TO_COUNT = 0.3
"""After which attributes are shown without how often they are there; it is counted meanwhile."""
OFTEN_USED, MORE, MEASURED = later("Often used"), later("More attributes"), later("Measured on the series")


@dataclass(frozen=True, slots=True)
class Offered:
    """One attribute, or measure, that can be added.

    Attributes:
        heading: Under which it stands.
        asked: What stands for it in a new card.
        name: Its plain name.
        keyword: The standard's, small below it.
        tag: When one points at it; empty of a measure.
        vr: Of an attribute.
        share: Of the instances, how many in a hundred have a value; None: that is not known.
        distinct: Number of different values.
    """

    heading: str
    asked: str
    name: str
    keyword: str
    tag: str = ""
    vr: str = ""
    share: int | None = None
    distinct: int | None = None


def headings() -> dict[str, str]:
    """Give the headings of what is offered, in the language of who looks."""
    return {heading: gettext(heading) for heading in (OFTEN_USED, MORE, MEASURED)}


def offered(counts: CountsAtOnce) -> list[Offered]:
    """Give what can be added, what is often used first; what no instance has a value of is left out.

    What is measured is told with how often it is there once somebody has looked at its values.
    """
    held = counts.attributes(SECONDS_TO_COUNT)
    listed = _counted(held) if held is not None else _in_order(dict.fromkeys(counts.names()), 0)
    return [each if each.tag else _with_what_is_known(each, counts) for each in listed]


def _with_what_is_known(each: Offered, counts: CountsAtOnce) -> Offered:
    leaf = _measure(each.asked)
    known = None if leaf is None else counts.known_values(leaf)
    if known is None:
        return each
    return replace(each, share=round(100 * known.present / max(known.instances, 1)), distinct=len(known.values))


@lru_cache(64)
def _measure(asked: str) -> Leaf | None:
    return leaf_of(edit.new_card(asked))


@lru_cache(8)
def _counted(held: AttributesHeld) -> tuple[Offered, ...]:
    return _in_order({use.tag: use for use in held.attributes if use.present}, held.instances)


def _in_order(uses: Mapping[str, AttributeUse | None], instances: int) -> tuple[Offered, ...]:
    found = []
    for key, use in uses.items():
        attribute = find_attribute(int(key, 16)) if len(key) == 8 else None
        if not isinstance(attribute, Attribute) or attribute.vr.code == "SQ":
            continue
        share = None if use is None else round(100 * use.present / max(instances, 1))
        found.append(
            Offered(
                OFTEN_USED if key in OFTEN else MORE,
                attribute.keyword or key,
                plain_name(attribute),
                attribute.keyword,
                format_tag(attribute.tag),
                attribute.vr.code,
                share,
                None if use is None else use.distinct,
            )
        )
    often = sorted((each for each in found if each.heading == OFTEN_USED), key=lambda each: _place(each.keyword))
    more = sorted((each for each in found if each.heading == MORE), key=_rank)
    age, *measures = (
        Offered(MEASURED, measure.value, measure_name(measure), f"measured: {measure}") for measure in OFFERED_MEASURES
    )
    often.append(Offered(OFTEN_USED, Measure.AGE.value, age.name, age.keyword))
    return (*often, *more, *measures)


def _rank(each: Offered) -> tuple[int, str]:
    """Put what is asked for in many studies first, what says how a file is written last; all others by their names."""
    if each.keyword in ASKED_FOR:
        return ASKED_FOR.index(each.keyword), each.name
    return len(ASKED_FOR) + (each.vr == "UI" or each.tag.startswith(FILE_META)), each.name


def _place(keyword: str) -> int:
    return OFTEN.index(key_of(keyword))


@router.get("/explore")
def show_explore(request: Request) -> Response:
    """Show the attributes of a place, and the values of one of them."""
    person = person_of(request)
    place = place_of(request)
    counts = None if place is None or place.listed_at is None else context_of(request).counts(place.location)
    asked = request.query_params.get("attribute", "")
    search = request.query_params.get("search", "")[:64]
    shown: dict[str, Any] = {"card": None, "chooser": None}
    if counts is not None and asked:
        shown = _values(counts, asked, search, 1 if person.may(Role.MANAGER) else MIN_CELL)
    listed = [] if counts is None else offered(counts)
    return show(
        request,
        "explore.html",
        Page(gettext("Explore"), "explore", None if place is None else place.id),
        place=place,
        offered=listed,
        headings=headings(),
        asked=asked,
        search=search,
        one=next((each for each in listed if each.asked == asked), None),
        **shown,
    )


def _values(counts: CountsAtOnce, asked: str, search: str, min_cell: int) -> dict[str, Any]:
    card = edit.new_card(asked)
    leaf = leaf_of(card)
    if leaf is None:
        return {"card": None, "chooser": None}
    chooser = chooser_of({**card, "reference": ""}, leaf, None, counts, search=search, min_cell=min_cell)
    return {"card": card, "chooser": chooser}
