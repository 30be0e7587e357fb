"""Where the fast path is in an object, and how it goes through items: by known steps and repeated rows, or one by one.

It is unsure wherever the careful reader is not byte for byte sure to go the same way. So a VR is two capital letters
here, and nothing else: the careful reader, as pydicom, has one rule for the first element of an item (two letters from
A to Z, or all of the item has no VRs), and another for any other element (what sorts between AA and ZZ is a VR; so C1
is one).
"""

from dicom_sieve.dicom.dictionary import FIRST_GROUP_OF_DATA_SET
from dicom_sieve.headers.elements import (
    END_OF_ITEM,
    END_OF_SEQUENCE,
    GROUP_OF_DELIMITERS,
    ITEM,
    LONG_VRS,
    LONGEST_ELEMENT_HEADER,
    SHORTEST_ELEMENT_HEADER,
    UNDEFINED_LENGTH,
    VRS_OF_ITEMS,
    is_vr,
    may_be_sequence,
)
from dicom_sieve.headers.encoding import END, LONG, UNDEFINED, Encoding, UnsureError, remember
from dicom_sieve.headers.meta import miss
from dicom_sieve.headers.repeated_rows import Head, find
from dicom_sieve.headers.window import Window

_SPACES = b" " * SHORTEST_ELEMENT_HEADER
"""Where an element should begin, they end the data set; without VRs they read as one."""
_OPENS = {UNDEFINED: 1, END: -1}


class Walk:
    """A way through the elements of a data set; it can be gone on where a byte was missing.

    Attributes:
        window: In which the data set is.
        repeated_rows: How many were made.
        one_by_one: Elements that no repeated row was over.
    """

    __slots__ = (
        "_base",
        "_data",
        "_encoding",
        "_levels",
        "_position",
        "_trace",
        "one_by_one",
        "repeated_rows",
        "window",
    )

    repeated_rows: int
    one_by_one: int
    window: Window
    _encoding: Encoding
    _base: int
    """Where ``_data`` begins in the object, in bytes."""
    _data: bytes
    _position: int
    """Where the next element begins in ``_data``."""
    _levels: int
    """Open values of undefined length, and items in them, in turn: in an item where even, in the data set where 0."""
    _trace: list[Head] | None
    """Where every element header is to be come upon; else None."""

    def look_again(self) -> None:
        """Find what was put into the window meanwhile."""
        if self._position > len(self._data):
            self._base, self._position = self._base + self._position, 0
        self._data = self.window.contiguous(self._base)

    def _turn_to_next(self) -> bool:
        """Look at the part of the window in which the next element begins; False where the object ends instead."""
        if self._position + SHORTEST_ELEMENT_HEADER <= len(self._data):
            return True
        offset = self._base + self._position
        if offset == self.window.size:
            return False
        self._base, self._data, self._position = offset, self.window.contiguous(offset), 0
        if len(self._data) < SHORTEST_ELEMENT_HEADER:
            miss(self.window, offset + len(self._data), offset + SHORTEST_ELEMENT_HEADER)
        return True

    def _go_through_items(self) -> None:
        """Move behind a value of undefined length: items, in them elements, in them values again, to any depth."""
        while self._levels:
            if self._trace is None:
                self._pass_known_items()
            if self._levels:
                if not self._turn_to_next():
                    raise UnsureError
                self._levels += self._take_nested(self._levels)

    def _pass_known_items(self) -> None:
        """Go on while items and elements are known, at most to the value's end."""
        levels = self._levels
        encoding, data, position = self._encoding, self._data, self._position
        known, long = (encoding.nested, encoding.items), encoding.long
        ways_of, within, made, one_by_one = encoding.repeated_rows_in_items.get, len(data), 0, 0
        while levels:
            head = data[position : position + 8]
            if (ways := ways_of(head)) and (repeated := find(ways, data, position)):
                position += repeated.size
                made += 1
                continue
            step = known[levels % 2].get(head)
            if step is None:
                break
            if step == LONG:
                if position + 12 > within:
                    break
                (length,) = long(data, position + 8)
                step = length
                if length == UNDEFINED_LENGTH:
                    if head[4:6] not in VRS_OF_ITEMS:
                        break
                    step = UNDEFINED
                position += 12
            else:
                position += 8
            one_by_one += 1
            if step == UNDEFINED:
                levels += 1
            elif step == END:
                levels -= 1
            else:
                position += step
        self._position, self._levels = position, levels
        self.repeated_rows += made
        self.one_by_one += one_by_one

    def _take_nested(self, levels: int) -> int:
        """Take what is next within a value of undefined length, and tell how many levels that opens."""
        data, position = self._data, self._position
        tag, value, length = self._element_at(data, position, delimiters_allowed=True)
        is_in_item, is_long = levels % 2 == 0, value != position + 8
        if tag in (END_OF_ITEM, END_OF_SEQUENCE) and length:
            raise UnsureError  # within an item its length may be read as a VR, behind which there are four bytes more
        if tag == (END_OF_ITEM if is_in_item else END_OF_SEQUENCE):
            step = END
        elif is_in_item == (tag >> 16 == GROUP_OF_DELIMITERS) or not (is_in_item or tag == ITEM):
            raise UnsureError
        elif length != UNDEFINED_LENGTH:
            step = length
        elif is_in_item and not self._holds_items(tag, position):
            raise UnsureError
        else:
            step = UNDEFINED
        self.one_by_one += 1
        if self._trace is not None:
            self._trace.append(Head(self._base + position, data[position:value], levels, closes=step == END))
        self._position = value + max(step, 0)
        known = self._encoding.nested if is_in_item else self._encoding.items
        remember(known, data[position : position + 8], LONG if is_long else step)
        return _OPENS.get(step, 0)

    def _element_at(self, data: bytes, position: int, *, delimiters_allowed: bool = False) -> tuple[int, int, int]:
        """Give tag, offset of the value, and length of an element, of which ``data`` holds eight bytes or more."""
        encoding = self._encoding
        held = data[position : position + LONGEST_ELEMENT_HEADER]
        group, element, vr, short, long = encoding.head(held.ljust(LONGEST_ELEMENT_HEADER, b"\0"), 0)
        if group < FIRST_GROUP_OF_DATA_SET or held.startswith(_SPACES):
            raise UnsureError
        tag = group << 16 | element
        if encoding.implicit or (delimiters_allowed and group == GROUP_OF_DELIMITERS):
            return tag, position + 8, encoding.long(held, 4)[0]
        if vr in LONG_VRS:
            if len(held) < LONGEST_ELEMENT_HEADER:
                start = self._base + position
                miss(self.window, start + len(held), start + LONGEST_ELEMENT_HEADER)
            return tag, position + 12, long
        if not is_vr(vr):
            raise UnsureError
        return tag, position + 8, short

    def _holds_items(self, tag: int, position: int) -> bool:
        """Tell whether a value of undefined length is a sequence, rather than fragments."""
        if self._encoding.implicit:
            return may_be_sequence(tag)
        return self._data[position + 4 : position + 6] in VRS_OF_ITEMS
