"""The difference of two attributes of one object: of dates an age, of times seconds, of numbers a number."""

import datetime
from collections.abc import Iterator, Sequence
from decimal import Context, Decimal
from typing import Any

from dicom_sieve.criteria.rule import CompiledCriterion
from dicom_sieve.dicom.dictionary import Attribute
from dicom_sieve.dicom.vr.age import SECONDS_OF_UNIT, Age
from dicom_sieve.dicom.vr.clock import MICROSECONDS, TM, Moment
from dicom_sieve.dicom.vr.value_type import Comparable

_EXACT = Context(prec=2200)
"""More digits than a difference of any two numbers has that are read."""


def subtract(criterion: CompiledCriterion, values: Sequence[str], others: Sequence[str]) -> Iterator[Comparable]:
    """Give what is left of each value without each other one; of what cannot be read, nothing.

    Args:
        criterion: With `minus`.
        values: Texts of its attribute.
        others: Texts of the attribute that is subtracted, or by which the rows of a table are found that holds dates.
    """
    if criterion.minus is None:
        return
    first = _read(criterion.attribute, values)
    second = _read(criterion.minus, others) if (rows := criterion.minus_table) is None else rows.dates_of(others)
    for value in first:
        for other in second:
            difference = _difference(value, other, is_time=criterion.vr == TM)
            if difference is not None:
                yield difference


def amount_of(difference: Comparable) -> Decimal:
    """Give a difference as a number: of an age its seconds."""
    return Decimal(difference.seconds) if isinstance(difference, Age) else Decimal(difference)  # type: ignore[arg-type]


def add_exactly(first: Decimal, second: Decimal) -> Decimal:
    """Add two numbers that are differences of what is read, without rounding."""
    return _EXACT.add(first, second)


def _read(attribute: Attribute, texts: Sequence[str]) -> Sequence[Comparable]:
    return [value for text in texts if (value := attribute.vr.find(text)) is not None]


def _difference(value: Any, other: Any, *, is_time: bool) -> Comparable | None:
    if isinstance(value, datetime.date):
        return Age((value - other).days * SECONDS_OF_UNIT["D"])
    if isinstance(value, Decimal):
        return _EXACT.subtract(value, other)
    if value.offset is None or other.offset is None:
        value, other = Moment(value.parts), Moment(other.parts)
    first, second = _seconds(value.at_utc(), is_time=is_time), _seconds(other.at_utc(), is_time=is_time)
    return None if first is None or second is None else first - second


def _seconds(moment: Moment, *, is_time: bool) -> Decimal | None:
    """Give seconds since midnight, or since year 1; None where a date is not precise to the second."""
    parts = moment.parts
    days = 0
    if not is_time:
        if len(parts) < 3:
            return None
        days = datetime.date(*parts[:3]).toordinal()
        parts = parts[3:]
    hours, minutes, seconds, micro = (*parts, 0, 0, 0, 0)[:4]
    return Decimal(days * 86_400 + hours * 3600 + minutes * 60 + seconds) + Decimal(micro) / MICROSECONDS
