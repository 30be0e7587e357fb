"""How a run shows how far it is. Counts only: no key and no value passes here."""

from typing import Protocol

PHASES = ("list", "index", "decide", "publish")
"""The phases of a run, in their order."""


class Observer(Protocol):
    """Something that watches a run."""

    def begin(self, phase: str, total: int | None) -> None:
        """A phase begins.

        Args:
            phase: One of `PHASES`.
            total: How many objects (``decide``: headers) it will go through, or None where that is not known.
        """
        ...

    def advance(self, count: int) -> None:
        """Add to the phase's objects that are done."""
        ...

    def note(self, text: str) -> None:
        """Something that a person who waits wants to know."""
        ...


class Silent:
    """Watches and says nothing."""

    def begin(self, phase: str, total: int | None) -> None:
        """Say nothing."""

    def advance(self, count: int) -> None:
        """Say nothing."""

    def note(self, text: str) -> None:
        """Say nothing."""
