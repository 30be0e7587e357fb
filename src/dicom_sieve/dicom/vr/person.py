"""Person Name (VR PN), and what else identifies: values are compared by keyed digest alone."""

from typing import ClassVar, Final

from dicom_sieve.dicom.vr.text import Text, normalise_text
from dicom_sieve.dicom.vr.value_type import Operation


class PersonName(Text):
    """A name of a person. It lies in no ledger in clear, and is compared by keyed digest."""

    code = "PN"
    long_name = "Person Name"
    relations: ClassVar = {
        Operation.EQUALS: "is",
        Operation.IN: "is one of",
        Operation.NOT_EQUALS: "is not",
        Operation.NOT_IN: "is none of",
    }
    accepted = "is not a name; accepted: one as in DICOM, as Doe^Jane"
    is_text = False

    def parse_exact(self, text: str) -> str:
        """Read one value without the components and groups at its end that are empty (PS3.5 6.2.1)."""
        groups = [group.rstrip("^ ") for group in normalise_text(text).split("=")]
        return "=".join(groups).rstrip("=")

    def is_empty(self, text: str) -> bool:
        """Tell whether all components are empty."""
        return not self.parse_exact(text)


PN: Final = PersonName()
