"""From the parts of a rule to what is imported of it: each part is said, or left out with the reason."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from dicom_sieve.criteria.criterion import MOST_ITEMS
from dicom_sieve.criteria.reading import read_criteria
from dicom_sieve.importers.interface import CannotSayError, Imported
from dicom_sieve.importers.logic import Test, all_of, conjuncts_of, to_item

NEVER = "no object meets it"
NOTHING = "it asks nothing: every object meets it, and criteria ask something"
LONGEST_SHOWN = 120


@dataclass(slots=True)
class Rule:
    """A rule, while it is read: an object must meet all its parts.

    Attributes:
        tests: The parts that can be said, as far as they are read.
        left_out: The others, in words.
        is_never_met: Whether no object meets one of the parts.
    """

    tests: list[Test] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    is_never_met: bool = False

    def add(self, what: str, read: Callable[[], Test]) -> None:
        """Add a part.

        Args:
            what: The part, as the file names it.
            read: Gives its test, or raises `CannotSayError`.
        """
        try:
            for test in conjuncts_of(read()):
                if test is False:
                    self.is_never_met = True
                    self.leave_out(what, NEVER)
                else:
                    _to_items([test])
                    self.tests.append(test)
        except CannotSayError as error:
            self.leave_out(what, error.reason)

    def leave_out(self, what: str, why: str) -> None:
        """Say that a part cannot be said."""
        self.left_out.append(f"{shorten(what)}: {why}")

    def imported(self, name: str, *, discards: bool = False) -> Imported:
        """Give what the rule has become."""
        criteria = () if self.is_never_met else tuple(_to_items(conjuncts_of(all_of(self.tests))))
        if not criteria and not self.left_out:
            self.leave_out("the rule", NOTHING)
        if len(criteria) > MOST_ITEMS:
            self.leave_out("the rule", f"it has {len(criteria):,} parts, and criteria have {MOST_ITEMS} at most")
            criteria = ()
        return Imported(name, criteria, tuple(self.left_out), discards)


def _to_items(tests: Iterable[Test]) -> list[Mapping[str, Any]]:
    """Give tests as criteria.

    Raises:
        CannotSayError: They make no sense as criteria: too long a text, an operation that is not defined for a VR.
    """
    items: list[Mapping[str, Any]] = [to_item(test) for test in tests if not isinstance(test, bool)]
    _, problems = read_criteria(items) if items else ((), ())
    if problems:
        raise CannotSayError(problems[0].partition(": ")[2])
    return items


def shorten(text: object) -> str:
    """Give the beginning of a long text on one line."""
    line = " ".join(str(text).split())
    return line if len(line) <= LONGEST_SHOWN else f"{line[: LONGEST_SHOWN - 1]}…"


def number_names(names: Iterable[str]) -> list[str]:
    """Make names differ: those that occur again get a number.

    Examples:
        >>> number_names(["T1w", "bold", "T1w"])
        ['T1w', 'bold', 'T1w 2']
    """
    given: set[str] = set()
    numbered = []
    for name in map(shorten, names):
        candidate, number = name, 1
        while candidate in given:
            number += 1
            candidate = f"{name} {number}"
        given.add(candidate)
        numbered.append(candidate)
    return numbered
