"""The fast path: reads what nearly all objects are, and is unsure of anything unusual.

Headers repeat the same element headers (tag, VR, length) over and over. The eight bytes of one tell how far the next
one is; that is remembered, and going on is one look-up, or one for a whole row of elements (`Leap`). Whatever it is
unsure of the careful reader decides. Both give the same answers, so which of them read an object never matters.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import count
from typing import NoReturn, TypeVar

from dicom_sieve.criteria.attribute import FIRST_GROUP_BEHIND_HEADER, FIRST_GROUP_OF_DATA_SET
from dicom_sieve.criteria.values import PADDING
from dicom_sieve.headers.elements import (
    END_OF_ITEM,
    END_OF_SEQUENCE,
    GROUP_OF_DELIMITERS,
    ITEM,
    LONG_VRS,
    LONGEST_VALUE,
    UNDEFINED_LENGTH,
)
from dicom_sieve.headers.header import Header, Instance
from dicom_sieve.headers.leaps import Leaps, Seen
from dicom_sieve.headers.texts import (
    LARGEST_HEADER,
    LONGEST_UID,
    SOP_INSTANCE_UID,
    has_damaged_uid,
    header_of,
    texts_of,
    wanted_tags,
)
from dicom_sieve.headers.window import MissingBytesError, NeedMore, Window

T = TypeVar("T")

IMPLICIT = b"1.2.840.10008.1.2"
BIG_ENDIAN = b"1.2.840.10008.1.2.2"
EXPLICIT = frozenset(
    {b"1.2.840.10008.1.2.1"}
    | {b"1.2.840.10008.1.2.4.%d" % number for number in (*range(50, 95), *range(100, 130), *range(201, 204))}
    | {b"1.2.840.10008.1.2.5"}
)
"""Transfer syntaxes known to be explicit VR little endian, not deflated (PS3.5 annex A); any other is unusual here."""

MOST_KNOWN = 50_000
FIRST_TO_LEARN_FROM = 16
LEARNS_FROM_EACH = 128
"""Leaps are learnt from the first headers, and then from one in so many."""
_LONG = -1
"""Stands for the step over an element whose length is in the four bytes behind its first eight."""
_UNDEFINED = -2
"""Stands for the step into an element or an item whose length is undefined."""
_END = -3
"""Stands for the step out of such a one, over the delimiter at its end."""
_OPENS = {_UNDEFINED: 1, _END: -1}
_NOT_KNOWN = (0, 0)


@dataclass(frozen=True, slots=True)
class _Encoding:
    """How a data set is encoded, and the steps over what is known in it, by its first eight bytes.

    Attributes:
        implicit: Whether VRs are implicit.
        order: Of bytes, as `struct` names it.
        steps: Over elements that are not wanted, in bytes.
        wanted: Over elements that are wanted, with their tags.
        nested: Over elements within items.
        items: Over items, and what delimits them.
        leaps: Over many elements at once.
        count: Gives 0, 1, 2 …, one for each header.
        head: Unpacks group, element, VR, length of 16 bits, length of 32 bits.
        long: Unpacks a length of 32 bits.
    """

    implicit: bool
    order: str
    steps: dict[bytes, int] = field(default_factory=dict)
    wanted: dict[bytes, tuple[int, int]] = field(default_factory=dict)
    nested: dict[bytes, int] = field(default_factory=dict)
    items: dict[bytes, int] = field(default_factory=dict)
    leaps: Leaps = field(default_factory=Leaps)
    count: "count[int]" = field(default_factory=count)
    head: Callable[[bytes, int], tuple[int, int, bytes, int, int]] = field(init=False)
    long: Callable[[bytes, int], tuple[int]] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "head", struct.Struct(f"{self.order}HH2sHL").unpack_from)
        object.__setattr__(self, "long", struct.Struct(f"{self.order}L").unpack_from)

    def is_to_learn_from_next(self) -> bool:
        """Tell whether to learn leaps from the next header; to be asked once for each."""
        number = next(self.count)
        return number < FIRST_TO_LEARN_FROM or number % LEARNS_FROM_EACH == 0


_IMPLICIT = _Encoding(implicit=True, order="<")
_EXPLICIT = _Encoding(implicit=False, order="<")
_BIG_ENDIAN = _Encoding(implicit=False, order=">")
_META_STEPS: dict[bytes, int] = {}
"""Over elements of the file meta information but the one that names the transfer syntax."""

LARGEST_SHARED = 4096
"""In bytes of values: the headers of most instances are smaller, and the 512 that are kept take few MiB."""

LONGEST_KEPT = 64
"""In bytes of a value, whose texts are kept: headers that differ still have most of their values in common."""

_PREAMBLE = 132
_TRANSFER_SYNTAX_UID = 0x0010
"""Its number within group 0002."""
_SHORTEST_ELEMENT_HEADER = 8
_LONGEST_ELEMENT_HEADER = 12
_FIRST_TAG_BEHIND_HEADER = FIRST_GROUP_BEHIND_HEADER << 16
_WANTED = wanted_tags()
_unpack = _EXPLICIT.head


def read_quickly(window: Window) -> Instance | NeedMore | None:
    """Read the header of one object, if it is a usual one.

    Args:
        window: What has been read of the object, which has at least one byte.

    Returns:
        What the careful reader would give, up to which missing byte is named first; or None: unsure.
    """
    data = window.contiguous(0)
    try:
        encoding, start = _read_meta(window, data)
        collected = _Values(window, data, start, encoding)
        collected.collect()
    except MissingBytesError as missing:
        return NeedMore(missing.offset)
    except _Unsure:
        return None
    values = collected.values
    size = sum(map(len, values.values()))
    if size > LARGEST_HEADER:
        return None
    uid = values.pop(SOP_INSTANCE_UID, b"").decode("latin-1").rstrip(PADDING)
    make = _header if size <= LARGEST_SHARED else _header.__wrapped__
    header = make(tuple(values.items()))
    if header is None or len(uid) > LONGEST_UID or "\\" in uid or "\0" in uid:
        return None
    return Instance(header, uid or None)


def _read_meta(window: Window, data: bytes) -> tuple[_Encoding, int]:
    """Read the file meta information (PS3.10 7.1): how what is behind it is encoded, and where it ends."""
    position, syntax = _PREAMBLE, b""
    if len(data) >= _PREAMBLE and data[128:132] != b"DICM":
        raise _Unsure
    while True:
        while step := _META_STEPS.get(data[position : position + 8]):
            position += step
        if position + _LONGEST_ELEMENT_HEADER > len(data):
            _miss(window, len(data), position + _LONGEST_ELEMENT_HEADER)
        group, element, vr, short, long = _unpack(data, position)
        if group != 0x0002:
            break
        if not b"AA" <= vr <= b"ZZ" or (vr in LONG_VRS and long == UNDEFINED_LENGTH):
            raise _Unsure
        start = position + (12 if vr in LONG_VRS else 8)
        end = start + (long if vr in LONG_VRS else short)
        if element == _TRANSFER_SYNTAX_UID:
            syntax = data[start:end].rstrip(b" \0")
        elif start == position + 8:
            _remember(_META_STEPS, data[position:start], end - position)
        position = end
    encoding = _encoding(syntax)
    if encoding.head(data, position)[0] < FIRST_GROUP_OF_DATA_SET or encoding.implicit == _is_vr(vr):
        raise _Unsure
    return encoding, position


def _encoding(syntax: bytes) -> _Encoding:
    if syntax in EXPLICIT:
        return _EXPLICIT
    if syntax == IMPLICIT:
        return _IMPLICIT
    if syntax == BIG_ENDIAN:
        return _BIG_ENDIAN
    raise _Unsure


class _Unsure(Exception):  # noqa: N818 - no error: the careful reader takes over
    """Something is unusual. Never leaves this module."""


class _Values:
    """The wanted values of a data set, collected from its first element to the first one behind the header."""

    def __init__(self, window: Window, data: bytes, start: int, encoding: _Encoding) -> None:
        self.values: dict[int, bytes] = {}
        self._window = window
        self._encoding = encoding
        # Where ``_data`` begins in the object, and where the next element begins in ``_data``.
        self._base, self._data, self._position = 0, data, start

    def collect(self) -> None:
        """Go through the elements: those that are known in one look-up each.

        Raises:
            MissingBytesError: A byte is needed that the window does not hold.
            _Unsure: Something is unusual.
        """
        encoding = self._encoding
        step_of, wanted_of, long, leap_of = encoding.steps.get, encoding.wanted.get, encoding.long, encoding.leaps.get
        values, is_to_learn = self.values, encoding.is_to_learn_from_next()
        is_within = True
        while is_within:
            data, position = self._data, self._position
            within = len(data)
            while True:
                head = data[position : position + 8]
                leap = leap_of(head)
                if leap is not None and position + leap.size <= within:
                    position = encoding.leaps.take(leap, data, position, values)
                    continue
                if step := step_of(head):
                    if step == _LONG:
                        if position + 12 > within or (length := long(data, position + 8)[0]) == UNDEFINED_LENGTH:
                            break
                        step = 12 + length
                    position += step
                    continue
                tag, step = wanted_of(head, _NOT_KNOWN)
                if not step or position + step > within:
                    break
                values[tag] = data[position + 8 : position + step]
                position += step
            if is_to_learn:
                self._learn(position)
            self._position = position
            is_within = self._take()

    def _learn(self, end: int) -> None:
        """Make leaps over what was gone through in single steps, from the position to ``end``."""
        encoding, data, position = self._encoding, self._data, self._position
        within = min(end, len(data))
        row: list[Seen] = []
        while position < end:
            head = data[position : position + 8]
            leap = encoding.leaps.get(head)
            if leap is not None and position + leap.size <= within and leap.is_at(data, position):
                encoding.leaps.learn(row)
                row, position = [], position + leap.size
                continue
            tag, step = encoding.wanted.get(head) or (0, encoding.steps.get(head, 0))
            if not step:  # forgotten meanwhile
                return
            if step == _LONG:
                head = data[position : position + 12]
                step = 12 + encoding.long(head, 8)[0]
            row.append(Seen(head, step, tag))
            position += step
        encoding.leaps.learn(row)

    def _take(self) -> bool:
        """Take the element that is next; False where it is behind the header, or the object ends."""
        if not self._turn_to_next():
            return False
        data, position = self._data, self._position
        tag, value, length = self._element_at(data, position)
        if tag >= _FIRST_TAG_BEHIND_HEADER:
            if tag >> 16 == GROUP_OF_DELIMITERS:
                raise _Unsure
            return False
        head, is_long = data[position : position + 8], value != position + 8
        if tag not in _WANTED and (is_long or length != UNDEFINED_LENGTH):
            _remember(self._encoding.steps, head, _LONG if is_long else 8 + length)
        if length == UNDEFINED_LENGTH:
            self._skip_items(tag, self._base + value)
            return True
        self._position = end = value + length
        if tag in _WANTED:
            if length > LONGEST_VALUE:
                raise _Unsure
            if end > len(data):
                _miss(self._window, self._base + len(data), self._base + end)
            self.values[tag] = data[value:end]
            if not is_long:
                _remember(self._encoding.wanted, head, (tag, end - position))
        return True

    def _turn_to_next(self) -> bool:
        """Look at the part of the window in which the next element begins; False where the object ends instead.

        What is looked at holds the element's header, which is shorter than the longest one only at the object's end.
        """
        if self._position + _LONGEST_ELEMENT_HEADER <= len(self._data):
            return True
        offset, size = self._base + self._position, self._window.size
        if offset == size:
            return False
        self._base, self._data, self._position = offset, self._window.contiguous(offset), 0
        end = offset + _LONGEST_ELEMENT_HEADER
        if offset + _SHORTEST_ELEMENT_HEADER <= size < end:
            end = size
        if offset + len(self._data) < end:
            _miss(self._window, offset + len(self._data), end)
        return True

    def _skip_items(self, tag: int, start: int) -> None:
        """Move behind a value of undefined length: items, in them elements, in them values again, to any depth."""
        if tag in _WANTED:
            raise _Unsure
        self._position = start - self._base
        levels = 1  # open values and items, in turn: in an item where even
        while levels:
            levels = self._skip_known(levels)
            if levels:
                if not self._turn_to_next():
                    raise _Unsure
                levels += self._take_nested(is_in_item=levels % 2 == 0)

    def _skip_known(self, levels: int) -> int:
        """Go on while items and elements are known, at most to the value's end; give the levels that are left open."""
        data, position = self._data, self._position
        known, long = (self._encoding.nested, self._encoding.items), self._encoding.long
        while levels and (step := known[levels % 2].get(data[position : position + 8])) is not None:
            if step == _LONG:
                if position + 12 > len(data):
                    break
                (length,) = long(data, position + 8)
                position += 12
                step = _UNDEFINED if length == UNDEFINED_LENGTH else length
            else:
                position += 8
            if step == _UNDEFINED:
                levels += 1
            elif step == _END:
                levels -= 1
            else:
                position += step
        self._position = position
        return levels

    def _take_nested(self, *, is_in_item: bool) -> int:
        """Take what is next within a value of undefined length, and tell how many levels that opens."""
        data, position = self._data, self._position
        tag, value, length = self._element_at(data, position, delimiters_allowed=True)
        is_long = value != position + 8
        if tag == (END_OF_ITEM if is_in_item else END_OF_SEQUENCE):
            step = _END
        elif is_in_item == (tag >> 16 == GROUP_OF_DELIMITERS) or not (is_in_item or tag == ITEM):
            raise _Unsure
        else:
            step = _UNDEFINED if length == UNDEFINED_LENGTH else length
        self._position = value + max(step, 0)
        known = self._encoding.nested if is_in_item else self._encoding.items
        _remember(known, data[position : position + 8], _LONG if is_long else step)
        return _OPENS.get(step, 0)

    def _element_at(self, data: bytes, position: int, *, delimiters_allowed: bool = False) -> tuple[int, int, int]:
        """Give tag, offset of the value, and length of an element, of which ``data`` holds eight bytes or more."""
        encoding = self._encoding
        held = data[position : position + _LONGEST_ELEMENT_HEADER]
        group, element, vr, short, long = encoding.head(held.ljust(_LONGEST_ELEMENT_HEADER, b"\0"), 0)
        if group < FIRST_GROUP_OF_DATA_SET:
            raise _Unsure
        tag = group << 16 | element
        if encoding.implicit or (delimiters_allowed and group == GROUP_OF_DELIMITERS):
            return tag, position + 8, encoding.long(held, 4)[0]
        if vr in LONG_VRS:
            if len(held) < _LONGEST_ELEMENT_HEADER:
                raise _Unsure
            return tag, position + 12, long
        if not b"AA" <= vr <= b"ZZ":
            raise _Unsure
        return tag, position + 8, short


def _remember(known: dict[bytes, T], head: bytes, what: T) -> None:
    if len(known) >= MOST_KNOWN:  # only what is made to do so has so many
        known.clear()
    known[head] = what


def _miss(window: Window, offset: int, end: int) -> NoReturn:
    """Ask for what is missing up to ``end``, unless the object ends before: then something is unusual."""
    if end > window.size:
        raise _Unsure
    raise MissingBytesError(offset)


def _is_vr(vr: bytes) -> bool:
    return vr.isalpha() and vr.isupper()


@lru_cache(maxsize=512)
def _header(values: tuple[tuple[int, bytes], ...]) -> Header | None:
    """Make the header of these values; the instances of a series share one."""
    texts = {tag: (_known_texts if len(value) <= LONGEST_KEPT else texts_of)(value) for tag, value in values}
    return None if has_damaged_uid(texts) else header_of(texts)


_known_texts = lru_cache(maxsize=4096)(texts_of)
