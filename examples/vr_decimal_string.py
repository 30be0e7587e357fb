"""A Value Representation: Decimal String (VR DS).

Its object in ``dicom/vr/`` and a line in ``dicom/vr/registry.py`` are all that a VR needs: headers are read for it,
criteria can name it, reports count it.
"""

import re
from decimal import Decimal
from typing import ClassVar, Final

from dicom_sieve.dicom.vr.value_type import Bin, Operation, Scale, ValueType, trim
from dicom_sieve.errors import MalformedValueError

_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[Ee][+-]?[0-9]{1,3})?")
"""PS3.5, table 6.2-1, row DS; of an exponent no more than a number can need."""
LONGEST = 16


class DecimalString(ValueType):
    """A number, written in decimals. Numbers compare by value: 1.0 is 1."""

    code = "DS"
    long_name = "Decimal String"
    relations: ClassVar = {
        Operation.EQUALS: "is",
        Operation.IN: "is one of",
        Operation.GREATER: "is greater than",
        Operation.LESS: "is less than",
    }
    accepted = "is not a number; accepted: decimals, as 2.5"
    scales = (
        Scale(lambda bin_: bin_, lambda number: f"{number} to {int(number) + 1}"),
        Scale(lambda bin_: int(bin_) // 10, lambda ten: f"{10 * int(ten)} to {10 * int(ten) + 10}"),
        Scale(lambda bin_: int(bin_) >= 0, lambda positive: "0 and above" if positive else "below 0"),
    )

    def parse(self, text: str) -> Decimal:
        """Read one value."""
        text = trim(text)
        if len(text) > LONGEST or _NUMBER.fullmatch(text) is None:
            raise MalformedValueError(self.code)
        return Decimal(text)

    def parse_reference(self, text: str) -> Decimal:
        """Read a reference, which is written as a value is."""
        return self.parse(text)

    def bin_of(self, value: Decimal) -> Bin:
        """Count by whole numbers."""
        return int(value // 1)

    def is_any_between(self, low: Decimal | None, high: Decimal | None) -> bool:
        """Tell whether there is a number between two, both excluded."""
        return low is None or high is None or low < high


DS: Final = DecimalString()
