"""What differs between kinds of values: how they are read, compared, counted and spoken of.

A value arrives as text, as the object holds it. Each reader takes one value (never a multi-valued text) and either
returns something comparable or raises `MalformedValueError`, which never repeats the value: it may be patient data.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar, Protocol

from dicom_sieve.errors import MalformedValueError

PADDING = " \0"
"""What a header's values are stored without at their end: spaces (PS3.5 6.2), and NULs, with which many writers pad."""
WHITE_SPACE = PADDING + "\t\n\v\f\r\x85\xa0"
"""Characters without meaning at either end of a value."""
NUL_STORED = "\ufffd"
"""How a header holds a NUL that other white space is behind; alone it stands for what is no text, and stays."""
_NO_BREAK, _NO_BREAK_IN_UTF_8 = "\xa0", "\xc2\xa0"
"""A no-break space; and one in UTF-8, read byte by byte as headers are."""


class Operation(StrEnum):
    """How an attribute's value is compared with the reference."""

    EQUALS = "EQUALS"
    GREATER = "GREATER"
    LESS = "LESS"
    IN = "IN"
    NOT_EQUALS = "NOT_EQUALS"
    NOT_IN = "NOT_IN"
    AT_LEAST = "AT_LEAST"
    AT_MOST = "AT_MOST"
    BETWEEN = "BETWEEN"
    CONTAINS = "CONTAINS"
    NOT_CONTAINS = "NOT_CONTAINS"
    MATCHES = "MATCHES"
    NOT_MATCHES = "NOT_MATCHES"
    PRESENT = "PRESENT"
    ABSENT = "ABSENT"


PRESENCE: dict[Operation, str] = {Operation.PRESENT: "has a value", Operation.ABSENT: "is absent or empty"}
"""The operations that every VR has, and that have no reference."""
ORDERED: dict[Operation, str] = {
    Operation.EQUALS: "is",
    Operation.IN: "is one of",
    Operation.NOT_EQUALS: "is not",
    Operation.NOT_IN: "is none of",
    Operation.GREATER: "is greater than",
    Operation.LESS: "is less than",
    Operation.AT_LEAST: "is at least",
    Operation.AT_MOST: "is at most",
    Operation.BETWEEN: "is between",
}
"""The operations of VRs with an order."""
CONTAINING: dict[Operation, str] = {
    Operation.EQUALS: "is",
    Operation.IN: "is one of",
    Operation.NOT_EQUALS: "is not",
    Operation.NOT_IN: "is none of",
    Operation.CONTAINS: "contains",
    Operation.NOT_CONTAINS: "does not contain",
    Operation.MATCHES: "matches",
    Operation.NOT_MATCHES: "does not match",
}
"""The operations of texts and codes."""


class Comparable(Protocol):
    """A value as it is compared: a day, an age, a code. Values of one VR are equal, or not, whatever they are."""

    def __hash__(self) -> int: ...

    def __eq__(self, other: object, /) -> bool: ...


Bin = str | int
"""Where a value belongs, as finely as it is counted: a code, the number of a month, the number of a decade of age."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How wide the bars of a distribution are.

    Attributes:
        widen: Gives the bar of a bin.
        label: Says what a bar holds.
    """

    widen: Callable[[Bin], Bin]
    label: Callable[[Bin], str]


class ValueType(ABC):
    """One Value Representation: an object without state, equal to every other of its kind."""

    code: ClassVar[str]
    """Two letters, as PS3.5 has them: ``DA``."""
    long_name: ClassVar[str]
    """The name that PS3.5 gives it."""
    relations: ClassVar[Mapping[Operation, str]]
    """The operations that are defined, in the order in which they are named, each with its words: ``is later than``."""
    accepted: ClassVar[str]
    """What a reference may be, where a text is none: ``is not a date; accepted: …``."""
    placeholder: ClassVar[str | None] = None
    """A value that stands for none in many archives."""
    scales: ClassVar[Sequence[Scale]]
    """For bars, the finest first."""
    has_order: ClassVar[bool] = True
    """Whether bars stand in the order of values; else the most frequent is first."""
    is_number: ClassVar[bool] = False
    """Whether it can have a unit and a tolerance."""
    is_text: ClassVar[bool] = False
    """Whether it is compared without case unless that is asked for."""

    @abstractmethod
    def parse(self, text: str) -> Comparable:
        """Read one value.

        Raises:
            MalformedValueError: Nothing can be compared with it.
        """

    @abstractmethod
    def parse_reference(self, text: str) -> Comparable:
        """Read what a value is compared with.

        Raises:
            MalformedValueError: It is no such text.
        """

    @abstractmethod
    def bin_of(self, value: Any) -> Bin:
        """Tell where a value belongs, as finely as it is counted."""

    @abstractmethod
    def is_any_between(self, low: Any | None, high: Any | None) -> bool:
        """Tell whether there is a value between two, both excluded; None: no bound."""

    def conforms(self, value: Comparable) -> bool:
        """Tell whether a value that was read keeps to the VR."""
        del value
        return True

    def compare(self, value: Any, reference: Any) -> int:
        """Compare a value with a reference: below 0, 0 where they are equal, above 0."""
        return int(value > reference) - int(value < reference)

    def is_empty(self, text: str) -> bool:
        """Tell whether a value is nothing but padding."""
        return not trim(text)

    def words(self, text: str) -> str:
        """Give a reference as it is spoken of."""
        return trim(text)

    def find(self, text: str) -> Comparable | None:
        """Read one value, or give None where it is empty, or none of this VR."""
        if not trim(text):
            return None
        try:
            return self.parse(text)
        except MalformedValueError:
            return None

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self)

    def __hash__(self) -> int:
        return hash(type(self))

    def __str__(self) -> str:
        return self.code

    def __repr__(self) -> str:
        return self.code


class Unordered(ValueType):
    """Values of which none is before another: nothing is asked of them but to be equal, or alike."""

    has_order = False

    def is_any_between(self, low: object, high: object) -> bool:
        """Tell that there is no order, so that there are no two to be between."""
        del low, high
        return True


def trim(text: str) -> str:
    r"""Take all white space off both ends of one value.

    Examples:
        >>> trim("\tCT\n")
        'CT'
    """
    trimmed = text.replace(_NO_BREAK_IN_UTF_8, _NO_BREAK).strip(WHITE_SPACE + NUL_STORED)
    return trimmed or (NUL_STORED if NUL_STORED in text else "")
