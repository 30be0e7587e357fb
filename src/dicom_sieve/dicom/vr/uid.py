"""Unique Identifier (VR UI)."""

import re
from typing import ClassVar, Final

from pydicom._uid_dict import UID_dictionary

from dicom_sieve.dicom.vr.value_type import Bin, Operation, Scale, Unordered, trim
from dicom_sieve.errors import MalformedValueError

_UID = re.compile(r"[0-9]+(\.[0-9]+)*")
LONGEST = 64
_BY_NAME = {keyword: uid for uid, (_, _, _, _, keyword) in UID_dictionary.items() if keyword}
"""The registry of PS3.6, annex A."""


class UniqueIdentifier(Unordered):
    """A UID. A reference is one, or the name that the standard's registry gives it: ``CTImageStorage``."""

    code = "UI"
    long_name = "Unique Identifier"
    relations: ClassVar = {
        Operation.EQUALS: "is",
        Operation.IN: "is one of",
        Operation.NOT_EQUALS: "is not",
        Operation.NOT_IN: "is none of",
        Operation.MATCHES: "matches",
    }
    accepted = "is not a UID; accepted: digits and dots, as 1.2.840.10008.5.1.4.1.1.2, or a name, as CTImageStorage"
    scales = (Scale(lambda uid: uid, str),)

    def parse(self, text: str) -> str:
        """Read one value.

        Raises:
            MalformedValueError: It is not numbers with dots between them, or has more than 64 characters.
        """
        text = trim(text)
        if len(text) > LONGEST or _UID.fullmatch(text) is None:
            raise MalformedValueError(self.code)
        return text

    def parse_reference(self, text: str) -> str:
        """Read a reference: a UID, or a name of the registry (PS3.6, annex A)."""
        return _BY_NAME.get(trim(text)) or self.parse(text)

    def bin_of(self, value: str) -> Bin:
        """Count each UID."""
        return value


UI: Final = UniqueIdentifier()
