"""Pages of facts: a cell for each of 250 headers whose ids follow each other, as text that plain SQL can read.

All cells of a page have the same width. A page of which all cells are the same is one cell.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dicom_sieve.columns.chunk import Column, Entry, as_entry, values_of
from dicom_sieve.columns.lookup import Numbers, look_up
from dicom_sieve.columns.measured import UNKNOWN_ENTRY
from dicom_sieve.columns.pages import PAGE_IDS

UNDECIDED = "?"
"""The cell of what cannot be told; an empty one says that there is nothing."""
_BLANK = 0x20
_Cells = NDArray[np.bytes_]


@dataclass(frozen=True, slots=True)
class FactPage:
    """One fact of headers whose ids follow each other.

    Attributes:
        number: Of the page: the first id divided by `PAGE_IDS`.
        width: Of a cell, in characters.
        cells: `PAGE_IDS` cells with spaces behind them, or one that stands for all.
    """

    number: int
    width: int
    cells: str


def cell_of(entry: Entry) -> str:
    """Write one entry."""
    if entry == UNKNOWN_ENTRY:
        return UNDECIDED
    return "".join(values_of(entry) or ())


def entry_of(cell: str) -> Entry:
    """Read one cell without the spaces behind it."""
    if cell == UNDECIDED:
        return UNKNOWN_ENTRY
    return as_entry([cell]) if cell else None


def write_pages(ids: Numbers, column: Column, before: Mapping[int, FactPage]) -> Iterator[FactPage]:
    """Give the pages that differ from those before, with new cells for some headers.

    Args:
        ids: Of the headers, ascending.
        column: What is known of each.
        before: Pages by number; one that is missing has empty cells.
    """
    cells = np.array([cell_of(entry).encode() for entry in column.entries], np.bytes_)
    lengths = np.char.str_len(cells)[column.codes]
    numbers, starts = np.unique(ids // PAGE_IDS, return_index=True)
    widths = np.maximum(np.maximum.reduceat(lengths, starts), 1) if len(ids) else lengths
    for number in numbers[[number in before for number in numbers.tolist()]].tolist():
        place = int(np.searchsorted(numbers, number))
        widths[place] = max(int(widths[place]), before[number].width)
    for width in np.unique(widths).tolist():
        of_width = np.flatnonzero(widths == width)
        rows = np.flatnonzero(look_up(ids // PAGE_IDS, numbers[of_width])[0])
        matrix = np.zeros((len(of_width), PAGE_IDS), f"S{width}")
        for place, number in enumerate(numbers[of_width].tolist()):
            if number in before:
                matrix[place] = _cells_of(before[number])
        _, places = look_up(ids[rows] // PAGE_IDS, numbers[of_width])
        matrix[places, ids[rows] % PAGE_IDS] = cells[column.codes[rows]]
        yield from _changed(numbers[of_width], matrix, before)


def _changed(numbers: Numbers, matrix: _Cells, before: Mapping[int, FactPage]) -> Iterator[FactPage]:
    for number, cells in zip(numbers.tolist(), matrix, strict=True):
        page = _page(number, cells)
        former = before.get(number)
        if page != former and (former is not None or page.cells.strip(" ")):
            yield page


def _page(number: int, cells: _Cells) -> FactPage:
    """Write a page, as narrow as its cells are."""
    if (cells == cells[0]).all():
        text = bytes(cells[0]).decode() or " "
        return FactPage(number, len(text), text)
    width = max(int(np.char.str_len(cells).max()), 1)
    written = cells.astype(f"S{width}").view(np.uint8)
    return FactPage(number, width, np.where(written == 0, _BLANK, written).astype(np.uint8).tobytes().decode())


@dataclass(frozen=True, slots=True, eq=False)
class FactTable:
    """What pages say of headers.

    Attributes:
        numbers: Of the pages, ascending.
        entries: Each distinct entry once; the first is that of nothing.
        codes: (pages, `PAGE_IDS`): the place of the entry of each header.
    """

    numbers: Numbers
    entries: tuple[Entry, ...]
    codes: NDArray[np.uint32]

    def of(self, ids: Numbers) -> Column:
        """Give what is known of headers, in any order; those of which there is no page have nothing."""
        codes = np.zeros(len(ids), np.uint32)
        has_page, places = look_up(ids // PAGE_IDS, self.numbers)
        codes[has_page] = self.codes[places[has_page], ids[has_page] % PAGE_IDS]
        return Column(self.entries, codes).take(np.arange(len(ids)))


def read_pages(pages: Sequence[FactPage]) -> FactTable:
    """Read pages, each number once, in the order of their numbers."""
    widths = np.array([page.width for page in pages], np.int64)
    entries: dict[Entry, int] = {None: 0}
    codes = np.zeros((len(pages), PAGE_IDS), np.uint32)
    for width in np.unique(widths).tolist():
        of_width = np.flatnonzero(widths == width)
        cells = np.concatenate([_cells_of(pages[place]) for place in of_width.tolist()])
        distinct, of_cells = _distinct(cells)
        table = [entries.setdefault(entry_of(cell.decode()), len(entries)) for cell in distinct]
        codes[of_width] = np.array(table, np.uint32)[of_cells].reshape(-1, PAGE_IDS)
    return FactTable(np.array([page.number for page in pages], np.int64), tuple(entries), codes)


def _cells_of(page: FactPage) -> _Cells:
    """Give the cells of a page, without spaces behind them."""
    written = np.frombuffer(page.cells.encode(), np.uint8)
    cells = np.where(written == _BLANK, 0, written).astype(np.uint8).view(f"S{page.width}")
    return np.broadcast_to(cells, (PAGE_IDS,)) if len(cells) == 1 else cells


def _distinct(cells: _Cells) -> tuple[Iterable[bytes], NDArray[np.intp]]:
    """Give the different cells, and the place of each row's; short ones are compared as numbers, which is faster."""
    width = cells.dtype.itemsize
    if width > np.dtype(np.uint64).itemsize:
        distinct, places = np.unique(cells, return_inverse=True)
        return [bytes(cell) for cell in distinct.tolist()], places.reshape(-1)
    numbers, places = np.unique(cells.astype("S8").view(np.uint64), return_inverse=True)
    return [bytes(cell) for cell in numbers.view("S8").tolist()], places.reshape(-1)
