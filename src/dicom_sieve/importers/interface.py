"""What an importer gives: for each rule of a file the criteria that say it, and what of it they do not say."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


class CannotSayError(ValueError):
    """A part of a rule has no criterion.

    Args:
        reason: Why, in words.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Imported:
    """One rule of a file.

    Every object that the other tool takes by the rule meets the criteria; where nothing is left out, no other does.

    Attributes:
        name: Of the rule; no other rule of the file has it.
        criteria: As the contract's JSON. Empty where no part of the rule can be said.
        left_out: One line for each part that is not said, and why.
        discards: Whether objects that the rule takes are discarded.
    """

    name: str
    criteria: tuple[Mapping[str, Any], ...]
    left_out: tuple[str, ...] = ()
    discards: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether the criteria say all of the rule."""
        return bool(self.criteria) and not self.left_out


Importer = Callable[[str], Sequence[Imported]]
"""Reads the text of a file.

Raises:
    InvalidRequestError: The text is no file of the tool; says where, and what is accepted.
"""
