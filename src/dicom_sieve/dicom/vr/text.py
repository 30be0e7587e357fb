"""Texts: LO SH ST LT UC UT AE UR. They compare without case, unless a criterion asks for it."""

import re
import unicodedata
from typing import ClassVar, Final

from dicom_sieve.dicom.vr.code import label_of
from dicom_sieve.dicom.vr.value_type import CONTAINING, NUL_STORED, Bin, Scale, Unordered, trim
from dicom_sieve.errors import MalformedValueError

_OUTER_SPACE = re.compile(r"^[\s\0]+|[\s\0]+$")


class Text(Unordered):
    """A text. A reference is written as a value is."""

    relations: ClassVar = CONTAINING
    accepted = "is not a text; accepted: one without backslashes and control characters, as T1 axial"
    scales = (Scale(lambda text: text, str),)
    is_text = True

    def parse(self, text: str) -> str:
        """Read one value, folded for comparison.

        Raises:
            MalformedValueError: It is no text in its character set.
        """
        return self.parse_exact(text).casefold()

    def parse_exact(self, text: str) -> str:
        """Read one value with its case; see `parse`."""
        text = normalise_text(text)
        if text == NUL_STORED:
            raise MalformedValueError(self.code)
        return text

    def parse_reference(self, text: str) -> str:
        """Read a reference, folded for comparison.

        Raises:
            MalformedValueError: It is empty, several, or not printable.
        """
        read = self.parse(text)
        if not read or "\\" in read or not read.isprintable():
            raise MalformedValueError(self.code)
        return read

    def is_empty(self, text: str) -> bool:
        """Tell whether a value is nothing but white space of any kind."""
        return not normalise_text(text)

    def words(self, text: str) -> str:
        """Give a reference as it was written."""
        return normalise_text(text)

    def bin_of(self, value: str) -> Bin:
        """Count each text; of a long one the beginning says it."""
        return label_of("".join(character if character.isprintable() else " " for character in value))


def normalise_text(text: str) -> str:
    r"""Take white space of any kind and NULs off both ends, and compose characters (Unicode NFC).

    Examples:
        >>> normalise_text("\u3000scout\0 ")
        'scout'
    """
    return trim(_OUTER_SPACE.sub("", unicodedata.normalize("NFC", text)))


class LongString(Text):
    """One line."""

    code = "LO"
    long_name = "Long String"


class ShortString(Text):
    """One line."""

    code = "SH"
    long_name = "Short String"


class ShortText(Text):
    """Paragraphs."""

    code = "ST"
    long_name = "Short Text"


class LongText(Text):
    """Paragraphs."""

    code = "LT"
    long_name = "Long Text"


class UnlimitedCharacters(Text):
    """One line."""

    code = "UC"
    long_name = "Unlimited Characters"


class UnlimitedText(Text):
    """Paragraphs."""

    code = "UT"
    long_name = "Unlimited Text"


class ApplicationEntity(Text):
    """A name of an application."""

    code = "AE"
    long_name = "Application Entity"


class UniversalResource(Text):
    """An address."""

    code = "UR"
    long_name = "Universal Resource Identifier"


TEXTS: Final[tuple[Text, ...]] = (
    LongString(),
    ShortString(),
    ShortText(),
    LongText(),
    UnlimitedCharacters(),
    UnlimitedText(),
    ApplicationEntity(),
    UniversalResource(),
)
"""All VRs of texts."""
