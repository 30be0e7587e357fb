"""The items of a sequence that was read whole, each with its elements (PS3.5 7.5)."""

import io
from collections.abc import Iterator

from dicom_sieve.dicom.kept import LONGEST_KEPT
from dicom_sieve.headers.defects import Damage
from dicom_sieve.headers.element import Element
from dicom_sieve.headers.elements import (
    END_OF_ITEM,
    END_OF_SEQUENCE,
    GROUP_OF_DELIMITERS,
    ITEM,
    UNDEFINED_LENGTH,
    Budget,
    DamagedError,
    holds_items,
    is_implicit,
    read_element_header,
    skip_items,
)
from dicom_sieve.headers.window import Window

_ELEMENTS = 200_000
"""More than the longest sequence that is read can have."""


def read_items(sequence: Element) -> Iterator[dict[int, Element]]:
    """Give the elements of each item, by tag; of an element that comes twice, the later.

    Args:
        sequence: With its value, which a delimiter may end.

    Raises:
        DamagedError: What is there can be no item, or the sequence ends within one.
        TooLargeError: There are too many elements.
    """
    value = sequence.value or b""
    window, budget = Window(len(value)), Budget(_ELEMENTS)
    window.add(0, value)
    while window.tell() < window.size:
        header = read_element_header(window, implicit=True, little_endian=sequence.little_endian)
        if header is None or header[0] == END_OF_SEQUENCE:
            return
        tag, _, length = header
        if tag == END_OF_ITEM and length == 0:
            continue
        if tag != ITEM:
            raise DamagedError(Damage.CONTRADICTORY)
        start = window.tell()
        end = window.size if length == UNDEFINED_LENGTH else start + length
        if end > window.size:
            raise DamagedError(Damage.CUT)
        yield {element.tag: element for element in _elements(window, end, sequence, budget)}
        if length != UNDEFINED_LENGTH:
            window.seek(end)


def _elements(window: Window, end: int, sequence: Element, budget: Budget) -> Iterator[Element]:
    """Give the elements of an item, up to its delimiter, or its end."""
    little_endian = sequence.little_endian
    implicit = sequence.implicit or is_implicit(window, assumed=False)
    while window.tell() < end:
        budget.spend()
        header = read_element_header(window, implicit=implicit, little_endian=little_endian)
        if header is None or header[0] == END_OF_ITEM:
            return
        tag, vr, length = header
        if tag >> 16 == GROUP_OF_DELIMITERS:
            raise DamagedError(Damage.CONTRADICTORY)
        start, value = window.tell(), None
        if length == UNDEFINED_LENGTH:
            skip_items(window, budget, header, implicit=implicit, little_endian=little_endian)
            value = _between(window, start, window.tell())
        elif length <= LONGEST_KEPT or holds_items(tag, vr):
            value = window.read(length)
        else:
            window.seek(length, io.SEEK_CUR)
        if window.tell() > end or (value is not None and length not in (len(value), UNDEFINED_LENGTH)):
            raise DamagedError(Damage.CUT)
        yield Element(tag, vr, value, implicit, little_endian)


def _between(window: Window, start: int, end: int) -> bytes:
    window.seek(start)
    return window.read(end - start)
