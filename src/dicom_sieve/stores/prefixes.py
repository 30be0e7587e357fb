"""Prefixes that part the keys of a place, so that each of its objects lies under exactly one of them (ADR 63).

A prefix is a plain text: no delimiter is needed. Which characters follow a prefix is found by pages of a listing that
begin behind all keys of the character before. A key that equals a prefix has no character behind it: such a prefix is
divided only where that object is empty, as the mark of a folder is. It holds no DICOM, and is counted.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, islice

from dicom_sieve.errors import InvalidRequestError, StoreError
from dicom_sieve.objects import FEWEST_ASKED, FILE, ObjectInfo
from dicom_sieve.stores.archives.store import ArchivesOpened
from dicom_sieve.stores.interface import Lists, ListsBehind
from dicom_sieve.stores.key_space import behind
from dicom_sieve.stores.listing import Page

DIVIDE = "divide"
MOST_PARTS = 256
"""Parts that are made at once: where one character more would make more of them, keys are not parted there."""
MOST_LATER = 1_024
"""Parts that a place may have after new keys have come."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
"""What no prefix of a request may hold."""


@dataclass(frozen=True, slots=True)
class Division:
    """Prefixes of which none begins with another one.

    Attributes:
        prefixes: In order.
        marks: Number of empty objects that lie under none: their keys are what several prefixes begin with.
    """

    prefixes: tuple[str, ...]
    marks: int = 0


@dataclass(frozen=True, slots=True)
class _Node:
    """A prefix, and what is known of the keys that begin with it.

    Attributes:
        prefix: The text.
        objects: The first ones, in order.
        is_all: Whether there are no others.
        depth: How many prefixes on the way to it have been divided.
    """

    prefix: str
    objects: Sequence[ObjectInfo]
    is_all: bool
    depth: int = 0

    @property
    def own(self) -> ObjectInfo | None:
        """The object whose key is the prefix itself."""
        return self.objects[0] if self.objects and self.objects[0].key == self.prefix else None

    @property
    def below(self) -> Sequence[ObjectInfo]:
        """The other ones."""
        return self.objects[1:] if self.own else self.objects

    @property
    def can_be_divided(self) -> bool:
        """Whether several keys are longer than the prefix, and no object would get lost that may be DICOM."""
        return (not self.own or not self.own.size) and (len(self.below) > 1 or not self.is_all)


def divisible(place: Lists) -> ListsBehind:
    """Give a place as one that can be divided.

    Raises:
        InvalidRequestError: Its prefixes are no places of their own, or it is listed from its beginning alone.
    """
    if isinstance(place, ArchivesOpened):
        if place.lists:
            raise InvalidRequestError((f"{DIVIDE}: what lies in archives is not divided; accepted: one of the two",))
        place = place.holder
    if isinstance(place, ListsBehind) and place.can_list_behind:
        return place
    scheme = place.location.scheme
    why = "prefixes of a directory are folders" if scheme == FILE else f"{scheme}:// is listed from its beginning alone"
    raise InvalidRequestError((f"{DIVIDE}: {why}; accepted with s3://bucket and gs://bucket",))


def find_prefixes(place: ListsBehind, *, at_least: int) -> Division:
    """Find prefixes: the fullest one is divided until there are enough, or none that could be divided is left.

    Of a prefix with more than a page of keys it is not known how full it is: of these the one is divided that was
    divided the fewest times.

    Args:
        place: What is divided.
        at_least: How many.

    Raises:
        InvalidRequestError: There are no two.
        StoreError: It cannot be listed.
    """
    look = _Looks(place)
    found, passed = [look.at(place.location.prefix)], list[_Node]()
    while len(found) < at_least and (candidates := [node for node in found if node.can_be_divided]):
        fullest = min(
            candidates, key=lambda node: (node.is_all, -len(node.objects) * node.is_all, node.depth, node.prefix)
        )
        found.remove(fullest)
        children, on_the_way = look.branches_of(fullest, MOST_PARTS - len(found))
        found += children
        passed += on_the_way
    if len(found) < FEWEST_ASKED:
        why = "its keys have no two prefixes that part them" if found[0].below else "there is nothing to divide"
        raise InvalidRequestError((f"{DIVIDE}: {why}; accepted: a run that is not divided",))
    return Division(tuple(sorted(node.prefix for node in found)), sum(node.own is not None for node in passed))


def find_again(place: ListsBehind, known: Collection[str]) -> Division:
    """Find the prefixes of a place that was divided before: the known ones, and those of keys that begin otherwise.

    Args:
        place: What is divided.
        known: The prefixes that were found before, also where no key begins with them any more.

    Raises:
        InvalidRequestError: There is an object, not empty, or a character for which there can be no prefix.
        StoreError: It cannot be listed.
    """
    look, start = _Looks(place), len(place.location.prefix)
    divided = sorted({prefix[:end] for prefix in known for end in range(start, len(prefix))})
    found, marks = set(known), 0
    for prefix in divided:
        node = look.at(prefix)
        if node.own is not None and node.own.size:
            raise InvalidRequestError((f"{DIVIDE}: an object's key is what several parts begin with; {_MOVE}",))
        marks += node.own is not None
        found |= {child.prefix for child in look.below(node)} - set(divided)
    if len(found) > MOST_LATER or any(map(_CONTROL.search, found)):
        wrong = f"there are {len(found):,} parts; accepted: {MOST_LATER:,}"
        raise InvalidRequestError((f"{DIVIDE}: {wrong if len(found) > MOST_LATER else _UNWRITABLE}",))
    return Division(tuple(sorted(found)), marks)


_MOVE = "accepted: a run that is not divided, or another key for it"
_UNWRITABLE = "a key has a control character where the parts are told from each other; accepted: another key for it"


@dataclass(frozen=True, slots=True)
class _Looks:
    """Looks at prefixes by pages of a listing."""

    place: ListsBehind

    def at(self, prefix: str) -> _Node:
        """Look at the first keys that begin with a prefix."""
        page = self._ask(prefix, None)
        return _Node(prefix, page.objects, page.following is None)

    def below(self, node: _Node) -> Iterator[_Node]:
        """Give the prefixes that are a character longer, in order: each key but the node's own is under one."""
        end = len(node.prefix) + 1
        if node.is_all:
            for prefix, objects in groupby(node.below, key=lambda info: info.key[:end]):
                yield _Node(prefix, tuple(objects), is_all=True)
            return
        first = node.below[0].key[:end] if node.below else self._first_behind(node.prefix, node.prefix)
        found = self.at(first) if first else None
        while found is not None:
            yield found
            found = self._next(node.prefix, found.prefix)

    def branches_of(self, node: _Node, room: int) -> tuple[list[_Node], list[_Node]]:
        """Divide a node where its keys part, which may be many characters on.

        Returns:
            What it became, and which prefixes were divided for that. Where it cannot be divided, or would become more
            than there is room for, it is given itself, as one that is all, with nothing below.
        """
        passed = [node]
        while passed[-1].can_be_divided:
            children = list(islice(self.below(passed[-1]), room + 1))
            if len(children) > room or any(_CONTROL.search(child.prefix[-1]) for child in children):
                break
            if len(children) > 1:
                return [replace(child, depth=node.depth + 1) for child in children], passed
            if not children:
                break
            passed += children
        return [replace(node, objects=node.objects[:1], is_all=True)], []

    def _next(self, base: str, prefix: str) -> _Node | None:
        """Look at the next prefix of the same length. A page begins behind a text: what equals it is looked for."""
        bound = behind(prefix)
        if bound is None or len(bound) < len(prefix):
            return None
        if (found := self.at(bound)).objects:
            return found
        following = self._first_behind(base, bound)
        return self.at(following) if following else None

    def _first_behind(self, base: str, text: str) -> str | None:
        objects = self._ask(base, text).objects
        return objects[0].key[: len(base) + 1] if objects else None

    def _ask(self, prefix: str, after: str | None) -> Page:
        page = self.place.page_behind(prefix, after)
        if not all(info.key.startswith(prefix) for info in page.objects) or not page.is_in_order_behind(after or ""):
            observed = "the page of a listing does not begin where it was asked to, or is out of order"
            raise StoreError("list", str(self.place.location), observed, "such a server's buckets cannot be divided")
        return page
