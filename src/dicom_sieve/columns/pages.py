"""Pages of outcomes: one byte for each of 256 ids that follow each other.

A byte stands for an outcome of the page's palette: a set of 256 outcomes at most. Nearly every run has one palette. A
page of which all bytes are the same is one byte long.
"""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from dicom_sieve.columns.combine import Coded

PAGE_IDS = 256
"""Ids of a page, and outcomes of a palette. Larger pages are slower to look up in SQLite, where they overflow."""

T = TypeVar("T", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Page:
    """The outcomes of ids that follow each other.

    Attributes:
        number: Of the page: its first id divided by `PAGE_IDS`.
        palette: Number of the set of outcomes that its bytes stand for.
        codes: `PAGE_IDS` bytes, or one where all are the same.
    """

    number: int
    palette: int
    codes: bytes

    def code_of(self, row_id: int) -> int:
        """Give the code of one of its ids."""
        return self.codes[row_id % PAGE_IDS if len(self.codes) > 1 else 0]


@dataclass(slots=True)
class Palettes(Generic[T]):
    """The outcomes of a run, with a palette and a code for each; they grow as pages are made.

    Attributes:
        nothing: The outcome of an id of a page that was not decided on.
        palettes: By palette, the code of each outcome.
    """

    nothing: T
    palettes: list[dict[T, int]] = field(default_factory=lambda: [{}])

    def pages(self, ids: NDArray[np.int64], outcomes: Coded[T]) -> Iterator[Page]:
        """Make the pages of some ids.

        Args:
            ids: In ascending order; a page that two calls reach into is made twice.
            outcomes: Of each id.
        """
        numbers = ids // PAGE_IDS
        starts = np.flatnonzero(np.diff(numbers, prepend=-1))
        ends = np.append(starts[1:], len(ids))
        if self._fit(outcomes.things):
            yield from self._pages_of_one_palette(ids, outcomes, starts, ends)
            return
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
            part = Coded(outcomes.things, outcomes.codes[start:end])
            yield self._page(int(numbers[start]), ids[start:end], part)

    def _fit(self, things: Sequence[T]) -> bool:
        """Tell whether the last palette has room for some outcomes and the missing one."""
        return len(self.palettes[-1].keys() | {*things, self.nothing}) <= PAGE_IDS

    def _pages_of_one_palette(
        self, ids: NDArray[np.int64], outcomes: Coded[T], starts: NDArray[np.intp], ends: NDArray[np.intp]
    ) -> Iterator[Page]:
        """Make pages whose outcomes all fit into the last palette, with one pass over the ids."""
        table = self._codes(outcomes.things)
        codes = table[outcomes.codes]
        numbers, palette = (ids[starts] // PAGE_IDS).tolist(), len(self.palettes) - 1
        gap: int | None = None
        for number, start, end in zip(numbers, starts.tolist(), ends.tolist(), strict=True):
            if end - start == PAGE_IDS:
                page = codes[start:end].tobytes()
            else:
                if gap is None:
                    gap = int(self._codes((self.nothing,))[0])
                content = np.full(PAGE_IDS, gap, np.uint8)
                content[ids[start:end] % PAGE_IDS] = codes[start:end]
                page = content.tobytes()
            yield Page(number, palette, _shortened(page))

    def _page(self, number: int, ids: NDArray[np.int64], outcomes: Coded[T]) -> Page:
        """Make one page with the last palette that has room for its outcomes, or with a new one."""
        occurring = [outcomes.things[code] for code in np.unique(outcomes.codes).tolist()]
        needed = {*occurring, *(() if len(ids) == PAGE_IDS else (self.nothing,))}
        if len(self.palettes[-1].keys() | needed) > PAGE_IDS:
            self.palettes.append({})
        content = np.full(PAGE_IDS, 0, np.uint8)
        if self.nothing in needed:
            content[:] = self._codes((self.nothing,))[0]
        places = dict(zip(occurring, self._codes(occurring).tolist(), strict=True))
        table = np.array([places.get(thing, 0) for thing in outcomes.things], np.uint8)
        content[ids % PAGE_IDS] = table[outcomes.codes]
        return Page(number, len(self.palettes) - 1, _shortened(content.tobytes()))

    def _codes(self, things: Sequence[T]) -> NDArray[np.uint8]:
        """Give the codes of outcomes in the last palette, which gets those that it lacks."""
        palette = self.palettes[-1]
        return np.array([palette.setdefault(thing, len(palette)) for thing in things], np.uint8)


def _shortened(codes: bytes) -> bytes:
    """Leave one byte of a page where all are the same."""
    return codes[:1] if codes.count(codes[:1]) == len(codes) else codes
