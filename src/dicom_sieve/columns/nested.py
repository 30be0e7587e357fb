"""Columns of what lies within sequences: made of the column of the outermost one, whose values are JSON (ADR 35)."""

from collections.abc import Iterator, Sequence

import numpy as np
import orjson

from dicom_sieve.columns.chunk import Column, Entry, as_entry, values_of
from dicom_sieve.dicom.items import Items, items_in
from dicom_sieve.dicom.marks import NOT_KEPT
from dicom_sieve.headers.placed_frames import FRAMES

Path = tuple[str, ...]
"""Keys of the sequences within the outermost one, and of the attribute."""


def nested_columns(column: Column) -> dict[Path, Column]:
    """Give a column for each attribute that lies in the items of any row, in the order of their paths.

    Args:
        column: Of a sequence whose items are kept.
    """
    found = [_values_within(entry) or {} for entry in column.entries]
    paths = sorted({path for values in found for path in values})
    return {path: _mapped(column, [as_entry(values.get(path)) for values in found]) for path in paths}


def nested_column(column: Column, path: Path) -> Column:
    """Give the column of one attribute; see `nested_columns`. Where items are not kept, neither are its values."""
    found = [_values_within(entry) for entry in column.entries]
    nothing = as_entry([NOT_KEPT])
    return _mapped(column, [nothing if values is None else as_entry(values.get(path)) for values in found])


def _mapped(column: Column, entries: Sequence[Entry]) -> Column:
    """Put other entries in the place of those of a column; equal ones become one."""
    places: dict[Entry, int] = {}
    table = np.array([places.setdefault(entry, len(places)) for entry in entries], np.uint32)
    return Column(tuple(places), table[column.codes])


def without_frames(column: Column) -> Column:
    """Give the column of Per-frame Functional Groups as attributes alone: where each frame lies is left out."""
    return _mapped(column, [_without_frames(entry) for entry in column.entries])


def _without_frames(entry: Entry) -> Entry:
    texts = values_of(entry)
    items = items_in(texts[0]) if texts else None
    if items is None:
        return entry
    rest = [{key: values for key, values in item.items() if key != FRAMES} for item in items]
    return as_entry([orjson.dumps(rest).decode()])


def _values_within(entry: Entry) -> dict[Path, list[str]] | None:
    """Give the values within a sequence, by path, those of several items behind one another; None: it is not kept."""
    texts = values_of(entry)
    items = items_in(texts[0]) if texts else ()
    if items is None:
        return None
    found: dict[Path, list[str]] = {}
    for path, values in _walk(items, ()):
        found.setdefault(path, []).extend(values)
    return found


def _walk(items: Items, path: Path) -> Iterator[tuple[Path, list[str]]]:
    for item in items:
        for key, values in item.items():
            if key == FRAMES:
                continue  # it is of no attribute
            yield (*path, key), [value for value in values if isinstance(value, str)]
            yield from _walk([value for value in values if not isinstance(value, str)], (*path, key))
