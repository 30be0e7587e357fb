"""Leaps: elements that were seen one behind the other, passed over at once where they are there again.

The headers of a series, and all that one scanner makes, repeat long rows of elements whose lengths do not change. A
leap unpacks the element headers of such a row from where they would be and compares them all together; where one is
not what it was, the leap is cut there. So what is left is what headers have in common. A leap is right wherever its
element headers are found, for each of them alone tells where the next one is.
"""

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

SHORTEST_LEAP = 4
"""In elements: a shorter one saves nothing."""
LONGEST_LEAP = 32
"""In elements: so that one that fails costs little."""
MOST_LEAPS = 2_000
"""Some MiB."""
_HEAD = 8
"""Bytes by which an element is known."""


class Seen(NamedTuple):
    """An element that was seen.

    Attributes:
        head: Its header: 8 bytes or 12, with its length.
        step: From its start to the next one's, in bytes.
        tag: Where its value is wanted; else 0.
    """

    head: bytes
    step: int
    tag: int


@dataclass(frozen=True, slots=True)
class Leap:
    """A row of elements.

    Attributes:
        unpack: Takes out of data what is where their headers would be.
        heads: Their headers.
        size: From the first one's start to behind the last one, in bytes.
        values: Of those that are wanted: tag, and where the value starts and ends, from the first one's start.
        elements: They themselves.
    """

    unpack: Callable[[bytes, int], tuple[bytes, ...]]
    heads: tuple[bytes, ...]
    size: int
    values: tuple[tuple[int, int, int], ...]
    elements: tuple[Seen, ...]

    @classmethod
    def over(cls, elements: Sequence[Seen]) -> "Leap":
        """Make the leap over elements."""
        layout, values, position = ["<"], [], 0
        for head, step, tag in elements:
            layout.append(f"{len(head)}s{step - len(head)}x")
            if tag:
                values.append((tag, position + len(head), position + step))
            position += step
        unpack = struct.Struct("".join(layout)).unpack_from
        return cls(unpack, tuple(one.head for one in elements), position, tuple(values), tuple(elements))

    def is_at(self, data: bytes, position: int) -> bool:
        """Tell whether the elements are there; the data holds as many bytes behind the position."""
        return self.unpack(data, position) == self.heads


class Leaps(dict[bytes, Leap]):
    """The leaps of one encoding, by the first eight bytes of the first element."""

    def take(self, leap: Leap, data: bytes, position: int, values: dict[int, bytes]) -> int:
        """Make a leap where its elements are, and take the values of those that are wanted; else cut it.

        Args:
            leap: One of these.
            data: Holds all of its size from the position on.
            position: Of an element that begins as its first.
            values: Taken values, by tag.

        Returns:
            Where the next element begins: at the position itself, where the leap was cut.
        """
        found = leap.unpack(data, position)
        if found != leap.heads:
            self._cut(leap, found)
            return position
        for tag, start, end in leap.values:
            values[tag] = data[position + start : position + end]
        return position + leap.size

    def learn(self, elements: Sequence[Seen]) -> None:
        """Make leaps over elements that follow one another."""
        for start in range(0, len(elements), LONGEST_LEAP):
            self._put(elements[start : start + LONGEST_LEAP])

    def _cut(self, leap: Leap, found: Sequence[bytes]) -> None:
        """Cut a leap where what was found is not one of its headers: what is before stays, and what is behind."""
        place = next(place for place, (head, other) in enumerate(zip(leap.heads, found, strict=True)) if head != other)
        self.pop(leap.heads[0][:_HEAD], None)
        self._put(leap.elements[:place])
        behind = leap.elements[place + 1 :]
        if behind and behind[0].head[:_HEAD] not in self:
            self._put(behind)

    def _put(self, elements: Sequence[Seen]) -> None:
        if len(elements) >= SHORTEST_LEAP:
            if len(self) >= MOST_LEAPS:  # only very many kinds of headers have so many
                self.clear()
            self[elements[0].head[:_HEAD]] = Leap.over(elements)
