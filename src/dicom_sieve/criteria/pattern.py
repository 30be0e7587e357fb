"""Patterns: ``*`` is any text, ``?`` one character (PS3.4 C.2.2.2.4). No regular expressions, no backtracking."""

from dataclasses import dataclass

MOST_STARS = 8


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern that is compared with whole texts.

    Attributes:
        text: As it was written, folded as the texts are.
    """

    text: str

    def matches(self, text: str) -> bool:
        """Tell whether a text matches; in pattern times text steps at most.

        A set of places in the pattern, as bits, goes through the text once.
        """
        pattern = self.text
        places = _skip_stars(pattern, 1)
        for character in text:
            following = 0
            for place, wanted in enumerate(pattern):
                if places >> place & 1:
                    if wanted == "*":
                        following |= 1 << place
                    elif wanted in ("?", character):
                        following |= 1 << (place + 1)
            if not following:
                return False
            places = _skip_stars(pattern, following)
        return bool(places >> len(pattern) & 1)


def _skip_stars(pattern: str, places: int) -> int:
    """Add what can be reached without a character: a star may stand for nothing."""
    for place, wanted in enumerate(pattern):
        if wanted == "*" and places >> place & 1:
            places |= 1 << (place + 1)
    return places
