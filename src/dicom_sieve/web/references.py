"""References as people type and read them: ``18 years`` for ``018Y``, ``3`` where the attribute is in mm."""

import re

from dicom_sieve.criteria.measured import unit_of
from dicom_sieve.criteria.measures import KINDS, Measure
from dicom_sieve.dicom.dictionary import Attribute
from dicom_sieve.dicom.vr.age import AS
from dicom_sieve.dicom.vr.value_type import ValueType

_AGE = re.compile(r"0*([0-9]{1,3})\s*([A-Za-z]*)")
_UNITS = {"Y": "year", "M": "month", "W": "week", "D": "day"}
_BARE = re.compile(r"[+-]?[0-9]+\.?[0-9]*|[+-]?\.[0-9]+")


def unit_name(attribute: Attribute | Measure) -> str:
    """Give the unit of an attribute or a measure; empty: it has none that is known."""
    if isinstance(attribute, Measure):
        return KINDS[attribute].unit
    unit = unit_of(attribute)
    return "" if unit is None else unit.name


def read_typed(vr: ValueType, text: str, unit: str = "") -> str:
    """Give a reference for what somebody typed: an age without a unit is in years, a bare number in the known unit.

    Examples:
        >>> read_typed(AS, "18"), read_typed(AS, "6 months"), read_typed(AS, "018Y")
        ('018Y', '006M', '018Y')
    """
    text = text.strip()
    if vr == AS and (found := _AGE.fullmatch(text)):
        letter = (found[2] or "Y")[0].upper()
        return f"{int(found[1]):03}{letter}" if letter in _UNITS else text
    return f"{text} {unit}" if unit and vr.is_number and _BARE.fullmatch(text) else text


def in_words(vr: ValueType, text: str) -> str:
    """Give a reference as one says it.

    Examples:
        >>> in_words(AS, "018Y"), in_words(AS, "001M")
        ('18 years', '1 month')
    """
    found = _AGE.fullmatch(text) if vr == AS else None
    if found is None or found[2] not in _UNITS:
        return text
    number, name = int(found[1]), _UNITS[found[2]]
    return f"{number} {name}" if number == 1 else f"{number} {name}s"


def as_typed(vr: ValueType, text: str, unit: str) -> str:
    """Give a reference as it stands in a field, beside which the unit is written."""
    return in_words(vr, text) if vr == AS else text.removesuffix(f" {unit}") if unit else text
