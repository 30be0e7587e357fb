"""Numbers that stand for texts, the same in every block and every process; and for several numbers together."""

import hashlib
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dicom_sieve.columns.lookup import Numbers

_ODD = np.uint64(0x9E3779B97F4A7C15)
"""2 ** 64 divided by the golden ratio: products with it are spread over all numbers."""
_SHIFT = np.uint64(29)


def number_of(text: str) -> int:
    """Give the number of a text: 64 bits of its SHA-256, with a sign."""
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:8], "little", signed=True)


def numbers_of(texts: Sequence[str | None]) -> Numbers:
    """Give the numbers of texts; 0 for None."""
    return np.array([0 if text is None else number_of(text) for text in texts], np.int64)


def mix(first: Numbers, second: Numbers) -> Numbers:
    """Give a number for each pair of numbers: other pairs have others, but for one case in some 2 ** 64."""
    mixed = first.astype(np.int64).view(np.uint64) * _ODD
    mixed = (mixed ^ (mixed >> _SHIFT)) + second.astype(np.int64).view(np.uint64)
    mixed = mixed * _ODD
    spread: NDArray[np.uint64] = mixed ^ (mixed >> _SHIFT)
    return spread.view(np.int64)


def distinct_numbers(numbers: Numbers) -> tuple[Numbers, NDArray[np.uint32]]:
    """Give each different number once, in the order in which they come first, and for each of all its place there.

    A table of hashes finds them: `numpy.unique` sorts, which takes ten times as long where few are different.
    """
    whole = np.ascontiguousarray(numbers, np.int64)
    found = pa.Array.from_buffers(pa.int64(), len(whole), [None, pa.py_buffer(whole)]).dictionary_encode()
    distinct, codes = found.dictionary, found.indices
    return (
        np.frombuffer(distinct.buffers()[1], np.int64, len(distinct)),
        np.frombuffer(codes.buffers()[1], np.uint32, len(codes)),
    )
