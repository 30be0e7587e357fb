"""Very many short texts, each by its place, in one piece of memory: a million of them take what their letters do."""

import re
from array import array
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from dicom_sieve.columns.lookup import Flags

END = b"\0"
"""Behind each text: no text of the ledger has one (`dicom_sieve.headers.values`)."""


class Texts:
    """Texts by their place; `texts_of` makes them.

    Args:
        data: All of them, as UTF-8, each with `END` behind it.
        ends: Behind which byte each ends.
        places: The place of each: all of them, each once.
    """

    def __init__(self, data: bytes, ends: NDArray[np.int64], places: NDArray[np.intp]) -> None:
        self._data, self._ends, self._places = data, ends, places
        self._at = np.empty(len(ends), np.intp)
        self._at[places] = np.arange(len(ends), dtype=np.intp)

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, place: int) -> str | None:
        """Give the text of a place; None: it is empty, or there is none."""
        at = int(self._at[place])
        start = int(self._ends[at - 1]) if at else 0
        return self._data[start : int(self._ends[at]) - 1].decode("utf-8", "surrogatepass") or None

    def containing(self, part: str) -> Flags:
        """Tell which texts contain another one, letter by letter."""
        found = np.zeros(len(self), np.bool_)
        sought = re.compile(re.escape(part.encode("utf-8", "surrogatepass")))
        starts = np.array([match.start() for match in sought.finditer(self._data)], np.int64)
        found[self._places[np.searchsorted(self._ends, starts, side="right")]] = True
        return found


def texts_of(rows: Iterable[Sequence[str | None]], count: int, places: NDArray[np.intp]) -> tuple[Texts, ...]:
    """Make texts of the cells of rows, which are read once.

    Args:
        rows: As they come; a cell of None: there is no text.
        count: Cells of each.
        places: The place of each row: all of them, each once.
    """
    data, ends = [bytearray() for _ in range(count)], [array("q") for _ in range(count)]
    for row in rows:
        for text, written, ended in zip(row, data, ends, strict=True):
            written.extend((text or "").encode("utf-8", "surrogatepass") + END)
            ended.append(len(written))
    return tuple(
        Texts(bytes(written), np.array(ended, np.int64), places) for written, ended in zip(data, ends, strict=True)
    )
