"""The fast path: reads what nearly all objects are, and is unsure of anything unusual.

Headers repeat the same element headers (tag, VR, length) over and over. The eight bytes of one tell how far the next
one is; that is remembered; going on is one look-up, or one for a row of elements (`RepeatedRow`). Whatever it is unsure
of the careful reader decides. Both give the same answers, so which of them read an object never matters.
"""

from collections.abc import Sequence
from functools import lru_cache

from dicom_sieve.dicom.vr.value_type import PADDING
from dicom_sieve.headers import meta
from dicom_sieve.headers.data_set import is_known
from dicom_sieve.headers.deflated import inflate, inflated_window
from dicom_sieve.headers.elements import (
    GROUP_OF_DELIMITERS,
    LONGEST_ELEMENT_HEADER,
    LONGEST_VALUE,
    SHORTEST_ELEMENT_HEADER,
    UNDEFINED_LENGTH,
)
from dicom_sieve.headers.encoding import ENCODINGS, EXPLICIT, LONG, UNDEFINED, Encoding, UnsureError, remember
from dicom_sieve.headers.header import Header, Instance
from dicom_sieve.headers.items import Walk
from dicom_sieve.headers.meta import check_start, miss, read_meta
from dicom_sieve.headers.repeated_rows import SHORTEST_ROW, Head, find, rows
from dicom_sieve.headers.values import (
    EXPECTED,
    LARGEST_HEADER,
    LONGEST_UID,
    SOP_INSTANCE_UID,
    find_damaged,
    header_of,
    last_wanted_tag,
    texts_of,
    wanted_tags,
)
from dicom_sieve.headers.window import MissingBytesError, NeedMore, Window

LARGEST_SHARED = 4096
"""In bytes of values: the headers of most instances are smaller, and the 512 that are kept take few MiB."""
MAX_CACHED_BYTES = 64
"""In bytes of a value, whose texts are kept: headers that differ still have most of their values in common."""
MOST_VALUES = 2_000
"""Of one header: only where elements are repeated are there more."""
INFLATED_FIRST = 1024 * 1024
"""In bytes: what is inflated to more is left to the careful reader."""

_NOT_KNOWN = (0, 0)


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
        if reading.one_by_one >= SHORTEST_ROW:
            reading.learn()
        written = reading.pop(SOP_INSTANCE_UID)
    except MissingBytesError as missing:
        window.kept = reading
        return NeedMore(missing.offset)
    except UnsureError:
        return None
    uid = written.decode("latin-1").rstrip(PADDING)
    header = reading.header(LARGEST_HEADER - len(written))
    if (
        header is None
        or (header.defect is not None and not reading.is_whole())
        or len(uid) > LONGEST_UID
        or "\\" in uid
        or "\0" in uid
    ):
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
    """Inflate a data set, which has to be a short one, and whole."""
    inflated = inflate(compressed, limit=limit)
    window, data = inflated_window(inflated), inflated.data
    if not inflated.is_whole or len(data) < LONGEST_ELEMENT_HEADER:
        raise UnsureError
    check_start(EXPLICIT, data, 0)
    return _Reading(window, data, 0, EXPLICIT, to_the_end=True)


class _Reading(Walk):
    """The wanted values of a data set, collected from its first element to the last one that has to be looked at.

    Args:
        window: In which the data set is.
        data: What the window holds from its start on.
        start: Where the first element begins.
        encoding: Of the data set.
        to_the_end: Whether it is gone through to its end, also where all came that is expected.
    """

    __slots__ = ("_start", "_tags", "_to_the_end", "_values")

    def __init__(
        self, window: Window, data: bytes, start: int, encoding: Encoding, *, to_the_end: bool = False
    ) -> None:
        self.repeated_rows = self.one_by_one = self._base = self._levels = 0
        self.window, self._data, self._encoding, self._trace = window, data, encoding, None
        self._start = self._position = start
        self._to_the_end = to_the_end
        self._tags: list[int] = []
        self._values: list[bytes] = []

    def pop(self, tag: int) -> bytes:
        """Give the first value of a tag, and leave it out of the header; empty where there is none."""
        if tag not in self._tags:
            return b""
        place = self._tags.index(tag)
        del self._tags[place]
        return self._values.pop(place)

    def header(self, largest: int) -> Header | None:
        """Make the header of what was collected, up to N bytes of values; None where that is unusual."""
        size = sum(map(len, self._values))
        if size > largest:
            return None
        make = _header if size <= LARGEST_SHARED else _header.__wrapped__
        return make(tuple(self._tags), tuple(self._values))

    def is_whole(self) -> bool:
        """Tell whether the object ends with what was gone through, or with an element of known length behind it."""
        if self._base + self._position >= self.window.size:
            return True
        _, _, length = self._element_at(self._data, self._position)
        return length != UNDEFINED_LENGTH

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
        """Go on while elements are known; tell whether what is next is known to be the last one."""
        encoding, data, position, tags, values = (
            self._encoding,
            self._data,
            self._position,
            self._tags,
            self._values,
        )
        ways_of, step_of, wanted_of = encoding.repeated_rows.get, encoding.steps.get, encoding.wanted.get
        within, made, one_by_one = len(data), 0, 0
        while len(values) < MOST_VALUES:
            head = data[position : position + 8]
            if (ways := ways_of(head)) and (repeated := find(ways, data, position)):
                if repeated.tags:
                    tags += repeated.tags
                    values += repeated.values(data, position)
                position += repeated.size
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
        self.repeated_rows += made
        self.one_by_one += one_by_one
        step = encoding.ends.get(head)
        if step is None or position + LONGEST_ELEMENT_HEADER > within:
            return False
        return (not self._to_the_end and EXPECTED.issubset(tags)) or self._pass_last(step)

    def _pass_last(self, step: int) -> bool:
        """Tell whether nothing is looked for behind what is next; go on where it is known to have something behind.

        Args:
            step: Over what is next, which is behind all that are wanted.
        """
        position = self._position
        if step == LONG:
            (length,) = self._encoding.long(self._data, position + SHORTEST_ELEMENT_HEADER)
            step = UNDEFINED if length == UNDEFINED_LENGTH else LONGEST_ELEMENT_HEADER + length
        if step == UNDEFINED or self._base + position + step >= self.window.size:
            return True
        self._position += step
        self.one_by_one += 1
        return False

    def _take(self) -> bool:
        """Take the element that is next; False where nothing is looked for behind it, or the object ends."""
        if not self._turn_to_next():
            return False
        tag, value, length = self._element_at(self._data, self._position)
        last_wanted = last_wanted_tag()
        if tag > last_wanted and self._take_last(tag, value, length):
            return False
        is_wanted = tag in wanted_tags()
        self.one_by_one += 1
        if self._trace is not None:
            head = self._data[self._position : value]
            # What is behind all that are wanted is no part of a row: in other objects reading ends there.
            is_apart = tag > last_wanted
            self._trace.append(Head(self._base + self._position, head, tag=tag if is_wanted else 0, closes=is_apart))
        if is_wanted:
            self._take_value(tag, value, length)
        else:
            self._pass_over(tag, value, length)
        return True

    def _take_last(self, tag: int, value: int, length: int) -> bool:
        """Tell whether nothing is looked for behind an element that is behind all that are wanted.

        Raises:
            UnsureError: It may be none.
        """
        step = UNDEFINED if length == UNDEFINED_LENGTH else value - self._position + length
        is_complete = not self._to_the_end and EXPECTED.issubset(self._tags) and is_known(tag)
        is_last = is_complete or step == UNDEFINED or self._base + self._position + step >= self.window.size
        if tag >> 16 == GROUP_OF_DELIMITERS or (is_last and not is_known(tag)):
            raise UnsureError
        is_long = value != self._position + SHORTEST_ELEMENT_HEADER
        if is_known(tag):
            remember(self._encoding.ends, self._data[self._position : self._position + 8], LONG if is_long else step)
        return is_last

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

    def _pass_over(self, tag: int, value: int, length: int) -> None:
        """Move behind an element that is not wanted, or into it, where its length is undefined."""
        position = self._position
        head, is_long = self._data[position : position + 8], value != position + SHORTEST_ELEMENT_HEADER
        if tag <= last_wanted_tag() and (is_long or length != UNDEFINED_LENGTH):
            remember(self._encoding.steps, head, LONG if is_long else SHORTEST_ELEMENT_HEADER + length)
        if length != UNDEFINED_LENGTH:
            self._position = value + length
        elif self._holds_items(tag, position):
            self._position, self._levels = value, 1
        else:
            raise UnsureError

    def learn(self) -> None:
        """Learn repeated rows from the header that was collected, if it is to be learnt from."""
        encoding, end = self._encoding, self._base + self._position
        shape = (end - self._start, self.one_by_one)
        if not encoding.learning.is_due(shape, self.repeated_rows):
            return
        data = self.window.contiguous(0)
        again = _Reading(self.window, data, self._start, encoding, to_the_end=self._to_the_end)
        trace = again._go_one_by_one()
        is_new = [
            (encoding.repeated_rows_in_items if level else encoding.repeated_rows).learn(row)
            for level, row in rows(trace, end)
        ]
        encoding.learning.spend(shape, len(trace), is_new=any(is_new))

    def _go_one_by_one(self) -> Sequence[Head]:
        """Give the headers of all elements, which are in the window."""
        self._trace = trace = list[Head]()
        while self._take():
            self._go_through_items()
        return trace


@lru_cache(maxsize=512)
def _header(tags: tuple[int, ...], values: tuple[bytes, ...]) -> Header | None:
    """Make the header of these values, which the instances of a series share; None where it is unusual.

    Args:
        tags: Without that of the instance's own UID, which is no part of a header: one that is left is a second one.
        values: Of these tags.
    """
    texts = {
        tag: (_known_texts if len(value) <= MAX_CACHED_BYTES else texts_of)(value)
        for tag, value in zip(tags, values, strict=True)
    }
    if SOP_INSTANCE_UID in texts or len(texts) < len(tags) or find_damaged(texts):
        return None
    return header_of(texts)


_known_texts = lru_cache(maxsize=4096)(texts_of)
