"""Patterns as tokens: text, one character, any text. Regular expressions and file patterns are reduced to these."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from itertools import product

from dicom_sieve.importers.interface import CannotSayError

MOST_ALTERNATIVES, LONGEST = 64, 256
"""Of one expression: as many as a person would write down; characters of each."""


class Wild(Enum):
    """What stands for something else."""

    ONE = "?"
    """One character."""
    RUN = "*"
    """Any text, none included."""


Token = str | Wild
"""Text, or what stands for something else."""


@dataclass(frozen=True, slots=True)
class Glob:
    """A pattern that is compared with whole texts.

    Attributes:
        tokens: Never two texts, and never two runs, in a row.
    """

    tokens: tuple[Token, ...]

    @property
    def is_any(self) -> bool:
        """Whether every text matches, an empty one included."""
        return self.tokens == (Wild.RUN,)

    @property
    def is_present(self) -> bool:
        """Whether every text matches that is not empty."""
        return self.tokens == (Wild.ONE, Wild.RUN)

    @property
    def matches_empty(self) -> bool:
        """Whether an empty text matches."""
        return not self.tokens or self.is_any

    @property
    def text(self) -> str | None:
        """The one text that matches, or None where there are several."""
        return "".join(map(str, self.tokens)) if self.texts == self.tokens else None

    @property
    def pattern(self) -> str:
        """It as criteria write patterns; a star or a question mark that is text is not told apart."""
        return "".join(token.value if isinstance(token, Wild) else token for token in self.tokens)

    @property
    def contained(self) -> str | None:
        """The text that a text matches for having it in it, or None."""
        match self.tokens:
            case (Wild.RUN, str(text), Wild.RUN):
                return text
            case _:
                return None

    @property
    def start(self) -> str | None:
        """The text that a text matches for beginning with it, or None."""
        match self.tokens:
            case (str(text), Wild.RUN):
                return text
            case _:
                return None

    @property
    def texts(self) -> tuple[str, ...]:
        """The texts in it."""
        return tuple(token for token in self.tokens if isinstance(token, str))

    @property
    def is_open(self) -> bool:
        """Whether any text may stand at either end."""
        return bool(self.tokens) and self.tokens[0] is self.tokens[-1] is Wild.RUN

    def between(self, before: Iterable[Token], after: Iterable[Token]) -> "Glob":
        """Give it with something before and something behind."""
        return glob_of((*before, *self.tokens, *after))


def glob_of(tokens: Iterable[Token]) -> Glob:
    """Make a pattern: texts in a row become one, and of a run with others in a row the run is last."""
    tidy: list[Token] = []
    for token in tokens:
        if token == "":
            continue
        if isinstance(token, str) and tidy and isinstance(tidy[-1], str):
            tidy[-1] += token
        elif token is Wild.RUN and tidy and tidy[-1] is Wild.RUN:
            continue
        elif token is Wild.ONE and tidy and tidy[-1] is Wild.RUN:
            tidy.insert(-1, token)
        else:
            tidy.append(token)
    return Glob(tuple(tidy))


def containing(text: str) -> Glob:
    """Give the pattern of the texts that have another in them."""
    return glob_of((Wild.RUN, text, Wild.RUN))


def beginning(text: str) -> Glob:
    """Give the pattern of the texts that begin with another."""
    return glob_of((text, Wild.RUN))


def ending(text: str) -> Glob:
    """Give the pattern of the texts that end with another."""
    return glob_of((Wild.RUN, text))


def each_with_each(sequences: Iterable[tuple[Glob, ...]]) -> tuple[Glob, ...]:
    """Give every way to write one of the first alternatives, then one of the second, and so on.

    Raises:
        CannotSayError: There are too many ways.
    """
    written: tuple[Glob, ...] = (Glob(()),)
    for alternatives in sequences:
        written = distinct(first.between((), second.tokens) for first, second in product(written, alternatives))
    return written


def distinct(globs: Iterable[Glob]) -> tuple[Glob, ...]:
    """Give each pattern once.

    Raises:
        CannotSayError: There are too many, or one is too long.
    """
    kept: dict[Glob, None] = {}
    for glob in globs:
        kept[glob] = None
        if sum(map(len, glob.texts)) > LONGEST or len(glob.tokens) > LONGEST:
            raise CannotSayError(f"it stands for a text of more than {LONGEST} characters")
        if len(kept) > MOST_ALTERNATIVES:
            raise CannotSayError(f"it stands for more than {MOST_ALTERNATIVES} alternatives")
    return tuple(kept)
