"""How the values of one attribute spread: from the least to the greatest, and numbers by quarters of the instances."""

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import accumulate
from typing import Any

from dicom_sieve.dicom.dictionary import Attribute
from dicom_sieve.dicom.units import UNIT_OF, written
from dicom_sieve.dicom.vr.value_type import Operation, trim


@dataclass(frozen=True, slots=True)
class Spread:
    """How values spread; numbers are exact decimals, all others are as the objects hold them.

    Attributes:
        minimum: The least value.
        maximum: The greatest.
        lower_quartile: Of numbers, a quarter of the instances has this or less; None of other values.
        median: Likewise, half of them.
        upper_quartile: Likewise, three quarters.
        unit: Of numbers, where one is known.
    """

    minimum: str
    maximum: str
    lower_quartile: str | None = None
    median: str | None = None
    upper_quartile: str | None = None
    unit: str | None = None


def spread_of(attribute: Attribute, instances: Mapping[str, int]) -> Spread | None:
    """Tell how values spread; None where the VR has no order, or no value is one of the VR.

    Args:
        attribute: Whose values they are.
        instances: Number of instances by value; values that are none of the VR do not count.
    """
    vr = attribute.vr
    if Operation.AT_LEAST not in vr.relations:
        return None
    read = [(value, text, count) for text, count in instances.items() if (value := vr.find(text)) is not None]
    if not read:
        return None
    ordered: list[tuple[Any, str, int]] = sorted(read, key=lambda found: found[0])
    if not vr.is_number:
        return Spread(trim(ordered[0][1]), trim(ordered[-1][1]))
    ends = list(accumulate(count for *_, count in ordered))
    quarters = (_quantile(ordered, ends, quarter) for quarter in range(5))
    minimum, lower, median, upper, maximum = (written(number, None) for number in quarters)
    unit = UNIT_OF.get(attribute.keyword)
    return Spread(minimum, maximum, lower, median, upper, unit.name if unit else None)


def _quantile(ordered: list[tuple[Any, str, int]], ends: list[int], quarter: int) -> Decimal:
    """Give the least number that a number of quarters of the instances do not exceed: always one of the values."""
    rank = max(-(-quarter * ends[-1] // 4), 1)
    number: Decimal = ordered[bisect_left(ends, rank)][0]
    return number
