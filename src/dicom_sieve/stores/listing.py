"""A listing by several requests at a time, in the order of keys (ADR 14).

The first pages come one after the other, and most listings end there. A longer one is divided: an idle thread asks for
the page behind a point further on. Where keys are found there, the range becomes two. Ranges are disjoint and in order,
so that they are given one after the other. The foremost ranges are listed, and divided, first. The number of pages that
wait is bounded. Whatever points are chosen, a range ends where the next begins.
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
from dicom_sieve.stores.key_space import LONGEST_KEY, Letters, Stretch, behind, common_prefix

PAGES_ONE_BY_ONE = 10
"""Pages that are asked for one after the other before a listing is divided."""
EMPTY_IN_A_ROW = 100
"""Consecutive pages without a key, each of which says that there is more, after which a listing is given up."""
WASTED_IN_A_ROW = 3
"""Consecutive wasted requests in the middle of a range, after which another way to divide it is tried."""
SAMPLED = 10
"""One key in N of the first pages is examined for how keys are made."""
PAGES_WAITING = 8
"""Pages that wait for their turn, at most, for each request in flight."""
WORTH_DIVIDING = 2.0
"""Pages that a range must have left, by estimate, to be divided."""
WASTED_REQUESTS = 32
"""Wasted requests that are allowed beside a quarter of all requests; with more, nothing is divided any more."""


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
        """Tell whether all keys are greater than a key, and each greater than the one before it."""
        keys = [key, *(info.key for info in self.objects)]
        return all(earlier < later for earlier, later in pairwise(keys))


Asks = Callable[[Cursor], Page]


def list_objects(
    ask: Asks, location: Location, *, in_flight: int, pages_one_by_one: int = PAGES_ONE_BY_ONE
) -> Iterator[ObjectInfo]:
    """Give every object, as asking for one page after the other gives them.

    Args:
        ask: Asks for a page; called in several threads at a time.
        location: What is listed.
        in_flight: Requests under way at the same time, at most.
        pages_one_by_one: Pages that are asked for one after the other before anything is divided.

    Raises:
        StoreError: It cannot be listed.
        ListingOrderError: A divided listing is out of order.
    """
    cursor: Cursor | None = Cursor()
    last = first = ""
    letters = Letters()
    is_in_order = True
    number = empty = 0
    while cursor is not None:
        page = ask(cursor)
        cursor, number = page.following, number + 1
        empty = _count_empty(empty, page, location)
        if page.objects:
            is_in_order = is_in_order and page.is_in_order_behind(last)
            first, last = first or page.objects[0].key, page.objects[-1].key
            for info in page.objects[::SAMPLED]:
                letters.learn(info.key)
        yield from page.objects
        if cursor and last and is_in_order and in_flight > 1 and number >= pages_one_by_one:
            start = page.objects[0].key if page.objects else last
            rest = _Range(cursor, anchor=first, page=start, last=last, stretch=Stretch(start, last), is_climbing=True)
            yield from _Division(ask, location, in_flight, rest, letters).objects()
            return


def first_page(ask: Asks, after: str | None, location: Location) -> Page:
    """Give the first page that has objects, behind a text; one without any where there are none.

    Raises:
        StoreError: It cannot be listed.
    """
    page, empty = ask(Cursor(after=after)), 0
    while not page.objects and page.following is not None:
        empty = _count_empty(empty, page, location)
        page = ask(page.following)
    return page


def count_empty(before: int, address: str, *, is_empty: bool) -> int:
    """Count the consecutive pages without a key, up to this page.

    Args:
        before: The count up to the page before.
        address: What is listed.
        is_empty: The page has no key, and says that there is more.

    Raises:
        StoreError: They are too many: each token may be new, so that the listing may never end.
    """
    if not is_empty:
        return 0
    if before + 1 == EMPTY_IN_A_ROW:
        observed = f"{EMPTY_IN_A_ROW} pages in a row are empty, and each says that there is more"
        raise StoreError("list", address, observed, "the server's listing does not end")
    return before + 1


def _count_empty(before: int, page: Page, location: Location) -> int:
    return count_empty(before, str(location), is_empty=not page.objects and page.following is not None)


@dataclass(slots=True, eq=False)
class _Range:
    """A range of keys that is being listed.

    Attributes:
        cursor: Where its next page begins.
        anchor: An earlier key with a common prefix, which the rest of the range may share.
        page: The first key of its last page.
        last: The last key of its last page.
        stretch: What was listed since it was last divided.
        until: Upper bound of its keys (inclusive); None where that is not known.
        pages: Pages that wait for their turn.
        is_taken: Its next page is being asked for.
        is_probed: A page further on is being asked for.
        is_ended: There is no more to ask for.
        is_climbing: It is to be divided behind the common prefix of its keys, rather than in the middle.
        wasted: Consecutive requests further on that found nothing.
        empty: Consecutive pages without a key.
    """

    cursor: Cursor
    anchor: str
    page: str
    last: str
    stretch: Stretch
    until: str | None = None
    pages: deque[Sequence[ObjectInfo]] = field(default_factory=deque)
    is_taken: bool = False
    is_probed: bool = False
    is_ended: bool = False
    is_climbing: bool = False
    wasted: int = 0
    empty: int = 0

    def point(self, letters: Letters) -> str | None:
        """Choose where to divide it: behind the common prefix of its known keys, or in the middle."""
        for key in (self.anchor, self.page) if self.is_climbing else ():
            bound = behind(common_prefix(key, self.last))
            if bound and (self.until is None or bound < self.until) and len(bound.encode()) <= LONGEST_KEY:
                self.anchor = key
                return bound
        self.is_climbing = False
        until = self.until or chr(0x10FFFF)
        spread = [self.stretch, Stretch(self.page, self.last)]
        pages_left = min(stretch.pages_between(self.last, until, letters.all()) for stretch in spread)
        return letters.between(self.last, until) if pages_left >= WORTH_DIVIDING else None


class _Division:
    """The rest of a listing, divided into ranges as it goes."""

    def __init__(self, ask: Asks, location: Location, in_flight: int, rest: _Range, letters: Letters) -> None:
        self._ask = ask
        self._location = location
        self._in_flight = in_flight
        self._ranges = deque([rest])
        self._letters = letters
        self._changed = threading.Condition()
        self._pages = 0
        self._asked = 0
        self._wasted = 0
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
            while (task := self._wait_for_work()) is not None:
                range_, point = task
                if point is None:
                    self._go_on(range_)
                else:
                    self._divide(range_, point)
        except BaseException as error:  # raised again where the listing is read
            with self._changing():
                self._error = self._error or error
                self._is_over = True

    def _wait_for_work(self) -> tuple[_Range, str | None] | None:
        """Find the foremost range that can be continued, or divided at a point; None when all is done."""
        with self._changed:
            while not self._is_over and not all(range_.is_ended for range_ in self._ranges):
                if task := self._find_work():
                    range_, point = task
                    range_.is_taken, range_.is_probed = (
                        range_.is_taken or point is None,
                        range_.is_probed or point is not None,
                    )
                    self._pages += 1  # that is under way
                    self._asked += 1
                    return task
                self._changed.wait()
            return None

    def _find_work(self) -> tuple[_Range, str | None] | None:
        is_full = self._pages >= self._in_flight * PAGES_WAITING
        for range_ in self._ranges:
            if range_.is_ended:
                continue
            if not range_.is_taken and (not is_full or (range_ is self._ranges[0] and not range_.pages)):
                return range_, None
            if is_full:
                return None
            if self._is_worth_it and not range_.is_probed and (point := range_.point(self._letters)):
                return range_, point
        return None

    @property
    def _is_worth_it(self) -> bool:
        return self._may_divide and self._wasted <= WASTED_REQUESTS + self._asked // 4

    def _go_on(self, range_: _Range) -> None:
        page = self._ask(range_.cursor)
        with self._changing():
            range_.is_taken = False
            self._pages -= 1
            if not page.is_in_order_behind(range_.last):
                raise ListingOrderError(str(self._location))
            range_.empty = _count_empty(range_.empty, page, self._location)
            self._take(range_, page)

    def _divide(self, range_: _Range, point: str) -> None:
        """Ask for the keys behind a point of a range that is listed meanwhile, and make a range of them."""
        page: Page | None
        try:
            page = self._ask(Cursor(after=point))
        except StoreError:  # the server may only refuse this point: it counts when the listing itself fails
            page = None
        with self._changing():
            range_.is_probed = False
            self._pages -= 1
            if page is None or not page.is_in_order_behind(point):
                self._may_divide = False
                return
            is_passed = range_.is_ended or range_.last >= point
            has_keys = page.objects and (range_.until is None or page.objects[0].key <= range_.until)
            was_climbing, range_.is_climbing = range_.is_climbing, False
            if is_passed or not has_keys:
                range_.wasted += 1
                range_.is_climbing = not was_climbing and range_.wasted % WASTED_IN_A_ROW == 0
                self._wasted += 1
                is_known = page.objects or page.following is None
                if is_known and not is_passed:
                    range_.until = point
                return
            range_.wasted = 0
            first = page.objects[0].key
            anchor = range_.anchor if was_climbing and common_prefix(range_.anchor, first) else first
            upper = _Range(
                Cursor(), anchor, first, point, Stretch(first, first), range_.until, is_climbing=was_climbing
            )
            range_.until, range_.stretch = point, Stretch(range_.page, range_.last)
            self._ranges.insert(self._ranges.index(range_) + 1, upper)
            self._take(upper, page)

    def _take(self, range_: _Range, page: Page) -> None:
        """Add to a range those objects of a page that belong to it."""
        objects = page.objects
        if range_.until is not None and objects and objects[-1].key > range_.until:
            objects = objects[: bisect_right(objects, range_.until, key=lambda info: info.key)]
            range_.is_ended = True
        if page.following is None:
            range_.is_ended = True
        else:
            range_.cursor = page.following
        if objects:
            range_.page, range_.last = objects[0].key, objects[-1].key
            range_.stretch = range_.stretch.on_to(range_.last)
            self._letters.learn(range_.page)
            range_.pages.append(objects)
            self._pages += 1

    @contextmanager
    def _changing(self) -> Iterator[None]:
        with self._changed:
            try:
                yield
            finally:
                self._changed.notify_all()
