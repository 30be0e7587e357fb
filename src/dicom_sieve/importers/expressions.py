r"""Regular expressions, as far as they reduce to alternatives of patterns; they are read, and never run.

What is read: text, ``.``, ``[abc]``, ``\d``, ``\s``, groups, ``|``, ``?``, ``{n}``, ``.*``, ``.+``, ``^`` and ``$``
at the ends, ``(?i)`` at the beginning, and the two ways to write "nowhere in it": ``((?!a|b).)*`` and
``^(?!.*(a|b)).*$``.
"""

import re
import string
from dataclasses import dataclass
from enum import Enum

from dicom_sieve.importers.globs import Glob, Wild, distinct, each_with_each, glob_of
from dicom_sieve.importers.interface import CannotSayError

LONGEST, MOST_LEVELS, MOST_REPEATS = 512, 16, 64
_AT_NO_PLACE = re.compile(r"(\^?)\((?:\?:)?\(\?!(.*)\)\.\)([*+])(\$?)", re.DOTALL)
_NOT_AHEAD = re.compile(r"(\^?)\(\?!(.*)\)(?:\.([*+])\$?)?", re.DOTALL)
_SPECIAL = set(r".^$*+?{}[]\|()")


class Mode(Enum):
    """Where an expression must match."""

    SEARCH = "search"
    """Anywhere."""
    MATCH = "match"
    """At the beginning."""
    FULL = "full"
    """The whole text."""


@dataclass(frozen=True, slots=True)
class Reduced:
    """What an expression asks.

    Attributes:
        globs: A text matches one of these.
        is_exact: Whether capital and small letters differ.
        is_negated: Whether the text must match none of them.
        of_empty: Whether an empty text matches; None: as the patterns say.
    """

    globs: tuple[Glob, ...]
    is_exact: bool
    is_negated: bool = False
    of_empty: bool | None = None

    @property
    def matches_empty(self) -> bool:
        """Whether an empty text matches."""
        if self.of_empty is not None:
            return self.of_empty
        return any(glob.matches_empty for glob in self.globs) is not self.is_negated


def reduce_expression(expression: str, mode: Mode, *, is_exact: bool = True) -> Reduced:
    """Reduce a regular expression to patterns.

    Args:
        expression: As the tool has it.
        mode: Where it must match.
        is_exact: Whether capital and small letters differ, if the expression does not say that they do not.

    Raises:
        CannotSayError: It does not reduce to patterns.
    """
    if len(expression) > LONGEST:
        raise CannotSayError(f"the expression has more than {LONGEST} characters")
    while expression.startswith("(?i)"):
        expression, is_exact = expression.removeprefix("(?i)"), False
    if (negated := _reduce_nowhere(expression, mode, is_exact=is_exact)) is not None:
        return negated
    return Reduced(_Reading(expression).read(mode), is_exact)


def _reduce_nowhere(expression: str, mode: Mode, *, is_exact: bool) -> Reduced | None:
    """Reduce the two ways to write that something is nowhere in a text; None where it is neither."""
    if found := _AT_NO_PLACE.fullmatch(expression):
        start, inner, repeated, end = found.groups()
        is_whole, where = end or mode is Mode.FULL, Mode.SEARCH
        of_empty = repeated == "*" or None
    elif found := _NOT_AHEAD.fullmatch(expression):
        start, inner, repeated = found.groups()
        is_whole, where = repeated or mode is not Mode.FULL, Mode.MATCH
        of_empty = None
    if found is None or not is_whole or not (start or mode is not Mode.SEARCH):
        return None
    if repeated == "+":
        of_empty = False
    return Reduced(_Reading(inner).read(where), is_exact, is_negated=True, of_empty=of_empty)


def is_plain(expression: str) -> bool:
    """Tell whether an expression is a text that matches itself alone."""
    return not set(expression) & _SPECIAL


class _Anchor(Enum):
    START = "^"
    END = "$"


_Part = tuple[Glob, ...] | _Anchor
"""Alternatives, or a place."""
_CLASSES = {"d": string.digits, "s": " "}
_ESCAPED = set(string.punctuation + " ")


@dataclass(slots=True)
class _Reading:
    """An expression, while it is read.

    Attributes:
        text: The expression.
        place: How far it is read.
        level: How deep in groups.
    """

    text: str
    place: int = 0
    level: int = 0

    def read(self, mode: Mode) -> tuple[Glob, ...]:
        globs = self._alternatives(mode)
        if self.place < len(self.text):
            raise CannotSayError("the expression has a bracket too many")
        return globs

    def _alternatives(self, mode: Mode | None) -> tuple[Glob, ...]:
        """Read what lies between bars.

        Args:
            mode: Where it must match; None within a group.
        """
        globs: list[Glob] = []
        while True:
            parts = self._sequence()
            if (glob := _written(parts, mode)) is not None:
                globs += glob
            if self._peek() != "|":
                return distinct(globs)
            self.place += 1

    def _sequence(self) -> list[_Part]:
        parts: list[_Part] = []
        while (character := self._peek()) and character not in "|)":
            if character in "^$":
                self.place += 1
                parts.append(_Anchor(character))
                continue
            parts.append(self._repeated(self._atom()))
        return parts

    def _peek(self) -> str:
        return self.text[self.place : self.place + 1]

    def _take(self) -> str:
        if self.place >= len(self.text):
            raise CannotSayError("the expression ends too soon")
        self.place += 1
        return self.text[self.place - 1]

    def _atom(self) -> tuple[Glob, ...]:
        character = self._take()
        match character:
            case ".":
                return (glob_of((Wild.ONE,)),)
            case "\\":
                return self._escaped()
            case "[":
                return self._class()
            case "(":
                return self._group()
            case "*" | "+" | "?" | "{":
                raise CannotSayError(f"the expression has {character!r} with nothing before it")
            case _:
                return (glob_of((character,)),)

    def _escaped(self) -> tuple[Glob, ...]:
        character = self._take()
        if character in _CLASSES:
            return tuple(glob_of((each,)) for each in _CLASSES[character])
        if character not in _ESCAPED:
            raise CannotSayError(f"it has \\{character}, for which there is no pattern")
        return (glob_of((character,)),)

    def _class(self) -> tuple[Glob, ...]:
        end = self.text.find("]", self.place + 1)
        inner = self.text[self.place : end]
        if end < 0 or inner.startswith("^") or "\\" in inner or "[" in inner:
            raise CannotSayError("it has characters in brackets that are not a list of some")
        self.place = end + 1
        letters: list[str] = []
        while inner:
            if len(inner) > 2 and inner[1] == "-":
                letters += map(chr, range(ord(inner[0]), ord(inner[2]) + 1))
                inner = inner[3:]
            else:
                letters.append(inner[0])
                inner = inner[1:]
            if len(letters) > MOST_REPEATS:
                raise CannotSayError(f"it has more than {MOST_REPEATS} characters in brackets")
        return distinct(glob_of((letter,)) for letter in letters)

    def _group(self) -> tuple[Glob, ...]:
        self.level += 1
        if self.level > MOST_LEVELS:
            raise CannotSayError(f"it has groups deeper than {MOST_LEVELS} levels")
        if self._peek() == "?":
            if not self.text.startswith("?:", self.place):
                raise CannotSayError(f"it has {self.text[self.place - 1 : self.place + 3]!r}: no look-around or flags")
            self.place += 2
        globs = self._alternatives(None)
        if self._peek() != ")":
            raise CannotSayError("the expression has a bracket too few")
        self.place += 1
        self.level -= 1
        return globs

    def _repeated(self, atom: tuple[Glob, ...]) -> tuple[Glob, ...]:
        """Read how often something is there."""
        quantifier = self._peek()
        if quantifier not in ("*", "+", "?", "{"):
            return atom
        self.place += 1
        least, most = self._counts() if quantifier == "{" else {"*": (0, None), "+": (1, None), "?": (0, 1)}[quantifier]
        if self._peek() in ("?", "+"):  # lazy and possessive ones match the same whole texts, as far as they are read
            if self._peek() == "+":
                raise CannotSayError("it has a possessive quantifier")
            self.place += 1
        if most is None:
            if any(glob.tokens not in ((Wild.ONE,), (Wild.RUN,)) for glob in atom):
                raise CannotSayError(f"it repeats more than any character: {quantifier}")
            may_be_empty = any(glob.tokens == (Wild.RUN,) for glob in atom)  # as (.*)+
            return (glob_of((*[Wild.ONE] * (0 if may_be_empty else least), Wild.RUN)),)
        return distinct(glob for count in range(least, most + 1) for glob in each_with_each([atom] * count))

    def _counts(self) -> tuple[int, int | None]:
        found = re.compile(r"([0-9]{1,3})(,?)([0-9]{0,3})\}").match(self.text, self.place)
        if found is None:
            raise CannotSayError("it has '{' that counts nothing")
        self.place = found.end()
        least = int(found[1])
        most = least if not found[2] else int(found[3]) if found[3] else None
        if max(least, most or 0) > MOST_REPEATS or (most is not None and most < least):
            raise CannotSayError(f"it counts to more than {MOST_REPEATS}")
        return least, most


def _written(parts: list[_Part], mode: Mode | None) -> tuple[Glob, ...] | None:
    """Give the patterns of whole texts; None where no text can match, for a place that is not there."""
    starts, ends = 0, len(parts)
    while starts < ends and parts[starts] is _Anchor.START:
        starts += 1
    while ends > starts and parts[ends - 1] is _Anchor.END:
        ends -= 1
    if mode is None and any(isinstance(part, _Anchor) for part in parts):
        raise CannotSayError("it has ^ or $ within a group")
    if _has_no_place(parts):
        return None
    inner = [part for part in parts[starts:ends] if not isinstance(part, _Anchor)]
    if len(inner) < ends - starts:
        raise CannotSayError("it has ^ or $ in the middle")
    globs = each_with_each(inner)
    before = (Wild.RUN,) if mode is Mode.SEARCH and not starts else ()
    after = () if mode in (Mode.FULL, None) or ends < len(parts) else (Wild.RUN,)
    return distinct(glob.between(before, after) for glob in globs)


def _has_no_place(parts: list[_Part]) -> bool:
    """Tell whether a beginning stands behind a character, or an end before one."""
    for place, part in enumerate(parts):
        others = parts[:place] if part is _Anchor.START else parts[place:] if part is _Anchor.END else []
        if any(isinstance(other, tuple) and all(_is_something(glob) for glob in other) for other in others):
            return True
    return False


def _is_something(glob: Glob) -> bool:
    return any(token is not Wild.RUN for token in glob.tokens)
