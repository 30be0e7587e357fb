"""The values of a table that are kept as digests alone: 16 bytes a value, and 4 a date, however many there are."""

import datetime
import hashlib
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from dicom_sieve.dicom.identity import digest_identity
from dicom_sieve.dicom.marks import IDENTITY

DIGEST_BYTES = 16
_Halves = tuple[Sequence[int], Sequence[int]]


@dataclass(frozen=True, slots=True)
class DigestsKey:
    """Makes the digests of values.

    Attributes:
        secret: Of the ledger, where values identify; else None.
        vr: Of the attribute; PN is a name.
    """

    secret: bytes | None = field(default=None, repr=False)
    vr: str = "LO"

    def digest(self, value: str) -> bytes:
        """Give the digest of a value; of what a ledger holds as one, that."""
        if self.secret is not None:
            if value.startswith(IDENTITY):
                return bytes.fromhex(value.removeprefix(IDENTITY))
            return bytes.fromhex(digest_identity(value, self.secret, vr=self.vr).removeprefix(IDENTITY))
        return hashlib.sha256(value.encode("utf-8", "replace")).digest()[:DIGEST_BYTES]


class CollectsDigests:
    """Takes values in, and a day of each where there is one; nothing but their digests is kept."""

    def __init__(self, key: DigestsKey) -> None:
        self._key, self._digests, self._days = key, bytearray(), array("i")

    def add(self, value: str, day: datetime.date | None = None) -> None:
        """Take in one value."""
        self._digests += self._key.digest(value)
        if day is not None:
            self._days.append(day.toordinal())

    def finish(self) -> "KeyedDigests":
        """Give the set of them."""
        pairs = np.frombuffer(self._digests, ">u8").reshape(-1, 2).astype(np.uint64)
        self._digests = bytearray()
        days = np.frombuffer(self._days, np.int32) if self._days else None
        sorted_by = (pairs[:, 1], pairs[:, 0]) if days is None else (days, pairs[:, 1], pairs[:, 0])
        order = np.lexsort(sorted_by)
        pairs = pairs[order]
        changes = (np.diff(pairs, axis=0) != 0).any(axis=1)
        is_first = np.append(np.ones(min(len(pairs), 1), np.bool_), changes)
        if days is None:
            return KeyedDigests(self._key, _halves(pairs[is_first]), int(is_first.sum()))
        days = days[order]
        is_other = is_first | np.append(np.ones(min(len(days), 1), np.bool_), np.diff(days) != 0)
        return KeyedDigests(self._key, _halves(pairs[is_other]), int(is_first.sum()), days[is_other])


def _halves(pairs: NDArray[np.uint64]) -> _Halves:
    """Give the first halves, and the second ones; Python looks numbers up faster than numpy does one at a time."""
    high, low = (array("Q", pairs[:, half].tobytes()) for half in (0, 1))
    return high, low


@dataclass(frozen=True, slots=True, eq=False)
class KeyedDigests:
    """A set of values that are known by their digests alone, with days of each where there are any.

    Attributes:
        key: Makes the digests.
        halves: The first and the second half of each digest, ascending.
        count: How many there are; one with several days counts once.
        days: Ordinals, beside the digests; None: it is a set.
    """

    key: DigestsKey
    halves: _Halves = field(repr=False)
    count: int
    days: NDArray[np.int32] | None = field(default=None, repr=False)

    def __contains__(self, value: object) -> bool:
        first, last = self._find(str(value))
        return last > first

    def of(self, key: str) -> Sequence[datetime.date]:
        """Give the days of a value, ascending; see `dicom_sieve.criteria.tables.GivesDates`."""
        first, last = self._find(key)
        return [] if self.days is None else list(map(datetime.date.fromordinal, self.days[first:last].tolist()))

    def _find(self, value: str) -> tuple[int, int]:
        """Give the places from which and up to which a value stands."""
        digest = self.key.digest(value)
        high, low = (int.from_bytes(half, "big") for half in (digest[:8], digest[8:]))
        highs, lows = self.halves
        first = bisect_left(highs, high)
        if first == len(highs) or highs[first] != high:
            return first, first
        last = bisect_right(highs, high, first)
        return bisect_left(lows, low, first, last), bisect_right(lows, low, first, last)
