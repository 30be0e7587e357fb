"""A listing by several requests at a time, in the order of keys (ADR 14).

The first pages come one after the other, and most listings end there. A longer one is divided: whoever has nothing to
do asks for the page behind a point further on, and where keys are found the range is two. Ranges are disjoint and in
order, so that they are given one after the other; those next in turn are listed, and divided, first, and a bounded
number of pages waits. Whatever points are chosen, a range ends where the next begins.
"""

import threading
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise

from dicom_sieve.errors import ListingOrderError, StoreError
from dicom_sieve.objects import Location, ObjectInfo
from dicom_sieve.stores.key_space import LONGEST_KEY, behind, between, common_prefix, pages_left

PAGES_ONE_BY_ONE = 10
"""So many pages come one after the other; a listing that is no longer costs what it always did."""
PAGES_WAITING = 8
"""For each request at a time, so many pages wait for their turn, at most."""
WORTH_DIVIDING = 2.0
"""Pages that a range must have left, as far as can be told."""
VAIN_REQUESTS = 32
"""That found nothing of use, beside an eighth of all: with more, nothing is divided any more."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page begins: behind a key, or where the server's own token says, or at the beginning."""

    after: str | None = None
    token: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Some objects, and where the next page begins; None behind the last."""

    objects: Sequence[ObjectInfo]
    following: Cursor | None

    def is_in_order_behind(self, key: str) -> bool:
        """Tell whether all keys are greater than one, and each than the one before."""
        keys = [key, *(info.key for info in self.objects)]
        return all(one < other for one, other in pairwise(keys))


Asks = Callable[[Cursor], Page]


def list_objects(
    ask: Asks, location: Location, *, in_flight: int, pages_one_by_one: int = PAGES_ONE_BY_ONE
) -> Iterator[ObjectInfo]:
    """Give every object, as asking for one page after the other gives them.

    Args:
        ask: Asks for a page; called in several threads at a time.
        location: What is listed.
        in_flight: Requests under way at the same time, at most.
        pages_one_by_one: So many pages come one after the other before anything is divided.

    Raises:
        StoreError: It cannot be listed.
        ListingOrderError: A divided listing is out of order.
    """
    cursor: Cursor | None = Cursor()
    last = first = ""
    letters: set[str] = set()
    is_in_order = True
    number = 0
    while cursor is not None:
        page = ask(cursor)
        cursor, number = page.following, number + 1
        if page.objects:
            is_in_order = is_in_order and page.is_in_order_behind(last)
            first, last = first or page.objects[0].key, page.objects[-1].key
            letters.update(*(info.key for info in page.objects))
        yield from page.objects
        if cursor and last and is_in_order and in_flight > 1 and number >= pages_one_by_one:
            rest = _Range(cursor, anchor=first, first=page.objects[0].key if page.objects else last, last=last)
            yield from _Division(ask, location, in_flight, rest, letters).objects()
            return


@dataclass(slots=True, eq=False)
class _Range:
    """A range of keys that is being listed.

    Attributes:
        cursor: Where its next page begins.
        anchor: A key before it: what both have in common, the range is likely to have in common.
        first: The first key of its last page.
        last: The last key of its last page.
        until: No key is greater (inclusive); None where that is not known.
        pages: That wait for their turn.
        is_taken: Its next page is being asked for.
        is_probed: A page further on is being asked for.
        is_ended: There is no more to ask for.
        was_in_vain: Nothing was found the last time.
    """

    cursor: Cursor
    anchor: str
    first: str
    last: str
    until: str | None = None
    pages: deque[Sequence[ObjectInfo]] = field(default_factory=deque)
    is_taken: bool = False
    is_probed: bool = False
    is_ended: bool = False
    was_in_vain: bool = False

    def point(self, letters: set[str]) -> str | None:
        """Choose where to divide it: behind all that begins as what is known of it, or in the middle."""
        bounds = [behind(common_prefix(key, self.last)) for key in (self.anchor, self.first)]
        ahead = [bound for bound in bounds if bound and (self.until is None or bound < self.until)]
        if ahead and (self.until is None or self.was_in_vain):
            return ahead[0] if len(ahead[0].encode()) <= LONGEST_KEY else None
        bound = chr(0x10FFFF)
        until = self.until or bound or chr(0x10FFFF)
        if pages_left(self.first, self.last, until, letters) < WORTH_DIVIDING:
            return None
        return between(self.last, until, letters)


class _Division:
    """The rest of a listing, divided into ranges as it goes."""

    def __init__(self, ask: Asks, location: Location, in_flight: int, rest: _Range, letters: set[str]) -> None:
        self._ask = ask
        self._location = location
        self._in_flight = in_flight
        self._ranges = deque([rest])
        self._letters = letters
        self._changed = threading.Condition()
        self._pages = 0
        self._asked = 0
        self._in_vain = 0
        self._may_divide = True
        self._is_over = False
        self._error: BaseException | None = None

    def objects(self) -> Iterator[ObjectInfo]:
        """Give the objects of all ranges, one range after the other."""
        with ThreadPoolExecutor(self._in_flight, thread_name_prefix="list") as pool:
            try:
                for _ in range(self._in_flight):
                    pool.submit(self._work)
                while (page := self._next_page()) is not None:
                    yield from page
            finally:
                with self._changing():
                    self._is_over = True

    def _next_page(self) -> Sequence[ObjectInfo] | None:
        """Wait for the page whose turn it is; None behind the last."""
        with self._changing():
            while self._ranges:
                if self._error:
                    raise self._error
                front = self._ranges[0]
                if front.pages:
                    self._pages -= 1
                    return front.pages.popleft()
                if front.is_ended:
                    self._ranges.popleft()
                    self._changed.notify_all()
                else:
                    self._changed.wait()
            return None

    def _work(self) -> None:
        """Ask for pages until there is no more to ask for."""
        try:
            while (found := self._wait_for_work()) is not None:
                one, point = found
                if point is None:
                    self._go_on(one)
                else:
                    self._divide(one, point)
        except BaseException as error:  # raised again where the listing is read
            with self._changing():
                self._error = self._error or error
                self._is_over = True

    def _wait_for_work(self) -> tuple[_Range, str | None] | None:
        """Find the foremost range that can be gone on with, or divided at a point; None when all is done."""
        with self._changed:
            while not self._is_over and not all(one.is_ended for one in self._ranges):
                if found := self._find_work():
                    one, point = found
                    one.is_taken, one.is_probed = one.is_taken or point is None, one.is_probed or point is not None
                    self._pages += 1  # that is under way
                    self._asked += 1
                    return found
                self._changed.wait()
            return None

    def _find_work(self) -> tuple[_Range, str | None] | None:
        is_full = self._pages >= self._in_flight * PAGES_WAITING
        for one in self._ranges:
            if one.is_ended:
                continue
            if not one.is_taken and (not is_full or (one is self._ranges[0] and not one.pages)):
                return one, None
            if is_full:
                return None
            if self._is_worth_it and not one.is_probed and (point := one.point(self._letters)):
                return one, point
        return None

    @property
    def _is_worth_it(self) -> bool:
        return self._may_divide and self._in_vain <= VAIN_REQUESTS + self._asked // 8

    def _go_on(self, one: _Range) -> None:
        page = self._ask(one.cursor)
        with self._changing():
            one.is_taken = False
            self._pages -= 1
            if not page.is_in_order_behind(one.last):
                raise ListingOrderError(str(self._location))
            self._take(one, page)

    def _divide(self, one: _Range, point: str) -> None:
        """Ask for what lies behind a point of a range that is listed meanwhile, and give it to a range of its own."""
        page: Page | None
        try:
            page = self._ask(Cursor(after=point))
        except StoreError:  # it lists, but not from here: no fault unless listing has it, too
            page = None
        with self._changing():
            one.is_probed = False
            self._pages -= 1
            if page is None or not page.is_in_order_behind(point):
                self._may_divide = False
                return
            is_passed = one.is_ended or one.last >= point
            found = page.objects and (one.until is None or page.objects[0].key <= one.until)
            one.was_in_vain = is_passed or not found
            if one.was_in_vain:
                self._in_vain += 1
                is_known = page.objects or page.following is None
                if is_known and not is_passed:
                    one.until = point
                return
            first = page.objects[0].key
            upper = _Range(Cursor(), one.anchor if one.until is None else first, first, point, one.until)
            one.until = point
            self._ranges.insert(self._ranges.index(one) + 1, upper)
            self._take(upper, page)

    def _take(self, one: _Range, page: Page) -> None:
        """Add to a range what of a page is its own."""
        objects = page.objects
        if one.until is not None and objects and objects[-1].key > one.until:
            objects = objects[: bisect_right(objects, one.until, key=lambda info: info.key)]
            one.is_ended = True
        if page.following is None:
            one.is_ended = True
        else:
            one.cursor = page.following
        if objects:
            one.first, one.last = objects[0].key, objects[-1].key
            self._letters.update(one.first, one.last)
            one.pages.append(objects)
            self._pages += 1

    @contextmanager
    def _changing(self) -> Iterator[None]:
        with self._changed:
            try:
                yield
            finally:
                self._changed.notify_all()
