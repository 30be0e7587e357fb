"""Numbers: DS and IS, which are written in decimals, and the binary VRs. They compare as exact decimals."""

import re
from decimal import Decimal
from typing import ClassVar, Final

from dicom_sieve.dicom.vr.value_type import ORDERED, Bin, Operation, Scale, ValueType, trim
from dicom_sieve.errors import MalformedValueError

_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[Ee][+-]?[0-9]{1,3})?")
"""PS3.5, table 6.2-1, rows DS and IS; of an exponent no more than a double can need."""
LONGEST = 64
"""In characters: the shortest decimal of a double has 24 at most, a reference has 64."""
_WIDTH_OF_BIN = 10


class Number(ValueType):
    """A number. Numbers compare by value: 2.50 is 2.5."""

    relations: ClassVar = ORDERED | {
        Operation.GREATER: "is greater than",
        Operation.LESS: "is less than",
    }
    accepted = "is not a number; accepted: decimals, as 2.5"
    is_number = True
    scales = (
        Scale(lambda bin_: bin_, lambda number: f"{number} to {int(number) + 1}"),
        Scale(lambda bin_: int(bin_) // 10, lambda ten: f"{10 * int(ten)} to {10 * int(ten) + 10}"),
        Scale(lambda bin_: int(bin_) // 1000, lambda bar: f"{1000 * int(bar)} to {1000 * int(bar) + 1000}"),
        Scale(lambda bin_: int(bin_) >= 0, lambda positive: "0 and above" if positive else "below 0"),
    )

    def parse(self, text: str) -> Decimal:
        """Read one value; see `parse_number`."""
        return parse_number(text, self.code)

    def parse_reference(self, text: str) -> Decimal:
        """Read a reference, which is written as a value is."""
        return self.parse(text)

    def bin_of(self, value: Decimal) -> Bin:
        """Count by whole numbers; those of more than nine digits together."""
        whole = value.to_integral_value("ROUND_FLOOR") if value.adjusted() < _WIDTH_OF_BIN else value
        return int(max(min(whole, Decimal(10**_WIDTH_OF_BIN)), Decimal(-(10**_WIDTH_OF_BIN))))

    def is_any_between(self, low: Decimal | None, high: Decimal | None) -> bool:
        """Tell whether there is a number between two, both excluded."""
        return low is None or high is None or low < high


def parse_number(text: str, code: str = "DS") -> Decimal:
    """Read a number as it is written, exactly.

    Args:
        text: One value; white space at either end does not matter.
        code: The VR, for the error.

    Raises:
        MalformedValueError: It is no number; ``nan`` and ``inf`` are none.

    Source:
        DICOM PS3.5, section 6.2, table 6.2-1, row DS.

    Examples:
        >>> parse_number("2.50") == parse_number("25e-1")
        True
    """
    text = trim(text)
    if len(text) > LONGEST or _NUMBER.fullmatch(text) is None:
        raise MalformedValueError(code)
    return Decimal(text)


class DecimalString(Number):
    """A number in decimals."""

    code = "DS"
    long_name = "Decimal String"


class IntegerString(Number):
    """A whole number in decimals. Archives hold others as well, and they are compared."""

    code = "IS"
    long_name = "Integer String"


class UnsignedShort(Number):
    """16 bits."""

    code = "US"
    long_name = "Unsigned Short"


class SignedShort(Number):
    """16 bits."""

    code = "SS"
    long_name = "Signed Short"


class UnsignedLong(Number):
    """32 bits."""

    code = "UL"
    long_name = "Unsigned Long"


class SignedLong(Number):
    """32 bits."""

    code = "SL"
    long_name = "Signed Long"


class UnsignedVeryLong(Number):
    """64 bits."""

    code = "UV"
    long_name = "Unsigned 64-Bit Very Long"


class SignedVeryLong(Number):
    """64 bits."""

    code = "SV"
    long_name = "Signed 64-Bit Very Long"


class FloatingPointSingle(Number):
    """A float of 32 bits, by the shortest decimal that reads back as it."""

    code = "FL"
    long_name = "Floating Point Single"


class FloatingPointDouble(Number):
    """A float of 64 bits, by the shortest decimal that reads back as it."""

    code = "FD"
    long_name = "Floating Point Double"


NUMBERS: Final[tuple[Number, ...]] = (
    DecimalString(),
    IntegerString(),
    UnsignedShort(),
    SignedShort(),
    UnsignedLong(),
    SignedLong(),
    UnsignedVeryLong(),
    SignedVeryLong(),
    FloatingPointSingle(),
    FloatingPointDouble(),
)
"""All VRs of numbers."""
