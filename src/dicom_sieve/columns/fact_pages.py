"""Pages of facts: a cell for each of 250 headers whose ids follow each other, as text that plain SQL can read.

All cells of a page have the same width. A page of which all cells are the same is one cell.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dicom_sieve.columns.chunk import Column, Entry, as_entry, values_of
from dicom_sieve.columns.coded import Codes, width_of
from dicom_sieve.columns.lookup import Numbers, are_consecutive, look_up
from dicom_sieve.columns.measured import UNKNOWN_ENTRY
from dicom_sieve.columns.numbers import distinct_numbers
from dicom_sieve.columns.pages import PAGE_IDS, page_bounds

UNDECIDED = "?"
"""The cell of what cannot be told; an empty one says that there is nothing."""
_BLANK = 0x20
_Cells = NDArray[np.bytes_]


class FactPage(NamedTuple):
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
    if not len(ids):
        return
    cells = np.array([cell_of(entry).encode() for entry in column.entries], np.bytes_)
    starts, ends = page_bounds(ids)
    numbers, page_of = ids[starts] // PAGE_IDS, np.repeat(np.arange(len(starts)), ends - starts)
    lengths = np.array([len(cell) for cell in cells.tolist()], np.int64)
    widths = np.maximum(np.maximum.reduceat(lengths[column.codes], starts), 1)
    has_former = np.array([number in before for number in numbers.tolist()], np.bool_)
    for place in np.flatnonzero(has_former).tolist():
        widths[place] = max(int(widths[place]), before[int(numbers[place])].width)
    for width in np.unique(widths).tolist():
        is_of_width = widths == width
        rows = np.flatnonzero(is_of_width[page_of])
        matrix = np.zeros((int(is_of_width.sum()), PAGE_IDS), f"S{width}")
        for place in np.flatnonzero(has_former[is_of_width]).tolist():
            page = before[int(numbers[is_of_width][place])]
            matrix[place] = _cells_of([page], page.width)
        places = (np.cumsum(is_of_width) - 1)[page_of[rows]]
        matrix[places, ids[rows] % PAGE_IDS] = cells.astype(matrix.dtype)[column.codes[rows]]
        for page in _pages(numbers[is_of_width], matrix):
            former = before.get(page.number)
            if page != former and (former is not None or page.cells.strip(" ")):
                yield page


def _pages(numbers: Numbers, matrix: _Cells) -> Iterator[FactPage]:
    """Write pages, each as narrow as its cells are."""
    letters = matrix.view(np.uint8).reshape(len(numbers), PAGE_IDS, -1)  # compared faster than texts are
    are_same = (letters == letters[:, :1]).all(axis=(1, 2))
    for number, cell in zip(numbers[are_same].tolist(), matrix[are_same, 0].tolist(), strict=True):
        text = cell.decode() or " "
        yield FactPage(number, len(text), text)
    numbers, letters = numbers[~are_same], letters[~are_same]
    widths = (letters != 0).any(axis=1).sum(axis=1)  # cells have no NUL but behind them
    letters = np.where(letters == 0, np.uint8(_BLANK), letters)
    for width in np.unique(widths).tolist():
        of_width = widths == width
        text, size = letters[of_width, :, :width].tobytes().decode(), width * PAGE_IDS
        for place, number in enumerate(numbers[of_width].tolist()):
            yield FactPage(number, width, text[place * size : (place + 1) * size])


@dataclass(frozen=True, slots=True, eq=False)
class FactTable:
    """What pages say of headers.

    Attributes:
        numbers: Of the pages, ascending.
        entries: Each distinct entry once; that of nothing is among them, the last one where no cell is empty.
        codes: (pages, `PAGE_IDS`): the place of the entry of each header.
        are_consecutive: Whether each page follows the one before.
    """

    numbers: Numbers
    entries: tuple[Entry, ...]
    codes: Codes
    are_consecutive: bool

    def of(self, ids: Numbers) -> Column:
        """Give what is known of headers, in any order; those of which there is no page have nothing."""
        cells_of_all = self.codes.reshape(-1)
        if self.are_consecutive and len(ids) and are_consecutive(ids):
            start = int(ids[0]) - int(self.numbers[0]) * PAGE_IDS
            if 0 <= start <= len(cells_of_all) - len(ids):  # most headers are asked for as they lie here
                return Column(self.entries, cells_of_all[start : start + len(ids)]).compact()
        has_page, places = look_up(ids // PAGE_IDS, self.numbers)
        cells = places * PAGE_IDS + ids % PAGE_IDS
        codes = np.full(len(ids), self.entries.index(None), self.codes.dtype)
        codes[has_page] = cells_of_all[cells[has_page]]
        return Column(self.entries, codes).compact()


def read_pages(pages: Sequence[FactPage]) -> FactTable:
    """Read pages, each number once, in the order of their numbers."""
    widths = np.array([page.width for page in pages], np.int64)
    are_whole = np.array([len(page.cells) > page.width for page in pages], np.bool_)
    entries: dict[Entry, int] = {}
    codes = np.zeros((len(pages), PAGE_IDS), np.uint32)
    for width, is_whole in product(np.unique(widths).tolist(), (True, False)):
        places = np.flatnonzero((widths == width) & (are_whole == is_whole))
        if len(places):
            distinct, of_cells = _distinct(_cells_of([pages[place] for place in places.tolist()], width))
            table = [entries.setdefault(entry_of(cell.decode()), len(entries)) for cell in distinct]
            codes[places] = np.array(table, np.uint32)[of_cells].reshape(len(places), -1)  # one cell stands for all
    entries.setdefault(None, len(entries))
    numbers = np.array([page.number for page in pages], np.int64)
    follow_each_other = len(pages) > 0 and are_consecutive(numbers)
    return FactTable(numbers, tuple(entries), codes.astype(width_of(len(entries))), follow_each_other)


def _cells_of(pages: Sequence[FactPage], width: int) -> _Cells:
    """Give the cells of pages whose cells are of one width, page by page, without spaces behind them."""
    written = np.frombuffer("".join([page.cells for page in pages]).encode(), np.uint8)
    return np.where(written == _BLANK, np.uint8(0), written).view(f"S{width}")


def _distinct(cells: _Cells) -> tuple[Iterable[bytes], NDArray[np.intp] | NDArray[np.uint32]]:
    """Give the different cells, and the place of each row's; short ones are looked up as numbers, which is faster."""
    width = cells.dtype.itemsize
    if width > np.dtype(np.uint64).itemsize:
        distinct, places = np.unique(cells, return_inverse=True)
        return [bytes(cell) for cell in distinct.tolist()], places.reshape(-1)
    numbers, codes = distinct_numbers(cells.astype("S8").view(np.int64))
    return [bytes(cell) for cell in numbers.view("S8").tolist()], codes
