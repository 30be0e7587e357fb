"""Where to divide a range of keys of which only the beginning is known.

The order is that of the keys' UTF-8 bytes, which is that of their code points. A point need not be a key. A bad choice
costs a request, never a key.
"""

from bisect import bisect_left
from collections.abc import Collection, Sequence

LONGEST_KEY = 1024
"""Of S3, in bytes of UTF-8."""
PLACES = 12
"""So many characters behind what two keys have in common are looked at."""
_SURROGATES = range(0xD800, 0xE000)
_LAST_CODE_POINT = 0x10FFFF


def common_prefix(one: str, other: str) -> str:
    """Give what both begin with."""
    pairs = zip(one, other, strict=False)
    end = next((place for place, (left, right) in enumerate(pairs) if left != right), min(len(one), len(other)))
    return one[:end]


def behind(prefix: str) -> str | None:
    """Give the first string behind all that begin with a prefix; None where there is none."""
    for end in range(len(prefix), 0, -1):
        code = ord(prefix[end - 1]) + 1
        if code in _SURROGATES:  # UTF-8 has none
            code = _SURROGATES.stop
        if code <= _LAST_CODE_POINT:
            return prefix[: end - 1] + chr(code)
    return None


def between(low: str, high: str, alphabet: Collection[str]) -> str | None:
    """Give a point in the middle between two, of characters as keys have them; None where none is found.

    Args:
        low: Below the point.
        high: Above it.
        alphabet: Characters that keys are made of.
    """
    letters = sorted(alphabet)
    shared = len(common_prefix(low, high))
    middle = (_number(low[shared:], letters) + _number(high[shared:], letters)) // 2
    point = low[:shared] + _text(middle, letters)
    return point if low < point < high and len(point.encode()) <= LONGEST_KEY else None


def pages_left(first: str, last: str, until: str, alphabet: Collection[str]) -> float:
    """Guess how many more pages there are up to a point, if keys go on as from the first to the last of a page."""
    letters = sorted(alphabet)
    shared = len(common_prefix(first, until))
    begun, done, end = (_number(text[shared:], letters) for text in (first, last, until))
    return (end - done) / (done - begun) if done > begun else float("inf")


def _number(text: str, letters: Sequence[str]) -> int:
    """Read a text as a number whose digits are the letters, and 0 the text's end."""
    base, number = len(letters) + 1, 0
    for place in range(PLACES):
        number = number * base + (bisect_left(letters, text[place]) + 1 if place < len(text) else 0)
    return number


def _text(number: int, letters: Sequence[str]) -> str:
    """Write such a number as a text."""
    base = len(letters) + 1
    number = min(number, base**PLACES - 1)
    digits = [number // base**place % base for place in reversed(range(PLACES))]
    end = digits.index(0) if 0 in digits else PLACES
    return "".join(letters[digit - 1] for digit in digits[:end])
