"""What a click on a bar of a distribution means: the bound that it stands for, by the bar's label."""

import calendar
import datetime
import re

from dicom_sieve.criteria import Operation
from dicom_sieve.dicom.vr.age import AS
from dicom_sieve.dicom.vr.date import DA
from dicom_sieve.dicom.vr.value_type import ValueType
from dicom_sieve.errors import InvalidRequestError
from dicom_sieve.web.texts import gettext

_NUMBER = re.compile(r"(-?[0-9]+) to (-?[0-9]+)(?: years)?")
_DAY = re.compile(r"([0-9]{4})(?:-([0-9]{2}))?(s?)")


def span_of(vr: ValueType, label: str) -> tuple[str, str]:
    """Give the first and the last value of a bar, as references; of numbers the last one is not in it any more.

    Raises:
        InvalidRequestError: There is no such bar.

    Examples:
        >>> span_of(DA, "2021"), span_of(DA, "2020-02"), span_of(AS, "20 to 29 years")
        (('2021-01-01', '2021-12-31'), ('2020-02-01', '2020-02-29'), ('020Y', '029Y'))
    """
    if vr == DA and (found := _DAY.match(label)):
        year = int(found[1])
        first, last = (int(found[2]), int(found[2])) if found[2] else (1, 12)
        last_year = year + 9 if found[3] else year
        return f"{year:04}-{first:02}-01", f"{last_year:04}-{last:02}-{calendar.monthrange(last_year, last)[1]}"
    if vr != DA and (found := _NUMBER.fullmatch(label)):
        return tuple(f"{int(part):03}Y" if vr == AS else part for part in found.groups())  # type: ignore[return-value]
    raise InvalidRequestError((gettext("bar: there is none of this name"),))


def references_of(vr: ValueType, operation: Operation, label: str, before: list[str]) -> list[str]:
    """Give the references of a criterion after a click on a bar.

    Args:
        vr: By which references are read.
        operation: Of the criterion.
        label: Of the bar.
        before: The references until then.

    Raises:
        InvalidRequestError: There is no such bar.
    """
    low, high = span_of(vr, label)
    if operation is Operation.BETWEEN:
        if len(before) != 2:
            return [low, high]
        return [low, before[1]] if _order(vr, low) < _order(vr, before[0]) else [before[0], high]
    if operation in {Operation.AT_MOST, Operation.LESS}:
        return [high if operation is Operation.AT_MOST else low]
    if operation is Operation.GREATER and vr == DA:
        return [(datetime.date.fromisoformat(low) - datetime.timedelta(days=1)).isoformat()]
    return [low]


def _order(vr: ValueType, text: str) -> float:
    digits = re.sub(r"[^0-9.-]" if vr != DA else r"[^0-9]", "", text)
    return float(digits) if re.fullmatch(r"-?[0-9]+\.?[0-9]*", digits) else 0.0
