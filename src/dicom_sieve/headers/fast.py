"""The fast path: reads what nearly all objects are, and is unsure of anything unusual.

Headers repeat the same element headers (tag, VR, length) over and over. The eight bytes of one tell how far the next
one is; that is remembered, and going on is one look-up, or one for a whole row of elements (`Leap`). Whatever it is
unsure of the careful reader decides. Both give the same answers, so which of them read an object never matters.
"""

from collections.abc import Sequence
from functools import lru_cache

from dicom_sieve.criteria.attribute import FIRST_GROUP_BEHIND_HEADER, FIRST_GROUP_OF_DATA_SET
from dicom_sieve.criteria.values import PADDING
from dicom_sieve.headers import meta
from dicom_sieve.headers.deflated import inflate, inflated_window
from dicom_sieve.headers.elements import (
    END_OF_ITEM,
    END_OF_SEQUENCE,
    GROUP_OF_DELIMITERS,
    ITEM,
    LONG_VRS,
    LONGEST_ELEMENT_HEADER,
    LONGEST_VALUE,
    SHORTEST_ELEMENT_HEADER,
    UNDEFINED_LENGTH,
)
from dicom_sieve.headers.encoding import ENCODINGS, END, EXPLICIT, LONG, UNDEFINED, Encoding, UnsureError, remember
from dicom_sieve.headers.header import Header, Instance
from dicom_sieve.headers.leaps import SHORTEST_LEAP, Head, find, rows
from dicom_sieve.headers.meta import check_start, miss, read_meta
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

LARGEST_SHARED = 4096
"""In bytes of values: the headers of most instances are smaller, and the 512 that are kept take few MiB."""
LONGEST_KEPT = 64
"""In bytes of a value, whose texts are kept: headers that differ still have most of their values in common."""
MOST_VALUES = 2_000
"""Of one header: only where elements are repeated are there more."""
INFLATED_FIRST = 16 * 1024
"""In bytes: most headers are smaller, and what is behind them is most of a deflated object."""

_FIRST_TAG_BEHIND_HEADER = FIRST_GROUP_BEHIND_HEADER << 16
_NOT_KNOWN = (0, 0)
_OPENS = {UNDEFINED: 1, END: -1}
_WANTED = wanted_tags()


def read_quickly(window: Window, *, inflated_limit: int) -> Instance | NeedMore | None:
    """Read the header of one object, if it is a usual one.

    Args:
        window: What has been read of the object, which has at least one byte.
        inflated_limit: How many bytes a deflated data set may be inflated to.

    Returns:
        What the careful reader would give, up to which missing byte is named first; or None: unsure.
    """
    reading, window.kept = window.kept, None
    try:
        if isinstance(reading, _Reading):
            reading.look_again()
        else:
            reading = _begin(window, inflated_limit)
        reading.collect()
        if reading.one_by_one >= SHORTEST_LEAP:
            reading.learn()
    except MissingBytesError as missing:
        if isinstance(reading, _Reading) and reading.window is not window:
            return None  # what was inflated first does not hold it
        window.kept = reading
        return NeedMore(missing.offset)
    except UnsureError:
        return None
    uid = reading.pop(SOP_INSTANCE_UID).decode("latin-1").rstrip(PADDING)
    header = reading.header()
    if header is None or len(uid) > LONGEST_UID or "\\" in uid or "\0" in uid:
        return None
    return Instance(header, uid or None)


def forget() -> None:
    """Know nothing any more of what was read before: for who measures, or tests, how it is at first."""
    for encoding in ENCODINGS:
        encoding.forget()
    meta.forget()
    _header.cache_clear()
    _known_texts.cache_clear()


def _begin(window: Window, inflated_limit: int) -> "_Reading":
    """Read the file meta information."""
    data = window.contiguous(0)
    encoding, start = read_meta(window, data)
    if encoding.deflated:
        return _begin_inflated(data[start:], min(INFLATED_FIRST, inflated_limit))
    return _Reading(window, data, start, encoding)


def _begin_inflated(compressed: bytes, limit: int) -> "_Reading":
    """Inflate the start of a data set, in which its header has to be."""
    window = inflated_window(inflate(compressed, limit=limit))
    data = window.contiguous(0)
    if len(data) < LONGEST_ELEMENT_HEADER:
        raise UnsureError
    check_start(EXPLICIT, data, 0)
    return _Reading(window, data, 0, EXPLICIT)


class _Reading:
    """The wanted values of a data set, collected from its first element to the first one behind the header.

    It goes on where it was when a byte was missing.

    Attributes:
        window: In which the data set is.
        leaps: How many were made.
        one_by_one: Elements that no leap was over.
    """

    __slots__ = (
        "_base",
        "_data",
        "_encoding",
        "_levels",
        "_position",
        "_start",
        "_tags",
        "_trace",
        "_values",
        "leaps",
        "one_by_one",
        "window",
    )

    def __init__(self, window: Window, data: bytes, start: int, encoding: Encoding) -> None:
        self.leaps = self.one_by_one = 0
        self.window = window
        self._encoding = encoding
        self._start = start
        # Where ``_data`` begins in the object, and where the next element begins in ``_data``.
        self._base, self._data, self._position = 0, data, start
        # Open values of undefined length, and items in them, in turn: in an item where even, in the data set where 0.
        self._levels = 0
        # Of an element that is repeated, the last counts.
        self._tags: list[int] = []
        self._values: list[bytes] = []
        # Where every element header is to be come upon; else None.
        self._trace: list[Head] | None = None

    def look_again(self) -> None:
        """Find what was put into the window meanwhile."""
        self._data = self.window.contiguous(self._base)

    def pop(self, tag: int) -> bytes:
        """Give a value, and leave it out of the header; empty where there is none."""
        value = b""
        while tag in self._tags:
            place = self._tags.index(tag)
            del self._tags[place]
            value = self._values.pop(place)
        return value

    def header(self) -> Header | None:
        """Make the header of what was collected; None where that is unusual."""
        size = sum(map(len, self._values))
        if size > LARGEST_HEADER:
            return None
        make = _header if size <= LARGEST_SHARED else _header.__wrapped__
        return make(tuple(self._tags), tuple(self._values))

    def collect(self) -> None:
        """Go through the elements: those that are known in one look-up each, or all together.

        Raises:
            MissingBytesError: A byte is needed that the window does not hold.
            UnsureError: Something is unusual.
        """
        while True:
            if self._levels:
                self._go_through_items()
            if self._pass_known() or not self._take():
                return

    def _pass_known(self) -> bool:
        """Go on while elements are known; tell whether what is next is known to be behind the header."""
        encoding, data, position, tags, values = (
            self._encoding,
            self._data,
            self._position,
            self._tags,
            self._values,
        )
        ways_of, step_of, wanted_of = encoding.leaps.get, encoding.steps.get, encoding.wanted.get
        within, made, one_by_one = len(data), 0, 0
        while len(values) < MOST_VALUES:
            head = data[position : position + 8]
            if (ways := ways_of(head)) and (leap := find(ways, data, position)):
                if leap.tags:
                    tags += leap.tags
                    values += leap.values(data, position)
                position += leap.size
                made += 1
                continue
            if step := step_of(head):
                if step == LONG:
                    if position + 12 > within or (length := encoding.long(data, position + 8)[0]) == UNDEFINED_LENGTH:
                        break
                    step = 12 + length
                position += step
            else:
                tag, step = wanted_of(head, _NOT_KNOWN)
                if not step or position + step > within:
                    break
                tags.append(tag)
                values.append(data[position + 8 : position + step])
                position += step
            one_by_one += 1
        else:
            raise UnsureError
        self._position = position
        self.leaps += made
        self.one_by_one += one_by_one
        return head in encoding.ends and position + LONGEST_ELEMENT_HEADER <= within

    def _take(self) -> bool:
        """Take the element that is next; False where it is behind the header, or the object ends."""
        if not self._turn_to_next():
            return False
        data, position = self._data, self._position
        tag, value, length = self._element_at(data, position)
        if tag >= _FIRST_TAG_BEHIND_HEADER:
            if tag >> 16 == GROUP_OF_DELIMITERS:
                raise UnsureError
            remember(self._encoding.ends, data[position : position + 8], True)
            return False
        is_wanted = tag in _WANTED
        self.one_by_one += 1
        if self._trace is not None:
            self._trace.append(Head(self._base + position, data[position:value], tag=tag if is_wanted else 0))
        if is_wanted:
            self._take_value(tag, value, length)
        else:
            self._pass_over(value, length)
        return True

    def _take_value(self, tag: int, value: int, length: int) -> None:
        """Take the value of a wanted element."""
        data, position, end = self._data, self._position, value + length
        if length > LONGEST_VALUE:
            raise UnsureError
        if end > len(data):
            miss(self.window, self._base + len(data), self._base + end)
        self._tags.append(tag)
        self._values.append(data[value:end])
        self._position = end
        if value == position + SHORTEST_ELEMENT_HEADER:
            remember(self._encoding.wanted, data[position:value], (tag, end - position))

    def _pass_over(self, value: int, length: int) -> None:
        """Move behind an element that is not wanted, or into it, where its length is undefined."""
        position = self._position
        head, is_long = self._data[position : position + 8], value != position + SHORTEST_ELEMENT_HEADER
        if is_long or length != UNDEFINED_LENGTH:
            remember(self._encoding.steps, head, LONG if is_long else SHORTEST_ELEMENT_HEADER + length)
        if length == UNDEFINED_LENGTH:
            self._position, self._levels = value, 1
        else:
            self._position = value + length

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
        ways_of, within, made, one_by_one = encoding.leaps_in_items.get, len(data), 0, 0
        while levels:
            head = data[position : position + 8]
            if (ways := ways_of(head)) and (leap := find(ways, data, position)):
                position += leap.size
                made += 1
                continue
            step = known[levels % 2].get(head)
            if step is None:
                break
            if step == LONG:
                if position + 12 > within:
                    break
                (length,) = long(data, position + 8)
                position += 12
                step = UNDEFINED if length == UNDEFINED_LENGTH else length
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
        self.leaps += made
        self.one_by_one += one_by_one

    def _take_nested(self, levels: int) -> int:
        """Take what is next within a value of undefined length, and tell how many levels that opens."""
        data, position = self._data, self._position
        tag, value, length = self._element_at(data, position, delimiters_allowed=True)
        is_in_item, is_long = levels % 2 == 0, value != position + 8
        if tag == (END_OF_ITEM if is_in_item else END_OF_SEQUENCE):
            step = END
        elif is_in_item == (tag >> 16 == GROUP_OF_DELIMITERS) or not (is_in_item or tag == ITEM):
            raise UnsureError
        else:
            step = UNDEFINED if length == UNDEFINED_LENGTH else length
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
        if group < FIRST_GROUP_OF_DATA_SET:
            raise UnsureError
        tag = group << 16 | element
        if encoding.implicit or (delimiters_allowed and group == GROUP_OF_DELIMITERS):
            return tag, position + 8, encoding.long(held, 4)[0]
        if vr in LONG_VRS:
            if len(held) < LONGEST_ELEMENT_HEADER:
                start = self._base + position
                miss(self.window, start + len(held), start + LONGEST_ELEMENT_HEADER)
            return tag, position + 12, long
        if not b"AA" <= vr <= b"ZZ":
            raise UnsureError
        return tag, position + 8, short

    def learn(self) -> None:
        """Learn leaps from the header that was collected, if it is to be learnt from."""
        encoding, end = self._encoding, self._base + self._position
        shape = (end - self._start, self.one_by_one)
        if not encoding.learning.is_due(shape, self.leaps):
            return
        trace = _Reading(self.window, self.window.contiguous(0), self._start, encoding)._go_one_by_one()
        is_new = [(encoding.leaps_in_items if level else encoding.leaps).learn(row) for level, row in rows(trace, end)]
        encoding.learning.spend(shape, len(trace), is_new=any(is_new))

    def _go_one_by_one(self) -> Sequence[Head]:
        """Give the headers of all elements, which are in the window."""
        self._trace = trace = list[Head]()
        while self._take():
            self._go_through_items()
        return trace


@lru_cache(maxsize=512)
def _header(tags: tuple[int, ...], values: tuple[bytes, ...]) -> Header | None:
    """Make the header of these values; the instances of a series share one."""
    texts = {
        tag: (_known_texts if len(value) <= LONGEST_KEPT else texts_of)(value)
        for tag, value in zip(tags, values, strict=True)
    }
    return None if has_damaged_uid(texts) else header_of(texts)


_known_texts = lru_cache(maxsize=4096)(texts_of)
