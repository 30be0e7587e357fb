"""How far a header can be trusted: what of it is known, and what may lie behind the place where reading ended."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from dicom_sieve.criteria import CompiledItem, Damaged, asked_attributes
from dicom_sieve.dicom.dictionary import Attribute, format_tag
from dicom_sieve.headers.defects import Damage, Defect

Values = TypeVar("Values", bound=Sequence[str])
_FROM_THE_START = "00000000"


@dataclass(frozen=True, slots=True)
class Extent:
    """How far the header of an object was read, and what ended it there.

    Attributes:
        defect: Why the object cannot be judged, or None.
        damage: Why it is CORRUPT; None where that is not known, and with other defects.
        unreadable_from: See `dicom_sieve.headers.Header`.
        has_series: Whether its Series Instance UID is known.
    """

    defect: Defect | None = None
    damage: Damage | None = None
    unreadable_from: str | None = None
    has_series: bool = True

    def is_judged(self, damaged: Damaged) -> bool:
        """Tell whether the object is judged by its attributes.

        Args:
            damaged: What the run does with damaged objects. One whose damage is not known, or without a Series
                Instance UID, is never judged.
        """
        if self.defect is None:
            return True
        return damaged is Damaged.JUDGE and self.damage is not None and self.has_series

    def trusted(self, attributes: Mapping[str, Values]) -> Mapping[str, Values]:
        """Give the attributes without one that is there twice with different values: neither of them counts."""
        if self.damage is not Damage.REPEATED or self.unreadable_from not in attributes:
            return attributes
        return {tag: values for tag, values in attributes.items() if tag != self.unreadable_from}

    def behind(self, criteria: Iterable[CompiledItem], attributes: Mapping[str, Values]) -> tuple[Attribute, ...]:
        """Give the attributes that criteria ask for and that may lie where reading did not come, in their order.

        Args:
            criteria: What is asked.
            attributes: The header's.
        """
        start = self.unreadable_from
        if start is None:
            return ()
        known = self.trusted(attributes)
        asked = {attribute.hex_tag: attribute for attribute in asked_attributes(criteria)}
        return tuple(attribute for tag, attribute in sorted(asked.items()) if tag >= start and tag not in known)

    def describe(self, criteria: Sequence[CompiledItem], attributes: Mapping[str, Values]) -> str:
        """Say where a damaged object is damaged, and whether all that was asked lies before that; else the defect.

        Args:
            criteria: What was asked; none says nothing of it.
            attributes: The header's.
        """
        if self.damage is None:
            return "" if self.defect is None else self.defect.describe()
        is_placed = self.unreadable_from not in (None, _FROM_THE_START)
        at = "at" if self.damage is Damage.REPEATED else "at or behind"
        where = f" {at} {format_tag(int(self.unreadable_from or '', 16))}" if is_placed else ""
        damaged = f"The object is DICOM, but damaged{where} ({self.damage.describe()})"
        if not criteria:
            return damaged
        behind = " and ".join(str(attribute) for attribute in self.behind(criteria, attributes))
        return f"{damaged}; {behind} may lie behind it" if behind else f"{damaged}; all that was asked lies before it"
