"""Repeated rows: elements that were seen one behind the other, passed over at once where they are there again.

The headers of a series, and all that one scanner makes, repeat long rows of elements whose lengths do not change. A
repeated row unpacks the element headers of such a row from where they would be and compares them at once. It is right
wherever its element headers are found, for each of them alone tells where the next one is; what an element of undefined
length holds is found in the same way, and is a part of it.

Where rows of different kinds of headers begin alike, each has a repeated row of its own. Rows that are one but for the
lengths of a few values are of one kind: they become shorter repeated rows over what is between those.
"""

import re
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import NamedTuple

from dicom_sieve.headers.known_texts import OWN, UNREAD
from dicom_sieve.headers.pieces import Piece, Pieces

SHORTEST_ROW = 4
"""In element headers: a shorter one saves nothing."""
LONGEST_ROW = 64
"""In element headers."""
MOST_ROWS = 1_000
"""Some MiB."""
MOST_WAYS = 32
"""Repeated rows that begin alike."""
DEEPEST = 8
"""Levels of items, and of what is in them, in which repeated rows are made."""
DIFFERENT_KINDS = 4
"""Rows of which more than one element in this many is of another length are of different kinds."""
MOST_SEEN = 64
"""Pieces that a row remembers: of more, headers are compared."""
_HEAD = 8
"""Bytes by which an element is known."""
_TAG = 4
"""Bytes of a tag."""
_FIELDS = re.compile("([0-9]+)([sx])")


class Head(NamedTuple):
    """An element header as it was come upon, or that of an item or of a delimiter.

    Attributes:
        position: Where it begins, in bytes from the object's start.
        head: 8 bytes, or 12 with its length.
        level: 0 in the data set; within a value of undefined length, and within each item in one, one more.
        mark: What it is known by where it is wanted; else 0.
        closes: Whether it ends the level that it is on, or else the row.
    """

    position: int
    head: bytes
    level: int = 0
    mark: int = 0
    closes: bool = False


class SeenElement(NamedTuple):
    """An element that was seen, or an item, with all that it holds.

    Attributes:
        heads: Its header, and those of what it holds.
        layout: Where they are in it, as `struct` takes it: the headers, and what is between them.
        step: From its start to the next one's, in bytes.
        behind: From its last header's end to the next one's start, in bytes.
        mark: What it is known by where it is wanted; else 0.
    """

    heads: tuple[bytes, ...]
    layout: str
    step: int
    behind: int
    mark: int = 0

    @property
    def is_own(self) -> bool:
        """Whether it is kept with the object."""
        return bool(self.mark & OWN)

    @property
    def of_piece(self) -> str:
        """Where what is compared of it is, as `struct` takes it: its headers, and the value that a header holds."""
        return f"{self.step}s" if self.mark and not self.mark & (UNREAD | OWN) else self.layout

    @property
    def shared(self) -> str:
        """Where what a header has of it is, as `struct` takes it: none of it, its header, or all of it."""
        if not self.mark or self.is_own:
            return f"{self.step}x"
        head = len(self.heads[0])
        return f"{head}s{self.step - head}x" if self.mark & UNREAD else f"{self.step}s"

    def value(self, *, own: bool) -> str:
        """Give where its value is in it, as `struct` takes it; an unread one is empty.

        Args:
            own: Whether of what is kept with the object; else of the rest.
        """
        if not self.mark or self.is_own != own:
            return f"{self.step}x"
        head = len(self.heads[0])
        return f"{self.step}x0s" if self.mark & UNREAD else f"{head}x{self.step - head}s"


Unpack = Callable[[bytes, int], tuple[bytes, ...]]


@dataclass(frozen=True, slots=True, eq=False)
class RepeatedRow:
    """A row of elements.

    Attributes:
        unpack: Takes out of data what is where their headers would be.
        heads: These headers, joined: so they lie in one place of memory.
        size: From the first one's start to behind the last one, in bytes.
        last: Where the last header begins, from the first one's start.
        end: The first bytes of that header.
        marks: Of those that are wanted and that objects have in common.
        values: Takes the values of these out of data.
        piece: Takes out what a piece of them is known by, see `Pieces`.
        shared: Takes out the elements of the piece themselves, without those that are not in it.
        own_marks: Of those that are kept with the object.
        own_values: Takes the values of these out of data.
        elements: They themselves.
    """

    unpack: Unpack
    heads: bytes
    size: int
    last: int
    end: bytes
    marks: tuple[int, ...]
    values: Unpack
    piece: Unpack
    shared: Unpack
    own_marks: tuple[int, ...]
    own_values: Unpack
    elements: tuple[SeenElement, ...]
    seen: dict[bytes, Piece] = field(default_factory=dict, repr=False)
    """Pieces that this row was, by what they are known by: where they are again, its headers are, too."""

    def remember(self, written: bytes, piece: Piece) -> None:
        """Remember a piece that this row was."""
        if len(self.seen) >= MOST_SEEN:
            self.seen.clear()
        self.seen[written] = piece

    @classmethod
    def over(cls, elements: Sequence[SeenElement]) -> "RepeatedRow":
        """Make the repeated row over elements."""
        heads = tuple(chain.from_iterable(element.heads for element in elements))
        size = sum(element.step for element in elements)
        return cls(
            _unpack(element.layout for element in elements),
            b"".join(heads),
            size,
            size - elements[-1].behind - len(heads[-1]),
            heads[-1][:_HEAD],
            tuple(element.mark for element in elements if element.mark and not element.is_own),
            _unpack(element.value(own=False) for element in elements),
            _unpack(_joined(element.of_piece for element in elements)),
            _unpack(_joined(element.shared for element in elements)),
            tuple(element.mark for element in elements if element.is_own),
            _unpack(element.value(own=True) for element in elements),
            tuple(elements),
        )


def _unpack(layouts: Iterable[str]) -> Unpack:
    return struct.Struct("<" + "".join(layouts)).unpack_from


def _joined(layouts: Iterable[str]) -> Iterator[str]:
    """Make one of fields that lie one behind the other."""
    size = 0
    for count, kind in _FIELDS.findall("".join(layouts)):
        if kind == "s":
            size += int(count)
        elif int(count):
            yield from (f"{size}s", f"{count}x")
            size = 0
    yield f"{size}s"


class RepeatedRows(dict[bytes, list[RepeatedRow]]):
    """Repeated rows by the first eight bytes of the first element, that which was made last first."""

    def __init__(self) -> None:
        super().__init__()
        self._held = self._made = 0

    def clear(self) -> None:
        """Forget all."""
        super().clear()
        self._held = 0

    def learn(self, elements: Sequence[SeenElement]) -> bool:
        """Make repeated rows over elements that follow one another, unless there are some already; tell whether any."""
        made = self._made
        row: list[SeenElement] = []
        heads = place = 0
        while place < len(elements):
            element = elements[place]
            known = next(
                (repeated for repeated in self._ways(element) if _begins(elements, place, repeated.elements)), None
            )
            if known is not None or heads + len(element.heads) > LONGEST_ROW:
                self._put(row)
                row, heads = [], 0
            if known is not None:
                place += len(known.elements)
                continue
            row.append(element)
            heads += len(element.heads)
            place += 1
        self._put(row)
        return self._made > made

    def _put(self, row: Sequence[SeenElement]) -> None:
        """Make a repeated row, or several where the row is another one but for the lengths of some values."""
        if sum(len(element.heads) for element in row) < SHORTEST_ROW:
            return
        ways = self._ways(row[0])
        for repeated in ways:
            if repeated.elements == tuple(row):
                return
            changing = _changing(row, repeated.elements)
            if changing:
                ways[:] = _without(repeated, ways)
                self._held -= 1
                for part in (*_between(repeated.elements, changing), *_between(row, changing)):
                    self._put(part)
                return
        if self._held >= MOST_ROWS:  # only very many kinds of headers have that many
            self.clear()
        ways = self.setdefault(row[0].heads[0][:_HEAD], [])
        ways.insert(0, RepeatedRow.over(row))
        self._made += 1
        self._held += 1 - len(ways[MOST_WAYS:])
        del ways[MOST_WAYS:]

    def _ways(self, first: SeenElement) -> list[RepeatedRow]:
        return self.get(first.heads[0][:_HEAD], [])


def find(ways: list[RepeatedRow], data: bytes, position: int) -> RepeatedRow | None:
    """Find the repeated row whose elements are there.

    Args:
        ways: Those that begin as what is at the position; the one that is found is put first.
        data: Of an object.
        position: Of an element.
    """
    room = len(data) - position
    for repeated in ways:
        last = position + repeated.last
        if (
            data[last : last + _HEAD] == repeated.end
            and repeated.size <= room
            and b"".join(repeated.unpack(data, position)) == repeated.heads
        ):
            _put_first(repeated, ways)
            return repeated
    return None


def find_piece(
    ways: list[RepeatedRow], data: bytes, position: int, pieces: Pieces
) -> tuple[RepeatedRow, Piece | None] | None:
    """Find the repeated row whose elements are there, and the piece that they are.

    A piece alone does not tell which row is there: rows with other elements, in other places, may leave the same bytes.

    Args:
        ways: As for `find`.
        data: Likewise.
        position: Likewise.
        pieces: Those that are known.

    Returns:
        The row, and the piece, which is None where nothing in the row is in common; None where no row is there.
    """
    room = len(data) - position
    for repeated in ways:
        last = position + repeated.last
        if data[last : last + _HEAD] != repeated.end or repeated.size > room:
            continue
        written = b"".join(repeated.piece(data, position))
        piece = pieces.get(written)
        if piece is None or repeated.seen.get(written) is not piece:
            if b"".join(repeated.unpack(data, position)) != repeated.heads:
                continue
            if piece is not None and piece.layout.marks != repeated.marks:
                piece = None
            if piece is None and repeated.marks:
                shared = b"".join(repeated.shared(data, position))
                piece = pieces.make(written, shared, repeated.marks, repeated.values(data, position))
            if piece is not None:
                repeated.remember(written, piece)
        _put_first(repeated, ways)
        return repeated, piece
    return None


def _put_first(repeated: RepeatedRow, ways: list[RepeatedRow]) -> None:
    if repeated is not ways[0]:
        ways[:] = [repeated, *_without(repeated, ways)]  # at once: other threads may be here, too


def _without(repeated: RepeatedRow, ways: Sequence[RepeatedRow]) -> list[RepeatedRow]:
    return [way for way in ways if way is not repeated]


def _begins(elements: Sequence[SeenElement], place: int, row: tuple[SeenElement, ...]) -> bool:
    return elements[place] == row[0] and (*elements[place : place + len(row)],) == row


def _changing(row: Sequence[SeenElement], other: Sequence[SeenElement]) -> Sequence[int]:
    """Give the places in which two rows of one kind have values of other lengths; none where they are of two kinds."""
    pairs = list(zip(row, other, strict=False))
    if any(element.heads[0][:_TAG] != counterpart.heads[0][:_TAG] for element, counterpart in pairs):
        return ()
    changing = [place for place, (element, counterpart) in enumerate(pairs) if element != counterpart]
    return changing if len(changing) * DIFFERENT_KINDS <= len(pairs) else ()


def _between(row: Sequence[SeenElement], places: Sequence[int]) -> Iterator[Sequence[SeenElement]]:
    """Give what is between the places of a row."""
    for start, end in zip([0, *(place + 1 for place in places)], [*places, len(row)], strict=True):
        yield row[start:end]


def rows(trace: Sequence[Head], end: int) -> Iterator[tuple[int, Sequence[SeenElement]]]:
    """Give the rows of elements, and of items, that were come upon one behind the other on one level.

    Args:
        trace: All of their headers, in order; of the data set's elements, and of what they hold.
        end: Where the last one ends.

    Yields:
        The level, and the row. What holds more headers than a repeated row may is in no row, but the rows in it are.
    """
    waiting = [(0, len(trace), end, 0)]
    while waiting:
        place, stop, end, level = waiting.pop()
        row: list[SeenElement] = []
        while place < stop:
            following = place + 1
            while following < stop and trace[following].level > level:
                following += 1
            end_of_one = trace[following].position if following < stop else end
            if trace[place].closes or following - place > LONGEST_ROW:
                yield level, row
                row = []
                if level < DEEPEST and following - place > 1:
                    waiting.append((place + 1, following, end_of_one, level + 1))
            else:
                row.append(_seen(trace[place:following], end_of_one))
            place = following
        yield level, row


def _seen(heads: Sequence[Head], end: int) -> SeenElement:
    ends = [*(head.position for head in heads[1:]), end]
    gaps = [after - head.position - len(head.head) for head, after in zip(heads, ends, strict=True)]
    return SeenElement(
        tuple(head.head for head in heads),
        "".join(f"{len(head.head)}s{gap}x" for head, gap in zip(heads, gaps, strict=True)),
        end - heads[0].position,
        gaps[-1],
        heads[0].mark,
    )
