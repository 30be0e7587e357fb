"""VRs of which criteria ask only whether there is a value: sequences, and bulk data."""

from typing import ClassVar, Final

from dicom_sieve.dicom.vr.value_type import Bin, Scale, Unordered
from dicom_sieve.errors import MalformedValueError


class Presence(Unordered):
    """Values that are not compared."""

    relations: ClassVar = {}
    accepted = "is not a reference: values of this VR are not compared; accepted: PRESENT and ABSENT, as without one"
    scales: ClassVar[tuple[Scale, ...]] = ()

    def parse(self, text: str) -> str:
        """Refuse it: nothing is compared."""
        del text
        raise MalformedValueError(self.code)

    def parse_reference(self, text: str) -> str:
        """Refuse it: nothing is compared."""
        return self.parse(text)

    def bin_of(self, value: object) -> Bin:
        """Count them together."""
        del value
        return self.code


def _presence(code: str, long_name: str) -> Presence:
    kind: type[Presence] = type(code, (Presence,), {"code": code, "long_name": long_name})
    return kind()


PRESENCES: Final[tuple[Presence, ...]] = tuple(
    _presence(code, long_name)
    for code, long_name in {
        "AT": "Attribute Tag",
        "OB": "Other Byte",
        "OD": "Other Double",
        "OF": "Other Float",
        "OL": "Other Long",
        "OV": "Other 64-Bit Very Long",
        "OW": "Other Word",
        "SQ": "Sequence Of Items",
        "UN": "Unknown",
    }.items()
)
"""All VRs of this kind."""
