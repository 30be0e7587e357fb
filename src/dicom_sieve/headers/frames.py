"""The functional groups of many frames, summed up: for each attribute what values its frames have."""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import TypeAlias

from pydicom.datadict import dictionary_VR

from dicom_sieve.dicom.marks import NOT_KEPT

Value: TypeAlias = Sequence["str | Item"]
"""Texts, or the items of a sequence."""
Item: TypeAlias = Mapping[str, Value]

MOST_VALUES = 16
"""Distinct ones of an attribute; where there are more, their extremes stand for all."""
_NUMBERS = frozenset({"DS", "IS", "US", "SS", "UL", "SL", "UV", "SV", "FL", "FD", "US or SS"})
_ORDERED = _NUMBERS | {"AS", "DA", "DT", "TM"}
_DAYS = {"D": Decimal(1), "W": Decimal(7), "M": Decimal("30.436875"), "Y": Decimal("365.2425")}
"""As in ADR 2."""
_AGE = re.compile("([0-9]{1,4})([DWMY])")
_MOMENT = re.compile("[0-9]+(?:[.][0-9]+)?")
"""A date or a time without an offset: such ones have the order of their digits."""


def sum_up(frames: Sequence[Item]) -> list[Item]:
    """Give one item for all frames: on each path the distinct values, in the order in which they come first.

    Each text is the whole value of one frame; several values, and those of several items, are joined by backslashes.
    """
    return [_summary(frames)] if frames else []


def _summary(items: Sequence[Item]) -> Item:
    return {key: _sum_of(key, [item[key] for item in items if key in item]) for key in _keys(items)}


def _keys(items: Sequence[Item]) -> list[str]:
    return list(dict.fromkeys(key for item in items for key in item))


def _sum_of(key: str, values: Sequence[Value]) -> Value:
    """Sum up what frames have under one key."""
    nested = [[part for part in value if not isinstance(part, str)] for value in values]
    if any(nested):
        if any(isinstance(part, str) for value in values for part in value):
            return [NOT_KEPT]
        return [_summary([_joined(items) for items in nested if items])]
    if _vr(key) == "SQ" and not any(values):
        return []
    return _sum_of_texts(key, ["\\".join(part for part in value if isinstance(part, str)) for value in values])


def _sum_of_texts(key: str, texts: Sequence[str]) -> list[str]:
    distinct = list(dict.fromkeys(texts))
    known = [text for text in distinct if NOT_KEPT not in text]
    if len(known) < len(distinct):
        # Of what has an order two values and the mark are the extremes of all.
        return [NOT_KEPT] if _vr(key) in _ORDERED else [*known[:MOST_VALUES], NOT_KEPT]
    if len(known) > MOST_VALUES:
        return [*(_extremes(key, known) or known[:MOST_VALUES]), NOT_KEPT]
    return known


def _joined(items: Sequence[Item]) -> Item:
    """Make one item of the several that one frame has in a sequence."""
    if len(items) == 1:
        return items[0]
    joined: dict[str, Value] = {}
    for key in _keys(items):
        joined[key] = [part for item in items for part in item.get(key, [])]
    return joined


def _extremes(key: str, texts: Sequence[str]) -> list[str] | None:
    """Give the lowest and the highest; None where they have no order."""
    places = {text: place for text in texts if text and (place := _place(_vr(key), text)) is not None}
    if not places or len(places) < sum(map(bool, texts)):
        return None
    return [min(places, key=places.__getitem__), max(places, key=places.__getitem__)]


def _place(vr: str, text: str) -> tuple[Decimal, str] | None:
    """Tell where a value stands in the order of its VR: by number, or else by the digits of a date or time."""
    number: Decimal | None = None
    if vr in _NUMBERS:
        number = _decimal(text)
    elif vr == "AS":
        age = _AGE.fullmatch(text.strip().upper())
        number = Decimal(age[1]) * _DAYS[age[2]] if age else None
    elif vr in _ORDERED:
        return (Decimal(0), text.strip()) if _MOMENT.fullmatch(text.strip()) else None
    return None if number is None else (number, "")


def _decimal(text: str) -> Decimal | None:
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


@lru_cache(maxsize=4096)
def _vr(key: str) -> str:
    """Give the VR of a standard attribute; that of a private one is not known here."""
    try:
        return dictionary_VR(int(key, 16)) if " " not in key else ""
    except KeyError:
        return ""
