"""Data elements, one after the other, as PS3.5 chapter 7 lays them out.

The tests hold this to pydicom's reading. pydicom itself cannot be bounded: it builds every item of a sequence of
undefined length that it is to skip, runs out of stack where sequences nest deep, and looks up character sets by the
names that an object gives them. An object of 25 KB that is made for it costs 50 s and 1.4 GB.
"""

import io
import struct
from collections.abc import Callable, Container, Iterator

from pydicom.valuerep import EXPLICIT_VR_LENGTH_32

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
_ZEROS = (0, 0)
LONG_VRS = frozenset(vr.encode() for vr in EXPLICIT_VR_LENGTH_32)


class TooLargeError(Exception):
    """The header goes on behind a bound. Never leaves `dicom_sieve.headers`."""


class Budget:
    """How many more elements may be gone through in one object, to any depth; its bytes alone bound too little time.

    Args:
        elements: So many.
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
    """The bytes contradict themselves, or end where they may not. Never leaves `dicom_sieve.headers`."""


def read_elements(
    window: Window,
    wanted: Container[int],
    budget: Budget,
    *,
    is_behind: Callable[[int], bool],
    implicit: bool,
    little_endian: bool = True,
) -> Iterator[tuple[int, bytes | None]]:
    """Give the wanted elements of a data set, up to the first element that is behind it, or to the object's end.

    Args:
        window: The object, placed at the first element; left at the one that is behind.
        wanted: Tags of the elements to give; others are skipped over, unread.
        budget: Spent on every element, those in items included.
        is_behind: Tells of a tag whether its element is behind the data set. Zeros instead of an element always are:
            they fill objects up.
        implicit: Whether VRs should be implicit; the first element shows whether they are.
        little_endian: The order of bytes.

    Yields:
        Tag and value. The value is None where it can be no text: a sequence, or one that is too long for its VR.

    Raises:
        DamagedError: The object ends in the middle of something, or a delimiter delimits nothing.
        MissingBytesError: From the window.
        TooLargeError: From the budget.
    """
    implicit = _is_implicit(window, assumed=implicit)
    while True:
        start = window.tell()
        budget.spend()
        header = _read_element_header(window, implicit=implicit, little_endian=little_endian)
        if header is None:
            return
        tag, length = header
        if header == _ZEROS or is_behind(tag):
            if tag >> 16 == GROUP_OF_DELIMITERS:
                raise DamagedError
            window.seek(start)
            return
        value = None
        if length == UNDEFINED_LENGTH:
            _skip_items(window, budget, implicit=implicit, little_endian=little_endian)
        elif tag in wanted and length <= LONGEST_VALUE:
            value = window.read(length)
            if len(value) < length:
                raise DamagedError
        else:
            window.seek(length, io.SEEK_CUR)
        if tag in wanted:
            yield tag, value


def _skip_items(window: Window, budget: Budget, *, implicit: bool, little_endian: bool) -> None:
    """Move behind a value of undefined length: items, in them elements, in them values again, to any depth.

    Source:
        DICOM PS3.5, section 7.5 (sequences), 6.2.2 (UN holds implicit VRs), A.4 (fragments are items, too).
    """
    # One entry for each value and each item that is open, in turn: whether VRs are implicit in it.
    levels = [implicit]
    while levels:
        implicit, is_in_item = levels[-1], len(levels) % 2 == 0
        budget.spend()
        header = _read_element_header(window, implicit=implicit or not is_in_item, little_endian=little_endian)
        if header is None:
            raise DamagedError
        tag, length = header
        if tag == (END_OF_ITEM if is_in_item else END_OF_SEQUENCE):
            levels.pop()
        elif is_in_item == (tag >> 16 == GROUP_OF_DELIMITERS) or not (is_in_item or tag == ITEM):
            raise DamagedError
        elif length != UNDEFINED_LENGTH:
            window.seek(length, io.SEEK_CUR)
        else:
            levels.append(implicit or (not is_in_item and _is_implicit(window, assumed=False)))


def _read_element_header(window: Window, *, implicit: bool, little_endian: bool) -> tuple[int, int] | None:
    """Read tag and length, and move to the value; None at the object's end, which up to seven zeros may precede."""
    order = "<" if little_endian else ">"
    head = window.read(8)
    if len(head) < 8:
        if head.strip(b"\0") or window.tell() > window.size:
            raise DamagedError
        return None
    group, element, length = struct.unpack(order + "HHL", head)
    vr = head[4:6]
    if not implicit and vr in LONG_VRS:
        long = window.read(4)
        if len(long) < 4:
            raise DamagedError
        (length,) = struct.unpack(order + "L", long)
    elif not implicit and b"AA" <= vr <= b"ZZ":
        (length,) = struct.unpack(order + "H", head[6:])
    # Else no VR is there: implicit, if only in this element, as some writers do (pydicom#1067).
    return group << 16 | element, length


def _is_implicit(window: Window, *, assumed: bool) -> bool:
    """Tell whether the next element has no VR: some writers contradict their own transfer syntax."""
    start = window.tell()
    vr = window.read(6)[4:]
    window.seek(start)
    return not (vr.isalpha() and vr.isupper()) if len(vr) == 2 else assumed
