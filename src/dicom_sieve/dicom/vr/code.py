"""Code String (VR CS)."""

import re
import string
from typing import ClassVar, Final

from dicom_sieve.dicom.vr.value_type import CONTAINING, Bin, Comparable, Scale, Unordered, trim
from dicom_sieve.errors import MalformedValueError

TO_UPPER = str.maketrans(string.ascii_lowercase, string.ascii_uppercase)
"""Only ASCII has case here: upper-casing others makes them ASCII, or longer (a sharp s becomes SS)."""
_CODE = re.compile(r"[A-Z0-9_ ]{1,16}")
LONGEST_LABEL = 64


class CodeString(Unordered):
    """A code. A reference is written as a value is: ``CT``."""

    code = "CS"
    long_name = "Code String"
    relations: ClassVar = CONTAINING
    accepted = "is not a code; accepted: a text without backslashes and control characters, as CT"
    scales = (Scale(lambda code: code, str),)

    def parse(self, text: str) -> str:
        """Read one value; see `normalise_code`: any text is compared."""
        return normalise_code(text)

    def conforms(self, value: Comparable) -> bool:
        """Tell whether it keeps to the VR; see `is_conforming_code`."""
        return is_conforming_code(str(value))

    def parse_reference(self, text: str) -> str:
        """Read a reference: one code, without what no value can have.

        Raises:
            MalformedValueError: It is empty, several, or not printable.
        """
        code = normalise_code(text)
        if not code or "\\" in code or not code.isprintable():
            raise MalformedValueError(self.code)
        return code

    def words(self, text: str) -> str:
        """Give a reference in upper case."""
        return normalise_code(text)

    def bin_of(self, value: str) -> Bin:
        """Count each code; of a long one the beginning says it."""
        return label_of(value)


CS: Final = CodeString()


def normalise_code(text: str) -> str:
    """Bring one Code String (VR CS) to the form in which codes are compared: trimmed, upper-case.

    Codes outside the alphabet of CS are compared as well: archives hold them, and a manager must be able to name them.
    Whether a code keeps to the VR is told by `is_conforming_code`.

    Examples:
        >>> normalise_code("ct ")
        'CT'
    """
    return trim(text).translate(TO_UPPER)


def label_of(text: str) -> str:
    """Give a text as the label of a bar: of a long one the beginning."""
    return text if len(text) <= LONGEST_LABEL else f"{text[: LONGEST_LABEL - 1]}…"


def is_conforming_code(code: str) -> bool:
    """Tell whether a normalised code keeps to PS3.5 6.2, row CS: A to Z, 0 to 9, space, underscore; 16 at most."""
    return _CODE.fullmatch(code) is not None
