"""What is chosen of what passed, as JSON had it; and whether an instance that fails discards its series."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from dicom_sieve.criteria.criterion import Item
from dicom_sieve.criteria.measures import Measure, Scope

UNIT, CHOOSE = "unit", "choose"
"""What stands behind the criteria of a run, each the one member of an object."""


class Unit(StrEnum):
    """What is decided on: an instance by itself, or with all of its series."""

    INSTANCE = "INSTANCE"
    SERIES = "SERIES"


class Order(StrEnum):
    """How a preference compares."""

    MEETS = "meets"
    HIGHEST = "highest"
    LOWEST = "lowest"


@dataclass(frozen=True, slots=True)
class Preference:
    """One preference, as it was asked.

    Attributes:
        order: How it compares.
        meets: What is better where it is met; empty with another order.
        of: A tag, as group and element, or the name of a measure; empty where something is to be met.
    """

    order: Order
    meets: tuple[Item, ...] = ()
    of: tuple[str, str] | Measure | str = ""

    def as_given(self) -> dict[str, Any]:
        """Give it as the contract's JSON."""
        if self.order is Order.MEETS:
            return {self.order.value: [item.as_given() for item in self.meets]}
        return {self.order.value: self.of.value if isinstance(self.of, Measure) else list(self.of)}


@dataclass(frozen=True, slots=True)
class Choose:
    """What is chosen, as it was asked.

    Attributes:
        one: What is chosen: a series, or a study.
        per: Of what one is chosen: a study, or a patient.
        prefer: The preferences, the first one first.
    """

    one: Scope
    per: Scope
    prefer: tuple[Preference, ...] = ()

    def as_given(self) -> dict[str, Any]:
        """Give it as it stands behind the criteria of a run."""
        prefer = [preference.as_given() for preference in self.prefer]
        return {CHOOSE: {"one": self.one.value, "per": self.per.value, "prefer": prefer}}


@dataclass(frozen=True, slots=True)
class WholeSeries:
    """Says that an instance that fails discards its series."""

    def as_given(self) -> dict[str, Any]:
        """Give it as it stands behind the criteria of a run."""
        return {UNIT: Unit.SERIES.value}


Asked = Item | WholeSeries | Choose
"""What a run is asked: criteria, and behind them what becomes of what meets them."""
