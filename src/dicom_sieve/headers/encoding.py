"""How data sets are encoded, and what the fast path knows of each encoding: what it has seen before."""

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from dicom_sieve.headers.of_pieces import Headers
from dicom_sieve.headers.pieces import Pieces
from dicom_sieve.headers.repeated_rows import RepeatedRows

K = TypeVar("K")
T = TypeVar("T")

MOST_KNOWN = 50_000
"""Of one kind of thing known; only made objects have that many."""
LONG = -1
"""Stands for the step over an element whose length is in the four bytes behind its first eight."""
UNDEFINED = -2
"""Stands for the step into an element or an item whose length is undefined."""
END = -3
"""Stands for the step out of such a one, over the delimiter at its end."""

LEARNING_COSTS = 256
"""Of an element that is learnt from; so little is learnt that it takes an eighth of the time of what earns it."""
ELEMENT_EARNS, ROW_EARNS = 1, 16
"""Of an element that was gone through by itself, and of a repeated row that was made."""
CREDIT = 10_000 * LEARNING_COSTS
"""What learning may cost to begin with, and what may be saved up for it: some 50 ms."""

Shape = tuple[int, int]
"""What headers that are alike have in common: bytes, and elements that were gone through one by one."""


class UnsureError(Exception):
    """Something is unusual: the careful reader takes over. Never leaves `dicom_sieve.headers`."""


def remember(known: dict[K, T], what: K, as_what: T) -> None:
    """Remember something, and forget everything where that is too much."""
    if len(known) >= MOST_KNOWN:
        known.clear()
    known[what] = as_what


class Learning:
    """Tells from which headers to learn: from the second of a shape, while repeated rows save more than they cost."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget all."""
        self._shapes: dict[Shape, bool] = {}
        self._credit = CREDIT

    def is_due(self, shape: Shape, repeated_rows: int) -> bool:
        """Tell whether to learn from a header; to be asked once for each of which much was gone through one by one.

        Args:
            shape: Of the header.
            repeated_rows: How many were made in it.
        """
        self._credit = min(CREDIT, self._credit + ELEMENT_EARNS * shape[1] + ROW_EARNS * repeated_rows)
        has_more = self._shapes.get(shape)
        if has_more is None:
            remember(self._shapes, shape, True)
        return bool(has_more) and self._credit > 0

    def spend(self, shape: Shape, elements: int, *, is_new: bool) -> None:
        """Say that repeated rows were learnt.

        Args:
            shape: Of the header.
            elements: How many it has.
            is_new: Whether there was anything to learn; else there will be nothing in the next one.
        """
        self._credit -= LEARNING_COSTS * elements
        if is_new:
            self._shapes.pop(shape, None)
        else:
            self._shapes[shape] = False


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a data set is encoded, and the steps over what is known in it, by its first eight bytes.

    Attributes:
        implicit: Whether VRs are implicit.
        order: Of bytes, as `struct` names it.
        deflated: Whether it is deflated, and so can be read only once it is inflated.
        starts: First elements of a data set, as they may be.
        steps: Over elements that are not wanted, in bytes.
        wanted: Over elements that are wanted, with their marks.
        ends: Over elements behind all that are wanted.
        nested: Over elements within items.
        items: Over items, and what delimits them.
        repeated_rows: Over many elements at once.
        repeated_rows_in_items: Over many elements within items, or items, at once.
        learning: Tells from which headers to learn repeated rows.
        headers: What was made of elements.
        pieces: Elements that objects have in common, with their values.
        head: Unpacks group, element, VR, length of 16 bits, length of 32 bits.
        long: Unpacks a length of 32 bits.
    """

    implicit: bool = False
    order: str = "<"
    deflated: bool = False
    starts: dict[bytes, bool] = field(default_factory=dict)
    steps: dict[bytes, int] = field(default_factory=dict)
    wanted: dict[bytes, tuple[int, int]] = field(default_factory=dict)
    ends: dict[bytes, int] = field(default_factory=dict)
    nested: dict[bytes, int] = field(default_factory=dict)
    items: dict[bytes, int] = field(default_factory=dict)
    repeated_rows: RepeatedRows = field(default_factory=RepeatedRows)
    repeated_rows_in_items: RepeatedRows = field(default_factory=RepeatedRows)
    learning: Learning = field(default_factory=Learning)
    headers: Headers = field(default_factory=Headers)
    pieces: Pieces = field(init=False)
    head: Callable[[bytes, int], tuple[int, int, bytes, int, int]] = field(init=False)
    long: Callable[[bytes, int], tuple[int]] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "pieces", Pieces(implicit=self.implicit, little_endian=self.order == "<"))
        object.__setattr__(self, "head", struct.Struct(f"{self.order}HH2sHL").unpack_from)
        object.__setattr__(self, "long", struct.Struct(f"{self.order}L").unpack_from)

    def forget(self) -> None:
        """Know nothing any more."""
        for known in (self.starts, self.steps, self.wanted, self.ends, self.nested, self.items):
            known.clear()
        for of_rows in (self.repeated_rows, self.repeated_rows_in_items, self.pieces, self.headers, self.learning):
            of_rows.clear()


EXPLICIT = Encoding()
IMPLICIT = Encoding(implicit=True)
BIG_ENDIAN = Encoding(order=">")
DEFLATED = Encoding(deflated=True)
ENCODINGS = (EXPLICIT, IMPLICIT, BIG_ENDIAN, DEFLATED)
