"""Date (VR DA)."""

import datetime
import re
from typing import ClassVar, Final

from dicom_sieve.dicom.vr.value_type import ORDERED, Bin, Operation, Scale, ValueType, trim
from dicom_sieve.errors import MalformedValueError

_DATE = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})|([0-9]{4})\.([0-9]{2})\.([0-9]{2})")
_ISO_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_ONE_DAY = datetime.timedelta(days=1)
MONTHS_YEARS_DECADES = (
    Scale(lambda month: month, lambda month: f"{int(month) // 12:04d}-{int(month) % 12 + 1:02d}"),
    Scale(lambda month: int(month) // 12, lambda year: f"{year:04d}"),
    Scale(lambda month: int(month) // 120, lambda decade: f"{decade:03d}0 to {decade:03d}9"),
)
"""Of months since year 0."""


class Date(ValueType):
    """A calendar day. A reference is one in ISO 8601: ``2022-01-31``."""

    code = "DA"
    long_name = "Date"
    relations: ClassVar = ORDERED | {
        Operation.GREATER: "is later than",
        Operation.LESS: "is earlier than",
        Operation.AT_LEAST: "is on or after",
        Operation.AT_MOST: "is on or before",
    }
    accepted = "is not a date; accepted: ISO 8601, as 2022-01-01"
    placeholder = "19000101"
    scales = MONTHS_YEARS_DECADES

    def parse(self, text: str) -> datetime.date:
        """Read one value; see `parse_date`."""
        return parse_date(text)

    def parse_reference(self, text: str) -> datetime.date:
        """Read a reference; see `parse_iso_date`."""
        return parse_iso_date(text)

    def words(self, text: str) -> str:
        """Give a reference as it was written."""
        return text.strip()

    def bin_of(self, value: datetime.date) -> Bin:
        """Count months since year 0."""
        return value.year * 12 + value.month - 1

    def is_any_between(self, low: datetime.date | None, high: datetime.date | None) -> bool:
        """Tell whether there is a day between two, both excluded."""
        if low == datetime.date.max or high == datetime.date.min:
            return False
        first = datetime.date.min if low is None else low + _ONE_DAY
        return first <= (datetime.date.max if high is None else high - _ONE_DAY)


DA: Final = Date()


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
        raise MalformedValueError(DA.code)
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
        raise MalformedValueError(DA.code)
    return _calendar_day(list(match.groups()))


def _calendar_day(parts: list[str]) -> datetime.date:
    year, month, day = (int(part) for part in parts)
    try:
        return datetime.date(year, month, day)
    except ValueError:
        raise MalformedValueError(DA.code) from None
