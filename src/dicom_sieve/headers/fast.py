"""The fast path: reads what nearly all objects are, and is unsure of anything unusual.

Headers repeat the same element headers (tag, VR, length) over and over. The eight bytes of one tell how far the next
one is; that is remembered, and going on is one look-up. Whatever it is unsure of the careful reader decides. Both give
the same answers, so which of them read an object never matters.
"""

import struct
from functools import lru_cache
from typing import NoReturn, TypeVar

from dicom_sieve.criteria.attribute import FIRST_GROUP_BEHIND_HEADER, FIRST_GROUP_OF_DATA_SET
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
from dicom_sieve.headers.texts import (
    LARGEST_HEADER,
    SOP_INSTANCE_UID,
    header_of,
    is_damaged_uid,
    texts_of,
    uid_of,
    wanted_tags,
)
from dicom_sieve.headers.window import MissingBytesError, NeedMore, Window

T = TypeVar("T")

IMPLICIT = b"1.2.840.10008.1.2"
EXPLICIT = frozenset(
    {b"1.2.840.10008.1.2.1"}
    | {b"1.2.840.10008.1.2.4.%d" % number for number in (*range(50, 95), *range(100, 130), *range(201, 204))}
    | {b"1.2.840.10008.1.2.5"}
)
"""Transfer syntaxes known to be explicit VR little endian, not deflated (PS3.5 annex A); any other is unusual here."""

MOST_KNOWN = 50_000
_STEPS: dict[bool, dict[bytes, int]] = {False: {}, True: {}}
"""By implicit VR: the first eight bytes of an element that is not wanted, and how far the next one is, in bytes."""
_WANTED_STEPS: dict[bool, dict[bytes, tuple[int, int]]] = {False: {}, True: {}}
"""The same of elements that are wanted, with their tags."""
_NESTED_STEPS: dict[bool, dict[bytes, int]] = {False: {}, True: {}}
"""The same of elements within items."""
_NOT_KNOWN = (0, 0)

LARGEST_SHARED = 4096
"""In bytes of values: the headers of most instances are smaller, and the 512 that are kept take few MiB."""

_PREAMBLE = 132
_LONGEST_ELEMENT_HEADER = 12
_FIRST_TAG_BEHIND_HEADER = FIRST_GROUP_BEHIND_HEADER << 16
_WANTED = wanted_tags()
_explicit = struct.Struct("<HH2sHL").unpack_from


def read_quickly(window: Window) -> Instance | NeedMore | None:
    """Read the header of one object, if it is a usual one.

    Args:
        window: What has been read of the object, which has at least one byte.

    Returns:
        What the careful reader would give, up to which missing byte is named first; or None: unsure.
    """
    data = window.contiguous(0)
    try:
        implicit, start = _read_meta(window, data)
        collected = _Values(window, data, start, implicit=implicit)
        collected.collect()
    except MissingBytesError as missing:
        return NeedMore(missing.offset)
    except _Unsure:
        return None
    values = collected.values
    size = sum(map(len, values.values()))
    if size > LARGEST_HEADER:
        return None
    uid = texts_of(values.pop(SOP_INSTANCE_UID, b""))
    make = _header if size <= LARGEST_SHARED else _header.__wrapped__
    header = make(tuple(values.items()))
    if header is None or is_damaged_uid(SOP_INSTANCE_UID, uid):
        return None
    return Instance(header, uid_of({SOP_INSTANCE_UID: uid}, SOP_INSTANCE_UID))


def _read_meta(window: Window, data: bytes) -> tuple[bool, int]:
    """Read the file meta information (PS3.10 7.1): whether VRs are implicit behind it, and where it ends."""
    position, syntax = _PREAMBLE, b""
    if len(data) >= _PREAMBLE and data[128:132] != b"DICM":
        raise _Unsure
    while True:
        if position + _LONGEST_ELEMENT_HEADER > len(data):
            _miss(window, len(data), position + _LONGEST_ELEMENT_HEADER)
        group, element, vr, short, long = _explicit(data, position)
        if group != 0x0002:
            break
        if not b"AA" <= vr <= b"ZZ" or (vr in LONG_VRS and long == UNDEFINED_LENGTH):
            raise _Unsure
        start = position + (12 if vr in LONG_VRS else 8)
        position = start + (long if vr in LONG_VRS else short)
        if element == 0x0010:
            syntax = data[start:position].rstrip(b" \0")
    implicit = syntax == IMPLICIT
    if group < FIRST_GROUP_OF_DATA_SET or not (implicit or syntax in EXPLICIT) or implicit == _is_vr(vr):
        raise _Unsure
    return implicit, position


class _Unsure(Exception):  # noqa: N818 - no error: the careful reader takes over
    """Something is unusual. Never leaves this module."""


class _Values:
    """The wanted values of a data set, collected from its first element to the first one behind the header."""

    def __init__(self, window: Window, data: bytes, start: int, *, implicit: bool) -> None:
        self.values: dict[int, bytes] = {}
        self._window = window
        self._implicit = implicit
        self._steps, self._wanted = _STEPS[implicit], _WANTED_STEPS[implicit]
        # Where ``_data`` begins in the object, and where the next element begins in ``_data``.
        self._base, self._data, self._position = 0, data, start

    def collect(self) -> None:
        """Go through the elements: those that are known in one look-up each.

        Raises:
            MissingBytesError: A byte is needed that the window does not hold.
            _Unsure: Something is unusual.
        """
        step_of, wanted_of, values = self._steps.get, self._wanted.get, self.values
        is_within = True
        while is_within:
            data, position = self._data, self._position
            while True:
                head = data[position : position + 8]
                if step := step_of(head):
                    position += step
                    continue
                tag, step = wanted_of(head, _NOT_KNOWN)
                if not step or position + step > len(data):
                    break
                values[tag] = data[position + 8 : position + step]
                position += step
            self._position = position
            is_within = self._take()

    def _take(self) -> bool:
        """Take the element that is next; False where it is behind the header, or the object ends."""
        if not self._turn_to_next():
            return False
        data, position = self._data, self._position
        tag, value, length = _element_at(data, position, self._implicit)
        if tag >= _FIRST_TAG_BEHIND_HEADER:
            if tag >> 16 == GROUP_OF_DELIMITERS:
                raise _Unsure
            return False
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
        if value == position + 8 and tag in _WANTED:
            _remember(self._wanted, data[position:value], (tag, end - position))
        elif value == position + 8:
            _remember(self._steps, data[position:value], end - position)
        return True

    def _turn_to_next(self) -> bool:
        """Look at the part of the window in which the next element begins; False where the object ends instead."""
        if self._position + _LONGEST_ELEMENT_HEADER <= len(self._data):
            return True
        offset = self._base + self._position
        if offset == self._window.size:
            return False
        self._base, self._data, self._position = offset, self._window.contiguous(offset), 0
        if len(self._data) < _LONGEST_ELEMENT_HEADER:
            _miss(self._window, offset + len(self._data), offset + _LONGEST_ELEMENT_HEADER)
        return True

    def _skip_items(self, tag: int, start: int) -> None:
        """Move behind a value of undefined length: items, in them elements, in them values again, to any depth."""
        if tag in _WANTED:
            raise _Unsure
        steps, self._position = _NESTED_STEPS[self._implicit], start - self._base
        levels = 1  # open values and items, in turn: in an item where even
        while levels:
            data, position = self._data, self._position
            while levels % 2 == 0 and (step := steps.get(data[position : position + 8])):
                position += step
            self._position = position
            if not self._turn_to_next():
                raise _Unsure
            levels += self._take_nested(steps, is_in_item=levels % 2 == 0)

    def _take_nested(self, steps: dict[bytes, int], *, is_in_item: bool) -> int:
        """Take what is next within a value of undefined length, and tell how many levels that opens."""
        data, position = self._data, self._position
        tag, value, length = _element_at(data, position, self._implicit, delimiters_allowed=True)
        if tag == (END_OF_ITEM if is_in_item else END_OF_SEQUENCE):
            self._position = value
            return -1
        if is_in_item == (tag >> 16 == GROUP_OF_DELIMITERS) or not (is_in_item or tag == ITEM):
            raise _Unsure
        self._position = value if length == UNDEFINED_LENGTH else value + length
        if length == UNDEFINED_LENGTH:
            return 1
        if is_in_item and value == position + 8:
            _remember(steps, data[position:value], 8 + length)
        return 0


def _element_at(
    data: bytes, position: int, implicit: bool, *, delimiters_allowed: bool = False
) -> tuple[int, int, int]:
    """Give tag, offset of the value, and length of an element."""
    group, element, vr, short, long = _explicit(data, position)
    if group < FIRST_GROUP_OF_DATA_SET:
        raise _Unsure
    tag = group << 16 | element
    if implicit or (delimiters_allowed and group == GROUP_OF_DELIMITERS):
        return tag, position + 8, int.from_bytes(data[position + 4 : position + 8], "little")
    if vr in LONG_VRS:
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
    texts = {tag: texts_of(value) for tag, value in values}
    return None if any(is_damaged_uid(tag, text) for tag, text in texts.items()) else header_of(texts)
