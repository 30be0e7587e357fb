"""Age String (VR AS)."""

import re
from dataclasses import dataclass
from typing import ClassVar, Final

from dicom_sieve.dicom.vr.code import TO_UPPER, normalise_code
from dicom_sieve.dicom.vr.value_type import Bin, Operation, Scale, ValueType, trim
from dicom_sieve.errors import MalformedValueError

_AGE = re.compile(r"([0-9]{1,4})([DWMY])")
SECONDS_OF_UNIT = {"D": 86_400, "W": 7 * 86_400, "M": 2_629_746, "Y": 31_556_952}
"""A year is 365.2425 days, a month a twelfth of it: both are whole seconds (ADR 2)."""
HIGHEST_NUMBER = 9999
"""Of an age, in front of its unit."""


@dataclass(frozen=True, slots=True, order=True)
class Age:
    """A length of time since birth, in whole seconds."""

    seconds: int


class AgeString(ValueType):
    """An age. A reference is written as a value is: ``018M``."""

    code = "AS"
    long_name = "Age String"
    relations: ClassVar = {
        Operation.EQUALS: "is exactly",
        Operation.IN: "is exactly one of",
        Operation.NOT_EQUALS: "is not exactly",
        Operation.NOT_IN: "is exactly none of",
        Operation.GREATER: "is older than",
        Operation.LESS: "is younger than",
        Operation.AT_LEAST: "is at least",
        Operation.AT_MOST: "is at most",
        Operation.BETWEEN: "is between",
    }
    accepted = "is not an age; accepted: one to four digits and D, W, M or Y, as 018M"
    placeholder = "000Y"
    scales = (Scale(lambda decade: decade, lambda decade: f"{10 * int(decade)} to {10 * int(decade) + 9} years"),)

    def parse(self, text: str) -> Age:
        """Read one value; see `parse_age`."""
        return parse_age(text)

    def parse_reference(self, text: str) -> Age:
        """Read a reference; see `parse_age`."""
        return parse_age(text)

    def words(self, text: str) -> str:
        """Give a reference in upper case."""
        return normalise_code(text)

    def bin_of(self, value: Age) -> Bin:
        """Count decades."""
        return value.seconds // (10 * SECONDS_OF_UNIT["Y"])

    def is_any_between(self, low: Age | None, high: Age | None) -> bool:
        """Tell whether an Age String can say an age between two, both excluded."""
        for seconds in SECONDS_OF_UNIT.values():
            number = 0 if low is None else low.seconds // seconds + 1
            if number <= HIGHEST_NUMBER and (high is None or number * seconds < high.seconds):
                return True
        return False


AS: Final = AgeString()


def parse_age(text: str) -> Age:
    """Read one Age String (VR AS).

    Units compare as time: a year is 365.2425 days, a month a twelfth of it (ADR 2).

    Args:
        text: One value; white space at either end and case do not matter.

    Returns:
        The age, ordered by length of time.

    Raises:
        MalformedValueError: ``text`` is not one to four digits and ``D``, ``W``, ``M`` or ``Y``.

    Source:
        DICOM PS3.5, section 6.2, table 6.2-1, row AS, which has three digits; with a unit any number can mean one
        thing only.

    Examples:
        >>> parse_age("018M") < parse_age("002Y")
        True
    """
    match = _AGE.fullmatch(trim(text).translate(TO_UPPER))
    if match is None:
        raise MalformedValueError(AS.code)
    return Age(int(match[1]) * SECONDS_OF_UNIT[match[2]])
