"""Data elements, one after the other, as PS3.5 chapter 7 lays them out.

The tests hold this to pydicom's reading. pydicom itself cannot be bounded: it builds every item of a sequence of
undefined length that it is to skip, runs out of stack where sequences nest deep, and looks up character sets by the
names that an object gives them. An object of 25 KB that is made for it costs 50 s and 1.4 GB.
"""

import io
import struct
from collections.abc import Callable, Container, Iterator
from functools import lru_cache

from pydicom.datadict import dictionary_VR
from pydicom.valuerep import EXPLICIT_VR_LENGTH_32

from dicom_sieve.headers.defects import Damage
from dicom_sieve.headers.element import Element
from dicom_sieve.headers.window import Window

UNDEFINED_LENGTH = 0xFFFFFFFF
LONGEST_VALUE = 0xFFFE
"""In bytes, of the VRs that are read: with explicit VR their length has 16 bits, and is even (PS3.5 7.1.2)."""

SHORTEST_ELEMENT_HEADER, LONGEST_ELEMENT_HEADER = 8, 12
"""In bytes."""

GROUP_OF_DELIMITERS = 0xFFFE
ITEM = 0xFFFEE000
END_OF_ITEM = 0xFFFEE00D
END_OF_SEQUENCE = 0xFFFEE0DD
LONG_VRS = frozenset(vr.encode() for vr in EXPLICIT_VR_LENGTH_32)
VRS_OF_ITEMS = frozenset({b"SQ", b"UN"})
"""VRs whose value, where its length is undefined, is a sequence (PS3.5 6.2.2); any other VR's is fragments."""


class TooLargeError(Exception):
    """A bound was reached. Never leaves `dicom_sieve.headers`."""


class Budget:
    """How many more elements may be gone through in one object, to any depth; its bytes alone bound too little time.

    Args:
        elements: Number of elements.
    """

    __slots__ = ("_left",)

    def __init__(self, elements: int) -> None:
        self._left = elements

    def spend(self) -> None:
        """Take one.

        Raises:
            TooLargeError: None is left.
        """
        self._left -= 1
        if self._left < 0:
            raise TooLargeError


class DamagedError(Exception):
    """The object cannot be read on. Never leaves `dicom_sieve.headers`.

    Attributes:
        damage: Why.
    """

    def __init__(self, damage: Damage) -> None:
        super().__init__(damage)
        self.damage = damage


ElementHeader = tuple[int, bytes, int]
"""What is written before a value: tag, VR (two bytes, or none), length of the value in bytes."""


def is_vr(vr: bytes) -> bool:
    """Tell whether two bytes are a VR, known or not: two capital letters (PS3.5 6.2)."""
    return vr.isalpha() and vr.isupper()  # of bytes, these know ASCII alone


@lru_cache(maxsize=4096)
def may_be_sequence(tag: int) -> bool:
    """Tell whether an element may be a sequence, by the dictionary: it is one, or is not in there."""
    try:
        return dictionary_VR(tag) == "SQ"
    except KeyError:
        return True


def holds_items(tag: int, vr: bytes) -> bool:
    """Tell whether a value of undefined length is a sequence, rather than fragments (PS3.5 A.4), as pydicom has it."""
    return vr in VRS_OF_ITEMS if vr else may_be_sequence(tag)


def read_elements(
    window: Window, wanted: Container[int], budget: Budget, *, is_behind: Callable[[int], bool], implicit: bool
) -> Iterator[Element]:
    """Give the wanted elements of a group, up to the first element that is behind it, or to the object's end.

    Args:
        window: The object, placed at the first element; left at the one that is behind.
        wanted: Tags of the elements to give; others are skipped over, unread.
        budget: Spent on every element, those in items included.
        is_behind: Tells of a tag whether its element is behind the group. Zeros instead of an element always are.
        implicit: Whether VRs should be implicit; the first element shows whether they are.

    Yields:
        Elements, without a value that is too long for its VR, or of undefined length.

    Raises:
        DamagedError: The object ends in the middle of something.
        MissingBytesError: From the window.
        TooLargeError: From the budget.
    """
    implicit = is_implicit(window, assumed=implicit)
    while True:
        start = window.tell()
        budget.spend()
        header = read_element_header(window, implicit=implicit, little_endian=True)
        if header is None:
            return
        tag, vr, length = header
        if tag == length == 0 or is_behind(tag):
            window.seek(start)
            return
        if tag in wanted or length == UNDEFINED_LENGTH:
            value = pass_over(window, budget, header, implicit=implicit, little_endian=True)
            if tag in wanted:
                yield Element(tag, vr, value, implicit, little_endian=True)
        else:
            window.seek(length, io.SEEK_CUR)


def pass_over(
    window: Window,
    budget: Budget,
    header: ElementHeader,
    *,
    implicit: bool,
    little_endian: bool,
    longest: int = LONGEST_VALUE,
    with_items: bool = False,
    at_most: int | None = None,
) -> bytes | None:
    """Move behind a value, and give it, unless it is too long, or of undefined length.

    Args:
        window: The object, placed at the value.
        budget: Spent on what the value holds.
        header: What is written before the value.
        implicit: Whether VRs are implicit.
        little_endian: The order of bytes.
        longest: How many bytes of a value are given.
        with_items: Whether a value of undefined length is given, too, where it is a sequence.
        at_most: How many bytes are gone through in one.

    Raises:
        DamagedError: The object ends within it.
        MissingBytesError: From the window.
        TooLargeError: From the budget, or there are more bytes.
    """
    tag, vr, length = header
    if length == UNDEFINED_LENGTH:
        start = window.tell()
        skip_items(window, budget, header, implicit=implicit, little_endian=little_endian, at_most=at_most)
        size = window.tell() - start
        if not with_items or size > longest or not holds_items(tag, vr):
            return None
        window.seek(start)
        return window.read(size)
    if length > longest:
        window.seek(length, io.SEEK_CUR)
        return None
    value = window.read(length)
    if len(value) < length:
        raise DamagedError(Damage.CUT)
    return value


def skip_items(
    window: Window,
    budget: Budget,
    header: ElementHeader,
    *,
    implicit: bool,
    little_endian: bool,
    at_most: int | None = None,
) -> None:
    """Move behind a value of undefined length: items, in them elements, in them values again, to any depth.

    A delimiter of an item where none is open, as some writers put behind an item of known length, is passed over.

    Args:
        window: The object, placed at the value.
        budget: Spent on every item and element.
        header: What is written before the value.
        implicit: Whether VRs are implicit.
        little_endian: The order of bytes.
        at_most: How many bytes are gone through; None: no bound but the budget.

    Raises:
        DamagedError: The object ends within the value, or what is there can be no part of it.
        MissingBytesError: From the window.
        TooLargeError: From the budget, or there are more bytes.

    Source:
        DICOM PS3.5, section 7.5 (sequences), 6.2.2 (UN holds implicit VRs), A.4 (fragments are items, too).
    """
    # One entry for each value and each item that is open, in turn: whether VRs are implicit in it, and whether the
    # value is a sequence.
    tag, vr, _ = header
    levels = [(implicit, holds_items(tag, vr))]
    end = None if at_most is None else window.tell() + at_most
    while levels:
        if end is not None and window.tell() > end:
            raise TooLargeError
        (implicit, is_sequence), is_in_item = levels[-1], len(levels) % 2 == 0
        budget.spend()
        inner = read_element_header(window, implicit=implicit or not is_in_item, little_endian=little_endian)
        if inner is None:
            raise DamagedError(Damage.CUT)
        tag, vr, length = inner
        if tag == (END_OF_ITEM if is_in_item else END_OF_SEQUENCE):
            levels.pop()
        elif not is_in_item and is_sequence and tag == END_OF_ITEM and length == 0:
            continue
        elif is_in_item == (tag >> 16 == GROUP_OF_DELIMITERS) or not (is_in_item or tag == ITEM):
            raise DamagedError(Damage.CONTRADICTORY)
        elif length != UNDEFINED_LENGTH:
            window.seek(length, io.SEEK_CUR)
        elif is_in_item:
            levels.append((implicit, holds_items(tag, vr)))
        elif is_sequence:
            levels.append((implicit or is_implicit(window, assumed=False), True))
        else:
            raise DamagedError(Damage.CONTRADICTORY)  # a fragment has a length


def read_element_header(window: Window, *, implicit: bool, little_endian: bool) -> ElementHeader | None:
    """Read tag and length, and move to the value; None at the object's end, which a little fill may precede.

    Raises:
        DamagedError: The object ends within it, or has ended before.
        MissingBytesError: From the window.
    """
    order = "<" if little_endian else ">"
    head = window.read(8)
    if len(head) < 8:
        if not is_fill(head) or window.tell() > window.size:
            raise DamagedError(Damage.CUT)
        return None
    group, element, length = struct.unpack(order + "HHL", head)
    vr = b"" if implicit else head[4:6]
    if vr in LONG_VRS:
        long = window.read(4)
        if len(long) < 4:
            raise DamagedError(Damage.CUT)
        (length,) = struct.unpack(order + "L", long)
    elif b"AA" <= vr <= b"ZZ":
        (length,) = struct.unpack(order + "H", head[6:])
    else:
        vr = b""  # implicit, if only in this element, as some writers do (pydicom#1067)
    return group << 16 | element, vr, length


def is_fill(data: bytes) -> bool:
    """Tell whether bytes are zeros, or spaces, with which objects are filled up.

    Both together, and one space, may be the begin of group 0020.
    """
    return not data.strip(b"\0") or (len(data) > 1 and not data.strip(b" "))


def is_implicit(window: Window, *, assumed: bool) -> bool:
    """Tell whether the next element has no VR: some writers contradict their own transfer syntax."""
    start = window.tell()
    vr = window.read(6)[4:]
    window.seek(start)
    return not is_vr(vr) if len(vr) == 2 else assumed
