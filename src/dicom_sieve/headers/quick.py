"""The fast path: reads what nearly all objects are, and is unsure of anything unusual.

Headers repeat the same element headers (tag, VR, length) over and over. The eight bytes of one tell how far the next
one is; that is remembered; going on is one look-up, or one for a row of elements (`RepeatedRow`). Whatever it is unsure
of the careful reader decides. Both give the same answers, so which of them read an object never matters.
"""

from collections.abc import Sequence

from dicom_sieve.dicom.kept import LONGEST_KEPT, PER_FRAME_FUNCTIONAL_GROUPS, is_bulk
from dicom_sieve.headers import meta, of_pieces
from dicom_sieve.headers.collected import OWN_UID, Collected
from dicom_sieve.headers.data_set import is_known
from dicom_sieve.headers.deflated import inflate, inflated_window
from dicom_sieve.headers.elements import (
    GROUP_OF_DELIMITERS,
    LONG_VRS,
    LONGEST_ELEMENT_HEADER,
    LONGEST_VALUE,
    SHORTEST_ELEMENT_HEADER,
    UNDEFINED_LENGTH,
)
from dicom_sieve.headers.encoding import ENCODINGS, EXPLICIT, LONG, UNDEFINED, Encoding, UnsureError, remember
from dicom_sieve.headers.header import Instance
from dicom_sieve.headers.items import Walk
from dicom_sieve.headers.known_texts import BULK, OWN, TAG, UNREAD, VR_ABOVE
from dicom_sieve.headers.meta import check_start, miss, read_meta
from dicom_sieve.headers.pieces import is_decisive
from dicom_sieve.headers.repeated_rows import SHORTEST_ROW, Head, rows
from dicom_sieve.headers.values import SOP_INSTANCE_UID
from dicom_sieve.headers.vocabulary import current_vocabulary
from dicom_sieve.headers.window import MissingBytesError, NeedMore, Window

MOST_VALUES = 2_000
"""Of one header, those that are in pieces left out: only where elements are repeated are there more."""
INFLATED_FIRST = 1024 * 1024
"""In bytes: what is inflated to more is left to the careful reader."""

_NOT_KNOWN = (0, 0)
_BULK = frozenset(vr for vr in LONG_VRS if is_bulk(vr.decode()))


def read_quickly(window: Window, *, inflated_limit: int) -> Instance | NeedMore | None:
    """Read the header of one object for the current edition, if it is a usual object.

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
        return reading.instance()
    except MissingBytesError as missing:
        window.kept = reading
        return NeedMore(missing.offset)
    except UnsureError:
        return None


def forget() -> None:
    """Know nothing any more of what was read before: for who measures, or tests, how it is at first."""
    for encoding in ENCODINGS:
        encoding.forget()
    meta.forget()
    of_pieces.forget()


def _begin(window: Window, inflated_limit: int) -> "_Reading":
    """Read the file meta information."""
    data = window.contiguous(0)
    encoding, start, written = read_meta(window, data)
    if encoding.deflated:
        return _begin_inflated(data[start:], written, min(INFLATED_FIRST, inflated_limit))
    return _Reading(window, data, start, encoding=encoding, written=written)


def _begin_inflated(compressed: bytes, written: bytes, limit: int) -> "_Reading":
    """Inflate a data set, which has to be a short one, and whole."""
    inflated = inflate(compressed, limit=limit)
    window, data = inflated_window(inflated), inflated.data
    if not inflated.is_whole or len(data) < LONGEST_ELEMENT_HEADER:
        raise UnsureError
    check_start(EXPLICIT, data, 0)
    return _Reading(window, data, 0, encoding=EXPLICIT, written=written, to_the_end=True)


class _Reading(Walk):
    """The wanted elements of a data set, collected from its first element to the last one that has to be looked at.

    Args:
        window: In which the data set is.
        data: What the window holds from its start on.
        start: Where the first element begins.
        encoding: Of the data set.
        written: The file meta information.
        to_the_end: Whether it is gone through to its end, also where all came that is expected.
    """

    __slots__ = ("_collected", "_meta", "_open", "_start", "_to_the_end")

    def __init__(
        self,
        window: Window,
        data: bytes,
        start: int,
        *,
        encoding: Encoding,
        written: bytes,
        to_the_end: bool = False,
    ) -> None:
        self._meta = written
        self._open: tuple[int, int, int] | None = None
        self.repeated_rows = self.one_by_one = self._base = self._levels = 0
        self.window, self._data, self._encoding, self._trace = window, data, encoding, None
        self._start = self._position = start
        self._to_the_end = to_the_end
        self._collected = Collected()

    def instance(self) -> Instance:
        """Make the instance of what was collected."""
        made = self._collected.instance(self._meta, self._encoding)
        if made.header.defect is not None and not self._is_whole():
            raise UnsureError
        return made

    def _is_whole(self) -> bool:
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
            if self._open is not None:
                self._close(*self._open)
            if self._pass_known() or not self._take():
                return

    def _pass_known(self) -> bool:
        """Go on while elements are known; tell whether what is next is known to be the last one."""
        encoding, data, position, within = self._encoding, self._data, self._position, len(self._data)
        parts, shared, marks, values = self._collected.fields()
        ways_of, step_of, wanted_of = encoding.repeated_rows.get, encoding.steps.get, encoding.wanted.get
        known, take_row, made, one_by_one = encoding.pieces, self._collected.take_row, 0, 0
        while len(parts) < MOST_VALUES and len(values) < MOST_VALUES:
            head = data[position : position + 8]
            if (ways := ways_of(head)) and (size := take_row(ways, data, position, known)):
                position += size
                made += 1
                continue
            mark, step = wanted_of(head, _NOT_KNOWN)
            start = position + 8
            if not step and not (step := step_of(head, 0)):
                break
            if step == LONG:
                mark, start, step = self._long_step(mark, position)
            end = start if mark & UNREAD else position + step
            if not step or (mark and end > within):
                break
            if mark & OWN:
                marks.append(mark)
                values.append(data[start:end])
            elif mark:
                parts.append(mark)
                shared.append(data[position:end])
            position += step
            one_by_one += 1
        else:
            raise UnsureError
        self._position = position
        self.repeated_rows += made
        self.one_by_one += one_by_one
        return self._is_at_end(position)

    def _long_step(self, mark: int, position: int) -> tuple[int, int, int]:
        """Give the mark of an element with a long header, where its value starts, and the step over it; 0: unsure."""
        start = position + LONGEST_ELEMENT_HEADER
        if start > len(self._data):
            return mark, start, 0
        (length,) = self._encoding.long(self._data, position + SHORTEST_ELEMENT_HEADER)
        if length == UNDEFINED_LENGTH:
            return mark, start, 0
        is_unread = mark and (length > LONGEST_KEPT or (length and mark & BULK))
        return mark | UNREAD if is_unread else mark, start, LONGEST_ELEMENT_HEADER + length

    def _is_at_end(self, position: int) -> bool:
        """Tell whether what is next is known to be the last one."""
        step = self._encoding.ends.get(self._data[position : position + 8], 0)
        if not step or position + LONGEST_ELEMENT_HEADER > len(self._data):
            return False
        return (not self._to_the_end and self._collected.has_expected()) or self._pass_last(step)

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
        last_wanted = current_vocabulary().last_tag
        if tag > last_wanted and self._take_last(tag, value, length):
            return False
        mark = self._mark(tag, length)
        self.one_by_one += 1
        if self._trace is not None:
            head = self._data[self._position : value]
            # What is behind all that are wanted is no part of a row: in other objects reading ends there.
            is_apart = tag > last_wanted
            self._trace.append(Head(self._base + self._position, head, mark=mark, closes=is_apart))
        if mark:
            self._take_value(mark, value, length)
        else:
            self._pass_over(tag, value, length)
        return True

    def _take_last(self, tag: int, value: int, length: int) -> bool:
        """Tell whether nothing is looked for behind an element that is behind all that are wanted.

        Raises:
            UnsureError: It may be none.
        """
        step = UNDEFINED if length == UNDEFINED_LENGTH else value - self._position + length
        is_complete = not self._to_the_end and self._collected.has_expected() and is_known(tag)
        is_last = is_complete or step == UNDEFINED or self._base + self._position + step >= self.window.size
        if tag >> 16 == GROUP_OF_DELIMITERS or (is_last and not is_known(tag)):
            raise UnsureError
        is_long = value != self._position + SHORTEST_ELEMENT_HEADER
        if is_known(tag):
            remember(self._encoding.ends, self._data[self._position : self._position + 8], LONG if is_long else step)
        return is_last

    def _mark(self, tag: int, length: int) -> int:
        """Give what a wanted element is known by, 0 for any other.

        It is its tag, above it the VR where that matters, and whether it is kept with the object, and its value at all.
        """
        vocabulary = current_vocabulary()
        if not vocabulary.wants(tag):
            return 0
        if tag in vocabulary.as_written:
            return OWN_UID if tag == SOP_INSTANCE_UID else tag
        if tag == PER_FRAME_FUNCTIONAL_GROUPS:
            raise UnsureError
        mark = tag | OWN if vocabulary.is_own(tag) else tag
        if not self._encoding.implicit:
            mark |= int.from_bytes(self._data[self._position + 4 : self._position + 6], "big") << VR_ABOVE
            is_bulky = self._data[self._position + 4 : self._position + 6] in _BULK and not is_decisive(tag)
            mark |= BULK if is_bulky else 0
        is_read = vocabulary.has_items(tag) if length == UNDEFINED_LENGTH else length <= vocabulary.longest(tag)
        return mark if is_read and not (length and mark & BULK) else mark | UNREAD

    def _take_items(self, mark: int, value: int) -> None:
        """Begin with a wanted sequence of undefined length."""
        if mark & TAG in current_vocabulary().as_written or not self._holds_items(mark & TAG, self._position):
            raise UnsureError
        position, head = self._position, value - self._position
        if mark & UNREAD:
            self._collected.keep(mark, self._data[position:value], head)
        else:
            self._open = (mark, self._base + position, head)
        self._position, self._levels = value, 1

    def _close(self, mark: int, start: int, head: int) -> None:
        """Keep a sequence, at whose end we are."""
        size = self._base + self._position - start
        written = self.window.contiguous(start)[:size]
        if len(written) < size:
            miss(self.window, start + len(written), start + size)
        self._open = None
        if size - head > current_vocabulary().longest(mark & TAG):
            mark, written = mark | UNREAD, written[:head]
        self._collected.keep(mark, written, head)

    def _take_value(self, mark: int, value: int, length: int) -> None:
        """Keep a wanted element."""
        data, position, end = self._data, self._position, value + length
        if length == UNDEFINED_LENGTH:
            self._take_items(mark, value)
            return
        kept = value if mark & UNREAD else end
        if kept - value > LONGEST_VALUE:
            raise UnsureError
        if kept > len(data):
            miss(self.window, self._base + len(data), self._base + end)
        self._collected.keep(mark, data[position:kept], value - position)
        self._position = end
        if value == position + SHORTEST_ELEMENT_HEADER:
            remember(self._encoding.wanted, data[position:value], (mark, end - position))
        elif current_vocabulary().longest(mark & TAG) == LONGEST_KEPT:
            remember(self._encoding.wanted, data[position : position + 8], (mark & ~UNREAD, LONG))

    def _pass_over(self, tag: int, value: int, length: int) -> None:
        """Move behind an element that is not wanted, or into it, where its length is undefined."""
        position = self._position
        head, is_long = self._data[position : position + 8], value != position + SHORTEST_ELEMENT_HEADER
        if tag <= current_vocabulary().last_tag and (is_long or length != UNDEFINED_LENGTH):
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
        again = _Reading(
            self.window,
            data,
            self._start,
            encoding=encoding,
            written=self._meta,
            to_the_end=self._to_the_end,
        )
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
