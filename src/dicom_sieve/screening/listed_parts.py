"""Cutting a listing into parts, so that those which are as they were listed last need no comparison (ADR 62). Pure."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from operator import lt

from dicom_sieve.errors import ListingOrderError
from dicom_sieve.ledger.database.listed_ranges import ListedRange, digest_listed
from dicom_sieve.objects import Location, ObjectInfo

RANGE_KEYS = 8_192
"""Of a new range. One that grows is cut at twice as many."""
FEWEST_KEYS = RANGE_KEYS // 4
"""A range that has changed and has fewer is joined to the next one."""
_KEYS_AT_A_TIME = 1_000


@dataclass(frozen=True, slots=True)
class Part:
    """What was listed between two keys.

    Attributes:
        listed: In the order of keys.
        after: The part begins behind this key; None: with the first of the location.
        last: The part ends with this key; None: with the last of the location.
        is_known: Whether it is a range that is as it was.
    """

    listed: Sequence[ObjectInfo]
    after: str | None
    last: str | None
    is_known: bool

    def as_range(self) -> ListedRange | None:
        """Give the range that it is from now on; None where nothing is there."""
        if not self.listed:
            return None
        last, size = self.last or self.listed[-1].key, sum(info.size for info in self.listed)
        return ListedRange(last, len(self.listed), size, digest_listed(self.listed, last))


def cut(
    listing: Iterable[ObjectInfo],
    ranges: Sequence[ListedRange],
    may_skip: Callable[[str | None, str], bool],
    location: Location,
) -> Iterator[Part]:
    """Give the parts of a listing: together they are all keys, whether something is listed there or not. Flat memory.

    Args:
        listing: In the order of keys.
        ranges: As it was listed last, in the order of keys.
        may_skip: Whether the objects behind a key, up to another, need no comparison if they are the same.
        location: That is listed.

    Raises:
        ListingOrderError: The listing is out of order.
    """
    cutter = _Cutter(ranges, may_skip)
    remaining = iter(listing)
    last: str | None = None
    while some := list(islice(remaining, _KEYS_AT_A_TIME)):
        keys = [listed.key for listed in some]
        if (last is not None and keys[0] <= last) or not all(map(lt, keys, keys[1:])):
            raise ListingOrderError(str(location))
        last = keys[-1]
        start = 0
        while start < len(keys):
            yield from cutter.end_before(keys[start])
            if cutter.is_full:
                yield cutter.end_within()
            start = cutter.add(some, keys, start)
    yield from cutter.end_before(None)
    yield Part(cutter.waiting, cutter.after, None, is_known=False)


class _Cutter:
    """Where a listing is, and what of it waits to become a part."""

    def __init__(self, ranges: Sequence[ListedRange], may_skip: Callable[[str | None, str], bool]) -> None:
        self.waiting: list[ObjectInfo] = []
        self.after: str | None = None
        self._ranges, self._may_skip, self._place = ranges, may_skip, 0
        self._is_whole = True  # what waits is all that was listed of the range

    @property
    def is_full(self) -> bool:
        """Whether there is no room for more in the same part."""
        return len(self.waiting) >= self._most

    def add(self, some: Sequence[ObjectInfo], keys: Sequence[str], start: int) -> int:
        """Let objects wait that belong to the same range, as many as there is room for; give the place of the next one.

        Args:
            some: Objects.
            keys: Theirs, ascending.
            start: The place of the first to be added.
        """
        end = len(keys) if self._kept is None else bisect_right(keys, self._kept.last_key, start)
        end = min(end, start + self._most - len(self.waiting))
        self.waiting += some[start:end]
        return end

    @property
    def _kept(self) -> ListedRange | None:
        """The range in which what waits lies; None: behind all of them."""
        return self._ranges[self._place] if self._place < len(self._ranges) else None

    @property
    def _most(self) -> int:
        return RANGE_KEYS if self._kept is None else 2 * RANGE_KEYS

    def end_before(self, key: str | None) -> Iterator[Part]:
        """Give the parts that end before a key, None: before the end, where ranges end."""
        while (kept := self._kept) is not None and (key is None or key > kept.last_key):
            self._place += 1
            is_known = self._is_whole and self._is_as(kept) and self._may_skip(self.after, kept.last_key)
            self._is_whole = is_known or len(self.waiting) >= FEWEST_KEYS
            if self._is_whole:
                yield self._part(kept.last_key, is_known=is_known)

    def end_within(self) -> Part:
        """Give what waits as a part, although more of its range follows."""
        self._is_whole = self._kept is None
        return self._part(self.waiting[-1].key, is_known=False)

    def _is_as(self, kept: ListedRange) -> bool:
        return len(self.waiting) == kept.row_count and digest_listed(self.waiting, kept.last_key) == kept.digest

    def _part(self, last: str, *, is_known: bool) -> Part:
        part = Part(self.waiting, self.after, last, is_known)
        self.waiting, self.after = [], last
        return part
