"""Pages of outcomes: one byte for each of 250 ids that follow each other.

A byte stands for an outcome of the page's palette: a set of 255 outcomes at most. The byte `UNDECIDED` stands for none,
whatever the palette. Nearly every run has one palette. A page of which all bytes are the same is one byte long.
"""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from dicom_sieve.columns.coded import Coded
from dicom_sieve.columns.lookup import are_consecutive

PAGE_IDS = 250
"""Ids of a page: fewer than a byte has values, so that any page has room for all its outcomes and for `UNDECIDED`.

Pages of a thousand ids are three times slower to look up in SQLite, where they overflow.
"""
UNDECIDED = 255
"""The byte of an id without an outcome."""
PALETTE_OUTCOMES = 255

T = TypeVar("T", bound=Hashable)


class Pages(NamedTuple):
    """The outcomes of ids, in pages of one palette.

    Attributes:
        numbers: Of each page: its first id divided by `PAGE_IDS`; ascending.
        palette: Number of the set of outcomes that their bytes stand for.
        codes: Of each page: `PAGE_IDS` bytes, or one where all are the same.
    """

    numbers: Sequence[int]
    palette: int
    codes: Sequence[bytes]


@dataclass(slots=True)
class Palettes(Generic[T]):
    """The outcomes of a run, with a palette and a code for each; they grow as pages are made.

    Attributes:
        palettes: By palette, the code of each outcome.
    """

    palettes: list[dict[T, int]] = field(default_factory=lambda: [{}])
    _given: list[int] = field(default_factory=list)

    def pages(self, ids: NDArray[np.int64], outcomes: Coded[T]) -> Iterator[Pages]:
        """Make the pages of some ids.

        Args:
            ids: In ascending order; a page that two calls reach into is made twice.
            outcomes: Of each id.
        """
        starts, ends = page_bounds(ids)
        if len(self.palettes[-1].keys() | set(outcomes.things)) <= PALETTE_OUTCOMES:
            if len(ids):
                yield self._pages_of_one_palette(ids, outcomes, starts, ends)
            return
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
            yield self._page(ids[start:end], Coded(outcomes.things, outcomes.codes[start:end]))

    def take_new(self) -> Iterator[tuple[int, int, T]]:
        """Give palette, code and outcome of those that were not given yet."""
        self._given += [0] * (len(self.palettes) - len(self._given))
        for number, palette in enumerate(self.palettes):
            new = list(palette.items())[self._given[number] :]
            self._given[number] = len(palette)
            yield from ((number, code, outcome) for outcome, code in new)

    def _pages_of_one_palette(
        self, ids: NDArray[np.int64], outcomes: Coded[T], starts: NDArray[np.intp], ends: NDArray[np.intp]
    ) -> Pages:
        """Make pages whose outcomes all fit into the last palette, with one pass over the ids."""
        numbers, palette = ids[starts] // PAGE_IDS, len(self.palettes) - 1
        content = np.full(len(starts) * PAGE_IDS, UNDECIDED, np.uint8)
        codes = self._codes(outcomes.things)[outcomes.codes]
        if len(ids) and are_consecutive(ids):
            first = int(ids[0]) % PAGE_IDS
            content[first : first + len(ids)] = codes
        else:
            before = np.repeat((np.arange(len(starts)) - numbers) * PAGE_IDS, ends - starts)
            content[ids + before] = codes
        of_pages = content.reshape(-1, PAGE_IDS)
        is_same = (of_pages == of_pages[:, :1]).all(axis=1).tolist()
        data, firsts = content.tobytes(), range(0, len(content), PAGE_IDS)
        of_each = [data[start : start + (1 if one else PAGE_IDS)] for start, one in zip(firsts, is_same, strict=True)]
        return Pages(numbers.tolist(), palette, of_each)

    def _page(self, ids: NDArray[np.int64], outcomes: Coded[T]) -> Pages:
        """Make one page with the last palette if that has room for its outcomes, or with a new one."""
        places, codes = np.unique(outcomes.codes, return_inverse=True)
        occurring = [outcomes.things[place] for place in places.tolist()]
        if len(self.palettes[-1].keys() | set(occurring)) > PALETTE_OUTCOMES:
            self.palettes.append({})
        content = _as_bytes(ids, self._codes(occurring)[codes])
        return Pages([int(ids[0]) // PAGE_IDS], len(self.palettes) - 1, [content])

    def _codes(self, things: Sequence[T]) -> NDArray[np.uint8]:
        """Give the codes of outcomes in the last palette, which gets those that it lacks."""
        palette = self.palettes[-1]
        return np.array([palette.setdefault(thing, len(palette)) for thing in things], np.uint8)


def page_bounds(ids: NDArray[np.int64]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Give where each page begins and ends (exclusive) among ids in ascending order."""
    if not len(ids):
        starts = np.zeros(0, np.intp)
        return starts, starts
    if are_consecutive(ids):
        starts = np.arange(-(int(ids[0]) % PAGE_IDS), len(ids), PAGE_IDS)
        starts[0] = 0
    else:
        starts = np.flatnonzero(np.diff(ids // PAGE_IDS, prepend=-1))
    return starts, np.append(starts[1:], len(ids))


def _as_bytes(ids: NDArray[np.int64], codes: NDArray[np.uint8]) -> bytes:
    """Give the bytes of a page, of which some ids have these codes."""
    if len(ids) < PAGE_IDS:
        content = np.full(PAGE_IDS, UNDECIDED, np.uint8)
        content[ids % PAGE_IDS] = codes
        return content.tobytes()
    return shorten(codes.tobytes())


def shorten(codes: bytes) -> bytes:
    """Leave one byte of a page where all are the same."""
    return codes if codes.strip(codes[:1]) else codes[:1]
