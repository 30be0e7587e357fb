"""What a measure finds on a value that was measured; and the age of a patient. Pure functions of texts."""

import datetime
import math
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from dicom_sieve.criteria.finding import NEGATED, Finding
from dicom_sieve.criteria.items import CompiledMeasure
from dicom_sieve.criteria.judge import find
from dicom_sieve.criteria.rule import CompiledCriterion
from dicom_sieve.dicom.dictionary import key_of
from dicom_sieve.dicom.marks import NOT_KEPT
from dicom_sieve.dicom.vr import DA, Operation
from dicom_sieve.dicom.vr.age import SECONDS_OF_UNIT
from dicom_sieve.dicom.vr.value_type import trim

UNKNOWN = (NOT_KEPT,)
"""The values of a measure that cannot be told."""
_AGE, _BIRTH, *_DAYS = (
    key_of(name) for name in ("PatientAge", "PatientBirthDate", "StudyDate", "SeriesDate", "AcquisitionDate")
)
_WAYS = dict(zip(_DAYS, ("Study Date", "Series Date", "Acquisition Date"), strict=True))


def find_measured(compared: CompiledCriterion, texts: Sequence[str] | None) -> Finding:
    """Compare what was measured.

    Args:
        compared: With what.
        texts: One value; two between which a whole number lies, both included; `UNKNOWN`; None: there is nothing that
            could be measured.
    """
    if texts is not None and tuple(texts) == UNKNOWN:
        return Finding.UNDECIDED
    if texts is None or len(texts) == 1:
        return find(compared, texts)
    low, high = map(int, texts)
    found = {find(compared, (str(number),)) for number in _deciding(compared, low, high)}
    return found.pop() if len(found) == 1 else Finding.UNDECIDED


def _deciding(compared: CompiledCriterion, low: int, high: int) -> Iterator[int]:
    """Give the whole numbers of a range on which all others find the same as some of these."""
    yield from (low, high)
    ends = (end for pair in compared.bounds for end in pair) if compared.bounds else compared.references
    for end in ends:
        if isinstance(end, Decimal) and low <= end <= high:
            whole = math.floor(end)
            yield from (number for number in range(whole - 1, whole + 3) if low <= number <= high)


def find_age(item: CompiledMeasure, attributes: Mapping[str, Sequence[str]]) -> Finding:
    """Compare the age of a patient: Patient's Age; where that is absent or empty, from the Birth Date.

    An age that is worked out is counted in whole units of the reference, as devices write ages: who is 18 years and
    five months old is 18 years old, and 221 months.

    Args:
        item: With what.
        attributes: Of the instance.
    """
    compared, way = item.compared, way_of_age(attributes)
    if way is None or way == "":
        return find(compared, attributes.get(_AGE))
    birth, day = (DA.find(attributes[key][0]) for key in (_BIRTH, way))
    if not (isinstance(birth, datetime.date) and isinstance(day, datetime.date)) or day < birth:
        return Finding.MALFORMED
    if compared.positive is Operation.PRESENT:
        return find(compared, ("000D",))
    found = Finding.MET if _meets(compared, birth, day) else Finding.NOT_MET
    return NEGATED[found] if compared.is_negated else found


def way_of_age(attributes: Mapping[str, Sequence[str]]) -> str | None:
    """Tell what an age is worked out from: empty: Patient's Age; else the key of a date; None: there is nothing."""
    if _has_value(attributes.get(_AGE)):
        return ""
    if not _has_value(attributes.get(_BIRTH)):
        return None
    return next((key for key in _DAYS if _has_value(attributes.get(key))), None)


def describe_way(attributes: Mapping[str, Sequence[str]]) -> str:
    """Say what an age is worked out from; empty where there is none."""
    way = way_of_age(attributes)
    if way is None:
        return ""
    return f"from Birth Date to {_WAYS[way]}" if way else "Patient's Age"


def is_age_unreached(attributes: Mapping[str, Sequence[str]], unreadable_from: str) -> bool:
    """Tell whether what tells the age may lie where reading did not come."""
    if _has_value(attributes.get(_AGE)):
        return False
    looked_at = (_AGE, _BIRTH, *_DAYS)
    day = next((key for key in _DAYS if _has_value(attributes.get(key))), None)
    if day is not None:
        looked_at = (_AGE, _BIRTH, *_DAYS[: _DAYS.index(day)])
    return any(unreadable_from <= key and key not in attributes for key in looked_at)


def _has_value(texts: Sequence[str] | None) -> bool:
    return bool(texts) and any(map(trim, texts or ()))


def _meets(compared: CompiledCriterion, birth: datetime.date, day: datetime.date) -> bool:
    """Compare with each reference in its own unit, as if the operation were not negated."""
    sides: list[int] = []
    for reference, text in zip(compared.references, compared.texts, strict=True):
        seconds: int = getattr(reference, "seconds", 0)
        age = _whole_units(birth, day, text[-1]) * SECONDS_OF_UNIT[text[-1]]
        sides.append((age > seconds) - (age < seconds))
    match compared.positive:
        case Operation.EQUALS | Operation.IN:
            return 0 in sides
        case Operation.GREATER:
            return sides[0] > 0
        case Operation.LESS:
            return sides[0] < 0
        case Operation.AT_LEAST:
            return sides[0] >= 0
        case Operation.AT_MOST:
            return sides[0] <= 0
        case _:  # BETWEEN
            return sides[0] >= 0 >= sides[1]


def _whole_units(birth: datetime.date, day: datetime.date, unit: str) -> int:
    """Count the days, weeks, months or years that have gone by since birth."""
    if unit in "DW":
        return (day - birth).days // (7 if unit == "W" else 1)
    months = 12 * (day.year - birth.year) + day.month - birth.month - (day.day < birth.day)
    return months if unit == "M" else months // 12
