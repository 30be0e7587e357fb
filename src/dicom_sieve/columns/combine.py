"""Combining the codes of several columns into one: each distinct combination gets a code of its own."""

import math
from collections.abc import Sequence
from itertools import product
from typing import TypeVar

import numpy as np

from dicom_sieve.columns.coded import BYTES, Coded, recode

T = TypeVar("T")
LARGEST_TABLE = 1 << 22
"""Possible combinations, up to which a table is faster than sorting."""


def combine(columns: Sequence[Coded[T]], row_count: int) -> Coded[tuple[T, ...]]:
    """Give the combinations that occur in the rows of several columns.

    Args:
        columns: Any number of them, each with `row_count` rows.
        row_count: How many rows there are, also where there is no column.
    """
    if 0 < math.prod(len(column.things) for column in columns) <= BYTES and row_count:
        return _combine_few(columns, row_count)
    combined: Coded[tuple[T, ...]] = Coded(((),), np.zeros(row_count, np.uint8))
    for column in columns:
        combined = _combine_two(combined, column)
    return combined


def _combine_few(columns: Sequence[Coded[T]], row_count: int) -> Coded[tuple[T, ...]]:
    """Combine columns of which a byte has room for each possible combination."""
    numbers = np.zeros(row_count, np.uint8)
    varying = [column for column in columns if len(column.things) > 1]
    if varying:
        numbers = varying[0].codes.astype(np.uint8)
    for column in varying[1:]:
        numbers = numbers * np.uint8(len(column.things)) + column.codes.astype(np.uint8, copy=False)
    possible = list(product(*(column.things for column in columns)))
    found = np.flatnonzero(np.bincount(numbers, minlength=len(possible)))
    if len(found) == len(possible):
        return Coded(tuple(possible), numbers)
    occurring = {number: place for place, number in enumerate(found.tolist())}
    table = [occurring.get(number, 0) for number in range(len(possible))]
    return Coded(tuple(possible[number] for number in occurring), recode(table, len(found), numbers))


def _combine_two(left: Coded[tuple[T, ...]], right: Coded[T]) -> Coded[tuple[T, ...]]:
    if len(right.things) == 1:
        return Coded(tuple((*thing, right.things[0]) for thing in left.things), left.codes)
    if len(left.things) == 1:
        return Coded(tuple((*left.things[0], thing) for thing in right.things), right.codes)
    width = len(right.things)
    numbers = left.codes.astype(np.int64) * width + right.codes
    possible = len(left.things) * width
    if possible <= LARGEST_TABLE:
        occurs = np.zeros(possible, np.bool_)
        occurs[numbers] = True
        found = np.flatnonzero(occurs)
        places = np.zeros(possible, np.uint32)
        places[found] = np.arange(len(found), dtype=np.uint32)
        codes = places[numbers]
    else:
        found, inverse = np.unique(numbers, return_inverse=True)
        codes = inverse.astype(np.uint32)
    of_left, of_right = tuple(left.things), tuple(right.things)
    things = tuple((*of_left[number // width], of_right[number % width]) for number in found.tolist())
    return Coded(things, codes)


def join(parts: Sequence[Coded[T]]) -> Coded[T]:
    """Give the rows of several parts, one behind the other."""
    places: dict[T, int] = {}
    tables = [[places.setdefault(thing, len(places)) for thing in part.things] for part in parts]
    codes = [
        part.codes if table == [*range(len(table))] else recode(table, len(places), part.codes)
        for part, table in zip(parts, tables, strict=True)
    ]
    return Coded(tuple(places), np.concatenate(codes))
