"""Where to divide a range of keys of which only the beginning is known.

The order is that of the keys' UTF-8 bytes, which is that of their code points. A point need not be a key. A bad choice
costs a request, never a key.
"""

import os.path
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

LONGEST_KEY = 1024
"""Number of bytes of UTF-8 that a key of S3 has at most."""
PLACES = 12
"""Characters behind the common prefix of keys that are compared to estimate their distance."""
_SURROGATES = range(0xD800, 0xE000)
_LAST_CODE_POINT = 0x10FFFF


def common_prefix(first: str, second: str) -> str:
    """Give the prefix that two keys share."""
    return os.path.commonprefix([first, second])  # noqa: RUF071 - of characters, not of paths


def behind(prefix: str) -> str | None:
    """Give the first string behind all that begin with a prefix; None where there is none."""
    for end in range(len(prefix), 0, -1):
        code = ord(prefix[end - 1]) + 1
        if code in _SURROGATES:  # UTF-8 has none
            code = _SURROGATES.stop
        if code <= _LAST_CODE_POINT:
            return prefix[: end - 1] + chr(code)
    return None


class Letters:
    """The characters that keys are made of, and which of them follow which."""

    def __init__(self) -> None:
        self._behind: dict[str, set[str]] = {}

    def learn(self, key: str) -> None:
        """Take note of a key."""
        for letter, following in pairwise(key):
            self._behind.setdefault(letter, set()).add(following)
        self._behind.setdefault("", set()).add(key[:1])

    def all(self) -> list[str]:
        """Give every character, in order."""
        return sorted(set().union(*self._behind.values()) - {""})

    def between(self, low: str, high: str) -> str | None:
        """Give a point between two keys, made as keys are: where they first differ, or else later; None without one.

        Args:
            low: Below the point.
            high: Above it.
        """
        parted = len(common_prefix(low, high))
        for end in range(parted, len(low) + 1):
            points = {low[:end] + letter for letter in self._behind.get(low[:end][-1:], ())}
            if end == parted:
                points.add(high[: end + 1])
            inside = sorted(point for point in points if low < point < high)
            if inside:
                point = inside[len(inside) // 2]
                return point if len(point.encode()) <= LONGEST_KEY else None
        return None


@dataclass(frozen=True, slots=True)
class Stretch:
    """Adjacent keys, and the number of pages that they fill.

    Attributes:
        first: First key (inclusive).
        last: Last key (inclusive).
        pages: Number of pages.
    """

    first: str
    last: str
    pages: int = 1

    def on_to(self, key: str) -> "Stretch":
        """Extend it by one page that ends with a key."""
        return Stretch(self.first, key, self.pages + (self.first != self.last))

    def pages_between(self, low: str, high: str, letters: Sequence[str]) -> float:
        """Estimate the pages between two points, as if keys were as dense there as here."""
        shared = min(len(common_prefix(self.first, text)) for text in (self.last, low, high))
        begin, end, lower, upper = (_number(text[shared:], letters) for text in (self.first, self.last, low, high))
        return self.pages * (upper - lower) / (end - begin) if end > begin else float("inf")


def _number(text: str, letters: Sequence[str]) -> int:
    """Read a text as a number whose digits are the letters, and 0 the text's end."""
    base, number = len(letters) + 1, 0
    for place in range(PLACES):
        number = number * base + (bisect_left(letters, text[place]) + 1 if place < len(text) else 0)
    return number
