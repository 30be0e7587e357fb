"""Time (VR TM) and Date Time (VR DT): compared to the precision that was given."""

import datetime
import re
from dataclasses import dataclass
from functools import total_ordering
from typing import ClassVar, Final

from dicom_sieve.dicom.vr.date import MONTHS_YEARS_DECADES
from dicom_sieve.dicom.vr.value_type import ORDERED, Bin, Operation, Scale, ValueType, trim
from dicom_sieve.errors import MalformedValueError

_TIME = re.compile(r"([0-9]{2})(?:([0-9]{2})(?:([0-9]{2})(?:\.([0-9]{1,6}))?)?)?")
_ACR_TIME = re.compile(r"([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,6}))?")
_ISO_TIME = re.compile(r"([0-9]{2})(?::([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,6}))?)?)?")
_DATE_TIME = re.compile(r"([0-9]{4})(?:([0-9]{2})(?:([0-9]{2})(?:([0-9.]+))?)?)?([+-][0-9]{4})?")
_ISO_DATE_TIME = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2})(?:T([0-9:.]+)(Z|[+-][0-9]{2}:[0-9]{2})?)?)?)?")
_MOST = (23, 59, 60)
"""Of hours, minutes and seconds: PS3.5 lets a leap second be."""
_WITH_MINUTES = 5
"""Parts of a date and time that is precise enough to be moved by an offset."""
MICROSECONDS = 1_000_000


@total_ordering
@dataclass(frozen=True, slots=True)
class Moment:
    """A time of day, or a date with a time of day, as precise as it was written.

    Attributes:
        parts: Numbers from the widest to the finest; of a fraction of a second, microseconds.
        offset: From UTC, in minutes; None: as local.
    """

    parts: tuple[int, ...]
    offset: int | None = None

    def __lt__(self, other: "Moment") -> bool:
        return self._in_order() < other._in_order()

    def _in_order(self) -> tuple[tuple[int, ...], bool, int]:
        return self.parts, self.offset is not None, self.offset or 0

    def at_utc(self) -> "Moment":
        """Give it without its offset, where it says minutes: of what is wider an offset says nothing."""
        if self.offset is None or len(self.parts) < _WITH_MINUTES:
            return self
        year, month, day, hour, minute, *finer = self.parts
        try:
            moved = datetime.datetime(year, month, day, hour, minute) - datetime.timedelta(minutes=self.offset)  # noqa: DTZ001
        except OverflowError:
            return self
        return Moment((moved.year, moved.month, moved.day, moved.hour, moved.minute, *finer))


def compare_moments(first: Moment, second: Moment) -> int:
    """Compare to the wider of both precisions; -1, 0 or 1.

    Offsets count where both have one, else both are taken as local.

    Examples:
        >>> compare_moments(parse_time("1015"), parse_time("101530"))
        0
    """
    if first.offset is not None and second.offset is not None:
        first, second = first.at_utc(), second.at_utc()
    length = min(len(first.parts), len(second.parts))
    before, after = first.parts[:length], second.parts[:length]
    return (before > after) - (before < after)


class Clock(ValueType):
    """What both have in common."""

    relations: ClassVar = ORDERED | {Operation.GREATER: "is later than", Operation.LESS: "is earlier than"}

    def compare(self, value: Moment, reference: Moment) -> int:
        """See `compare_moments`."""
        return compare_moments(value, reference)


class Time(Clock):
    """A time of day. A reference is one in ISO 8601: ``10:15`` or ``10:15:30.5``."""

    code = "TM"
    long_name = "Time"
    accepted = "is not a time; accepted: ISO 8601, as 10:15 or 10:15:30"
    scales = (Scale(lambda hour: hour, lambda hour: f"{hour:02d} h"),)

    def parse(self, text: str) -> Moment:
        """Read one value; see `parse_time`."""
        return parse_time(text)

    def parse_reference(self, text: str) -> Moment:
        """Read a reference, in ISO 8601."""
        return Moment(_parts_of_time(_ISO_TIME.fullmatch(text.strip()), self.code))

    def bin_of(self, value: Moment) -> Bin:
        """Count hours."""
        return value.parts[0]

    def is_any_between(self, low: Moment | None, high: Moment | None) -> bool:
        """Tell whether there is a time between two, both excluded; some can be written between most."""
        return low is None or high is None or low.parts < high.parts


class DateTime(Clock):
    """A date with a time of day. A reference is one in ISO 8601: ``2022-01-31T10:15:30+01:00``."""

    code = "DT"
    long_name = "Date Time"
    accepted = "is not a date with a time; accepted: ISO 8601, as 2022-01-31T10:15 or 2022-01-31T10:15:30+01:00"
    scales = MONTHS_YEARS_DECADES

    def parse(self, text: str) -> Moment:
        """Read one value: ``YYYYMMDDHHMMSS.FFFFFF&ZZXX``, of which the end may be missing."""
        match = _DATE_TIME.fullmatch(trim(text))
        if match is None:
            raise MalformedValueError(self.code)
        *date, time, offset = match.groups()
        parts = None if time is None else _parts_of_time(_TIME.fullmatch(time), self.code)
        return _date_time(date, parts, offset, self.code)

    def parse_reference(self, text: str) -> Moment:
        """Read a reference, in ISO 8601."""
        match = _ISO_DATE_TIME.fullmatch(text.strip())
        if match is None:
            raise MalformedValueError(self.code)
        *date, time, offset = match.groups()
        parts = None if time is None else _parts_of_time(_ISO_TIME.fullmatch(time), self.code)
        return _date_time(date, parts, "+0000" if offset == "Z" else offset and offset.replace(":", ""), self.code)

    def words(self, text: str) -> str:
        """Give a reference as it was written."""
        return text.strip()

    def bin_of(self, value: Moment) -> Bin:
        """Count months since year 0."""
        return value.parts[0] * 12 + (value.parts[1] - 1 if len(value.parts) > 1 else 0)

    def is_any_between(self, low: Moment | None, high: Moment | None) -> bool:
        """Tell whether there is a moment between two, both excluded."""
        return low is None or high is None or compare_moments(low, high) < 0


TM: Final = Time()
DT: Final = DateTime()


def parse_time(text: str) -> Moment:
    """Read one Time (VR TM): ``HH``, ``HHMM``, ``HHMMSS`` or ``HHMMSS.F``; ``HH:MM:SS`` as ACR-NEMA wrote it.

    Raises:
        MalformedValueError: ``text`` is no such text, or no time of day.

    Source:
        DICOM PS3.5, section 6.2, table 6.2-1, row TM.
    """
    text = trim(text)
    return Moment(_parts_of_time(_TIME.fullmatch(text) or _ACR_TIME.fullmatch(text), TM.code))


def parse_offset(text: str) -> int:
    """Read Timezone Offset From UTC (0008,0201), ``+0100``, in minutes.

    Raises:
        MalformedValueError: ``text`` is no offset.
    """
    text = trim(text)
    if re.fullmatch(r"[+-][0-9]{4}", text) is None or int(text[3:]) > _MOST[1]:
        raise MalformedValueError("SH")
    minutes = int(text[1:3]) * 60 + int(text[3:])
    return -minutes if text[0] == "-" else minutes


def _parts_of_time(match: re.Match[str] | None, code: str) -> tuple[int, ...]:
    if match is None:
        raise MalformedValueError(code)
    *parts, fraction = match.groups()
    numbers = tuple(int(part) for part in parts if part is not None)
    if any(number > most for number, most in zip(numbers, _MOST, strict=False)):
        raise MalformedValueError(code)
    return numbers if fraction is None else (*numbers, int(fraction.ljust(6, "0")))


def _date_time(date: list[str | None], time: tuple[int, ...] | None, offset: str | None, code: str) -> Moment:
    parts = tuple(int(part) for part in date if part is not None)
    try:
        datetime.date(*(*parts, 1, 1)[:3])
    except ValueError:
        raise MalformedValueError(code) from None
    return Moment((*parts, *(time or ())), None if offset is None else parse_offset(offset))
