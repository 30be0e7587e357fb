"""The data set: its elements in the order in which they stand, to the last one that can be asked for, and on.

Elements shall ascend (PS3.5 7.1), and nearly always do: then nothing wanted stands behind the last tag that can be
asked for. Where what every object has to have did not come by then, they do not: from there on elements are passed over
by their lengths, to the object's end (ADR 19).
"""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise

from pydicom.datadict import dictionary_VR

from dicom_sieve.dicom.kept import PER_FRAME_FUNCTIONAL_GROUPS
from dicom_sieve.headers.defects import Damage
from dicom_sieve.headers.element import Element
from dicom_sieve.headers.elements import (
    END_OF_ITEM,
    END_OF_SEQUENCE,
    GROUP_OF_DELIMITERS,
    SHORTEST_ELEMENT_HEADER,
    UNDEFINED_LENGTH,
    Budget,
    DamagedError,
    ElementHeader,
    TooLargeError,
    is_fill,
    is_implicit,
    pass_over,
    read_element_header,
)
from dicom_sieve.headers.values import RECOGNITION_CODE
from dicom_sieve.headers.vocabulary import Vocabulary
from dicom_sieve.headers.window import Window

FIRST_TAG_OF_PIXELS = 0x7FE00000
LARGEST_FILL = 64 * 1024
"""In bytes: behind more zeros nothing is looked for."""
_ZEROS = bytes(SHORTEST_ELEMENT_HEADER)
_SPACES = (0x20202020, 0x20202020)
"""Tag and length, as eight spaces read."""
_NO_GROUPS = {0x0000, _SPACES[0] >> 16, GROUP_OF_DELIMITERS}
"""Of what may stand where an element should, and is none."""


@dataclass(slots=True)
class Trail:
    """Which elements were come upon; it tells what may lie behind the place where reading ends.

    Attributes:
        tags: Of the elements, in their order.
        is_read: Whether the last one was passed whole.
        is_behind_pixels: Whether pixels, or what stands behind them, were passed.
    """

    tags: list[int] = field(default_factory=list)
    is_read: bool = False
    is_behind_pixels: bool = False

    def come_to(self, tag: int) -> None:
        """Say that an element header was read."""
        self.tags.append(tag)
        self.is_read = False

    def passed(self, tag: int, *, is_read: bool) -> None:
        """Say that an element was passed, and whether the object holds all of it."""
        self.is_read = is_read
        if is_read and tag >= FIRST_TAG_OF_PIXELS:
            self.is_behind_pixels = True

    @property
    def tag(self) -> int:
        """The tag of the element that was come upon last; 0 before the first."""
        return self.tags[-1] if self.tags else 0

    @property
    def unreadable_from(self) -> int:
        """The lowest tag of which the element may still come.

        A tag that the dictionary does not have may be none, but a part of a value before it, whose length is wrong.
        """
        if any(tag > following for tag, following in pairwise(self.tags)):
            return 0
        return next((tag for tag in reversed(self.tags) if is_known(tag)), 0)


def read_data_set(
    window: Window,
    vocabulary: Vocabulary,
    budget: Budget,
    trail: Trail,
    *,
    is_placed: Callable[[], bool],
    is_complete: Callable[[], bool],
    implicit: bool,
    little_endian: bool = True,
) -> Iterator[Element]:
    """Give the wanted elements of a data set.

    It ends behind the last tag that can be asked for, where what is expected has come. Else elements of known length
    are passed over, unread. At one of undefined length reading ends: what follows it could be found only by reading its
    value.

    Args:
        window: The object, placed at the first element.
        vocabulary: Tells which are wanted.
        budget: Spent on every element, those in items included.
        trail: Is kept as reading goes.
        is_placed: Tells whether what the header needs at least was given; until it is, reading does not end.
        is_complete: Tells whether all that is expected was given: then elements stand where they should.
        implicit: Whether VRs should be implicit; the first element shows whether they are.
        little_endian: The order of bytes.

    Yields:
        Elements, without a value that is not kept: one that is too long, or a sequence that is not wanted.

    Raises:
        DamagedError: The object ends in the middle of something, or something is there that can be no element.
        MissingBytesError: From the window.
        TooLargeError: From the budget; or there is too much fill, or too much in the groups of frames.
    """
    implicit = is_implicit(window, assumed=implicit)
    last_wanted, size = vocabulary.last_tag, window.size
    while not (trail.is_behind_pixels and size - window.tell() < SHORTEST_ELEMENT_HEADER):
        budget.spend()
        header = read_element_header(window, implicit=implicit, little_endian=little_endian)
        if header is None:
            return
        tag, vr, length = header
        if tag >> 16 in _NO_GROUPS and (is_end := _is_end(window, header)) is not None:
            if is_end:
                return
            continue
        trail.come_to(tag)
        is_last = tag > last_wanted and is_known(tag)
        if is_last and (is_complete() or (length == UNDEFINED_LENGTH and is_placed())):
            return
        is_wanted = vocabulary.wants(tag) or tag == RECOGNITION_CODE
        if is_wanted or length == UNDEFINED_LENGTH:
            longest = vocabulary.longest(tag)
            is_bounded = is_wanted and tag == PER_FRAME_FUNCTIONAL_GROUPS
            if is_bounded and longest < length < UNDEFINED_LENGTH:
                raise TooLargeError
            value = pass_over(
                window,
                budget,
                header,
                implicit=implicit,
                little_endian=little_endian,
                longest=longest,
                with_items=vocabulary.has_items(tag),
                at_most=longest if is_bounded else None,
            )
            if is_wanted:
                yield Element(tag, vr, value, implicit, little_endian)
        else:
            window.seek(length, io.SEEK_CUR)
        trail.passed(tag, is_read=window.tell() <= size)
        if (is_last or trail.is_behind_pixels) and not trail.is_read:
            return  # what cannot be asked for may be cut short


def _is_end(window: Window, header: ElementHeader) -> bool | None:
    """Tell whether the data set ends where no element is; None where one is.

    Zeros are passed over, and a delimiter of a sequence that is left over; spaces end the data set, and a delimiter of
    an item.

    Raises:
        DamagedError: Something is there that can be none of these; or something follows the delimiter of an item,
            which pydicom would not read.
        MissingBytesError: From the window.
        TooLargeError: There are too many zeros.
    """
    tag, _, length = header
    if tag == length == 0:
        pass_zeros(window)
        return False
    if tag >> 16 != GROUP_OF_DELIMITERS:
        return True if (tag, length) == _SPACES else None
    if length == 0 and tag == END_OF_SEQUENCE:
        return False
    if length == 0 and tag == END_OF_ITEM and is_fill(window.read(SHORTEST_ELEMENT_HEADER)):
        return True
    raise DamagedError(Damage.CONTRADICTORY)


def pass_zeros(window: Window) -> None:
    """Pass over zeros, as many at a time as an element header has, for so pydicom does.

    Raises:
        MissingBytesError: From the window.
        TooLargeError: There are too many of them.
    """
    start = here = window.tell()
    while window.read(SHORTEST_ELEMENT_HEADER) == _ZEROS:
        here = window.tell()
        if here - start > LARGEST_FILL:
            raise TooLargeError
    window.seek(here)


@lru_cache(maxsize=4096)
def is_known(tag: int) -> bool:
    """Tell whether the dictionary has a tag."""
    try:
        return bool(dictionary_VR(tag))
    except KeyError:
        return False
