"""One element as it was read, before its value means anything."""

from typing import NamedTuple


class Element(NamedTuple):
    """A data element, and how its data set is encoded.

    Attributes:
        tag: Group and element as one number.
        vr: As it is written, two bytes; empty where there is none.
        value: Its bytes, of a sequence all that it holds; None where they were not read.
        implicit: Whether the data set has no VRs.
        little_endian: The order of bytes in it.
    """

    tag: int
    vr: bytes
    value: bytes | None
    implicit: bool
    little_endian: bool
