"""Values, differences and ages, read and compared as CRITERIA says, in plain Python."""

import datetime
import re
import unicodedata
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from pydicom.datadict import dictionary_VR

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
DAYS = {"D": Fraction(1), "W": Fraction(7), "M": Fraction(3652425, 120000), "Y": Fraction(3652425, 10000)}
NEGATED = {"NOT_EQUALS": "EQUALS", "NOT_IN": "IN", "NOT_CONTAINS": "CONTAINS", "ABSENT": "PRESENT"}


def read_value(keyword: str, text: str) -> Any:
    """Read a value: a date, a number, or a text as it is compared; None: it is none."""
    match dictionary_VR(keyword):
        case "DA":
            found = re.fullmatch(r"(\d{4})(\d\d)(\d\d)|(\d{4})\.(\d\d)\.(\d\d)", text, re.ASCII)
            try:
                return found and datetime.date(*(int(part) for part in found.groups() if part))
            except ValueError:
                return None
        case "DS" | "IS" | "US":
            return Fraction(text) if _NUMBER.fullmatch(text) else None
        case "CS":
            return text.upper()
        case _:
            return unicodedata.normalize("NFC", text).casefold()


def compared(item: Mapping[str, Any], value: Any) -> str:
    """Compare a value, or a difference, with the references."""
    operation = NEGATED.get(item["operation"], item["operation"])
    if operation == "PRESENT":
        return "MET"
    given = item["reference"] if isinstance(item["reference"], list) else [item["reference"]]
    if operation == "CONTAINS":
        return "MET" if any(_reference(item, text, value) in value for text in given) else "NOT_MET"
    references = [_reference(item, text, value) for text in given]
    widths = [_width(item.get("tolerance"), reference) for reference in references]
    first, last = references[0], references[-1]
    relations: dict[str, Callable[[], Any]] = {
        "EQUALS": lambda: any(_is_near(value, *pair) for pair in zip(references, widths, strict=True)),
        "IN": lambda: any(_is_near(value, *pair) for pair in zip(references, widths, strict=True)),
        "GREATER": lambda: value > first,
        "LESS": lambda: value < first,
        "AT_LEAST": lambda: value >= first,
        "AT_MOST": lambda: value <= first,
        "BETWEEN": lambda: first <= value <= last,
    }
    return "MET" if relations[operation]() else "NOT_MET"


def _reference(item: Mapping[str, Any], text: str, value: Any) -> Any:
    if isinstance(value, datetime.date):
        return datetime.date.fromisoformat(text)
    if isinstance(value, Fraction):
        return int(text[:-1]) * DAYS[text[-1]] if text[-1] in DAYS else Fraction(text.split(" ", maxsplit=1)[0])
    return text.upper() if dictionary_VR(item["dicom_tag"]) == "CS" else text.casefold()


def _width(tolerance: str | None, reference: Any) -> Any:
    if tolerance is None:
        return None
    size = Fraction(tolerance.split(" ")[0])
    return abs(reference) * size / 100 if tolerance.endswith("%") else size


def _is_near(value: Any, reference: Any, width: Any) -> bool:
    return bool(value == reference if width is None else abs(value - reference) <= width)


def whole_units(born: datetime.date, then: datetime.date, unit: str) -> int:
    """Count the units that went by, one birthday after the other."""
    if unit in "DW":
        return (then - born).days // {"D": 1, "W": 7}[unit]
    step, number = {"M": 1, "Y": 12}[unit], (then.year - born.year) * (1 if unit == "Y" else 12) + 12
    while _after(born, step * number) > (then.year, then.month, then.day):
        number -= 1
    return number


def _after(born: datetime.date, months: int) -> tuple[int, int, int]:
    """Give the day on which some months have gone by; the 31st of April is one, and comes behind the 30th."""
    years, month = divmod(born.month - 1 + months, 12)
    return born.year + years, month + 1, born.day
