"""What a version of criteria changes in another one: items that were added, removed or changed."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dicom_sieve.criteria.choose import Asked
from dicom_sieve.criteria.criterion import criteria_digest

_SUBJECT = ("dicom_tag", "private_creator", "within", "minus", "measure", "scope", "name")
"""The members of an item that say what it is about."""
_KINDS = ("any", "all", "none")


@dataclass(frozen=True, slots=True)
class Revision:
    """What differs between two lists of criteria.

    Attributes:
        added: Items of the second list alone.
        removed: Items of the first list alone.
        changed: Items about the same attribute, or groups of the same kind and name: as they were, and as they are.
        is_reordered: Whether the items that both have stand in another order.
    """

    added: tuple[Asked, ...]
    removed: tuple[Asked, ...]
    changed: tuple[tuple[Asked, Asked], ...]
    is_reordered: bool

    @property
    def is_empty(self) -> bool:
        """Whether both ask the same, in the same order."""
        return not (self.added or self.removed or self.changed or self.is_reordered)


def compare_versions(before: Sequence[Asked], after: Sequence[Asked]) -> Revision:
    """Tell what the second list of criteria changes in the first."""
    removed, kept_before = _without(before, after)
    added, kept_after = _without(after, before)
    changed: list[tuple[Asked, Asked]] = []
    for item in tuple(removed):
        successor = next((other for other in added if _subject(other) == _subject(item)), None)
        if successor is not None:
            changed.append((item, successor))
            _take(removed, item)
            _take(added, successor)
    is_reordered = _digests(kept_before) != _digests(kept_after)
    return Revision(tuple(added), tuple(removed), tuple(changed), is_reordered)


def _without(items: Sequence[Asked], others: Sequence[Asked]) -> tuple[list[Asked], list[Asked]]:
    """Give the items that the other list has not, as often as it has not; and those that it has."""
    rest, only, both = _digests(others), list[Asked](), list[Asked]()
    for item in items:
        digest = criteria_digest([item])
        if digest in rest:
            rest.remove(digest)
            both.append(item)
        else:
            only.append(item)
    return only, both


def _take(items: list[Asked], item: Asked) -> None:
    """Take out this very object: an equal one may stand in the list, too."""
    del items[next(index for index, other in enumerate(items) if other is item)]


def _digests(items: Iterable[Asked]) -> list[str]:
    return [criteria_digest([item]) for item in items]


def _subject(item: Asked) -> str:
    given = item.as_given()
    kinds = [kind for kind in _KINDS if kind in given]
    about = {name: given[name] for name in _SUBJECT if name in given}
    return json.dumps([kinds, about], sort_keys=True).upper()
