"""Values of the three supported Value Representations: DA, CS and AS.

A value arrives as text, as the object holds it. Each reader takes one value (never a multi-valued text) and either
returns something comparable or raises `MalformedValueError`, which never repeats the value: it may be patient data.
"""

import datetime
import re
import string
from dataclasses import dataclass
from enum import StrEnum

from dicom_sieve.errors import MalformedValueError

PADDING = " \0"
"""What a header's values are stored without at their end: spaces (PS3.5 6.2), and NULs, with which many writers pad."""
WHITE_SPACE = PADDING + "\t\n\v\f\r\x85\xa0"
"""Characters without meaning at either end of a value."""
NUL_STORED = "\ufffd"
"""How a header holds a NUL that other white space is behind; alone it stands for what is no text, and stays."""
_NO_BREAK, _NO_BREAK_IN_UTF_8 = "\xa0", "\xc2\xa0"
"""A no-break space; and one in UTF-8, read byte by byte as headers are."""

_TO_UPPER = str.maketrans(string.ascii_lowercase, string.ascii_uppercase)
"""Only ASCII has case here: upper-casing others makes them ASCII, or longer (a sharp s becomes SS)."""

_DATE = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})|([0-9]{4})\.([0-9]{2})\.([0-9]{2})")
_ISO_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_AGE = re.compile(r"([0-9]{1,4})([DWMY])")
_CODE = re.compile(r"[A-Z0-9_ ]{1,16}")

SECONDS_OF_UNIT = {"D": 86_400, "W": 7 * 86_400, "M": 2_629_746, "Y": 31_556_952}
"""A year is 365.2425 days, a month a twelfth of it: both are whole seconds (ADR 2)."""


class ValueRepresentation(StrEnum):
    """The Value Representations (VR) that a criterion may test."""

    AS = "AS"
    CS = "CS"
    DA = "DA"

    @property
    def long_name(self) -> str:
        """The name that PS3.5 gives it."""
        return {"AS": "Age String", "CS": "Code String", "DA": "Date"}[self.value]


@dataclass(frozen=True, slots=True, order=True)
class Age:
    """A length of time since birth, in whole seconds."""

    seconds: int


def trim(text: str) -> str:
    r"""Take all white space off both ends of one value.

    Examples:
        >>> trim("\tCT\n")
        'CT'
    """
    trimmed = text.replace(_NO_BREAK_IN_UTF_8, _NO_BREAK).strip(WHITE_SPACE + NUL_STORED)
    return trimmed or (NUL_STORED if NUL_STORED in text else "")


def parse_date(text: str) -> datetime.date:
    """Read one Date (VR DA): ``YYYYMMDD``, or ``YYYY.MM.DD`` as ACR-NEMA wrote it.

    Args:
        text: One value; white space at either end does not matter.

    Returns:
        The calendar day.

    Raises:
        MalformedValueError: ``text`` is no such text, or no day of the calendar.

    Source:
        DICOM PS3.5, section 6.2, table 6.2-1, row DA, with its note on ``YYYY.MM.DD``.

    Examples:
        >>> parse_date("20220131") == parse_date("2022.01.31 ")
        True
    """
    match = _DATE.fullmatch(trim(text))
    if match is None:
        raise MalformedValueError(ValueRepresentation.DA)
    return _calendar_day([group for group in match.groups() if group is not None])


def parse_iso_date(text: str) -> datetime.date:
    """Read the date of a reference: an ISO 8601 calendar date, ``YYYY-MM-DD``.

    Raises:
        MalformedValueError: ``text`` is no such text, or no day of the calendar.

    Examples:
        >>> parse_iso_date("2022-01-31") == parse_date("20220131")
        True
    """
    match = _ISO_DATE.fullmatch(text.strip())
    if match is None:
        raise MalformedValueError(ValueRepresentation.DA)
    return _calendar_day(list(match.groups()))


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
    match = _AGE.fullmatch(trim(text).translate(_TO_UPPER))
    if match is None:
        raise MalformedValueError(ValueRepresentation.AS)
    return Age(int(match[1]) * SECONDS_OF_UNIT[match[2]])


def normalise_code(text: str) -> str:
    """Bring one Code String (VR CS) to the form in which codes are compared: trimmed, upper-case.

    Codes outside the alphabet of CS are compared as well: archives hold them, and a manager must be able to name them.
    Whether a code keeps to the VR is told by `is_conforming_code`.

    Examples:
        >>> normalise_code("ct ")
        'CT'
    """
    return trim(text).translate(_TO_UPPER)


def is_conforming_code(code: str) -> bool:
    """Tell whether a normalised code keeps to PS3.5 6.2, row CS: A to Z, 0 to 9, space, underscore; 16 at most."""
    return _CODE.fullmatch(code) is not None


def _calendar_day(parts: list[str]) -> datetime.date:
    year, month, day = (int(part) for part in parts)
    try:
        return datetime.date(year, month, day)
    except ValueError:
        raise MalformedValueError(ValueRepresentation.DA) from None
