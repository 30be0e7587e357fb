"""How a header is judged: one finding per item, one verdict. Pure, and worked out once per distinct value."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from dicom_sieve.criteria.criterion import GroupKind
from dicom_sieve.criteria.finding import Finding, combine, first_of
from dicom_sieve.criteria.judge import items_of, judge, judge_item
from dicom_sieve.criteria.rule import CompiledCriterion, CompiledGroup, CompiledItem
from dicom_sieve.dicom.identifying import digest_identity
from dicom_sieve.dicom.vr.person import PN
from dicom_sieve.errors import InvalidRequestError


class Verdict(StrEnum):
    """What becomes of an instance."""

    PASSED = "PASSED"
    DISCARDED = "DISCARDED"


@dataclass(frozen=True, slots=True)
class Decision:
    """The judgement on one header.

    Attributes:
        verdict: PASSED when every finding is MET.
        findings: One per item, in their order; none where the header could not be judged.
        leaves: One per criterion, those of groups among them, in the order of the JSON.
    """

    verdict: Verdict
    findings: tuple[Finding, ...]
    leaves: tuple[Finding, ...] = ()


UNJUDGED = Decision(Verdict.DISCARDED, ())
"""The decision on an object whose header has a defect: its reason is the defect, not a finding."""


CACHE_SIZE = 65_536
MAX_CACHED_LENGTH = 256
"""Distinct values per criterion, and characters of each: more of them would be no gain, and have no end."""

Attributes = Mapping[str, Sequence[str]]
Found = tuple[Finding, tuple[Finding, ...]]
"""What an item found, and each of its leaves."""
_Texts = tuple[tuple[str, ...] | None, ...]


@dataclass(slots=True)
class Decider:
    """Judges headers by a fixed set of criteria and remembers what it found for distinct values.

    Attributes:
        criteria: In the order of the findings.
        secret: Of the ledger; what identifies is compared by a digest with it.

    Raises:
        InvalidRequestError: A criterion is on what identifies, and there is no secret.
    """

    criteria: tuple[CompiledItem, ...]
    secret: bytes | None = field(default=None, repr=False)
    _judges: tuple["_Judge", ...] = field(init=False, repr=False)
    _cache: tuple[dict[_Texts, Finding], ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        items = tuple(_digest(item, self.secret, f"criteria[{place}]") for place, item in enumerate(self.criteria))
        caches: list[dict[_Texts, Finding]] = []
        self._judges = tuple(_judge_of(item, caches) for item in items)
        self._cache = tuple(caches)

    def decide(self, attributes: Attributes, unreadable_from: str | None = None) -> Decision:
        """Judge one header.

        Args:
            attributes: Key to raw values, as `dicom_sieve.headers.Header` holds them. An attribute that the object does
                not have is not in it.
            unreadable_from: A tag: what is not in the attributes may be in the object with this tag or a higher one.
                None: it is absent.
        """
        found = [each.find(attributes, unreadable_from) for each in self._judges]
        findings = tuple(finding for finding, _ in found)
        passed = all(finding is Finding.MET for finding in findings)
        leaves = tuple(leaf for _, leaves in found for leaf in leaves)
        return Decision(Verdict.PASSED if passed else Verdict.DISCARDED, findings, leaves)


def _digest(item: CompiledItem, secret: bytes | None, place: str) -> CompiledItem:
    """Put digests in the place of references that identify."""
    if isinstance(item, CompiledGroup):
        children = (_digest(child, secret, f"{place}.{item.kind}[{index}]") for index, child in enumerate(item.items))
        return replace(item, items=tuple(children))
    if not item.is_identifying:
        return item
    if secret is None:
        problem = (
            f"{place}: {item.attribute} identifies, and is compared by keyed digest; the ledger has no secret here"
        )
        raise InvalidRequestError((f"{problem}; accepted: criteria on what does not identify",))
    is_name = item.attribute.vr == PN
    digests = tuple(digest_identity(str(reference), secret, is_name=is_name) for reference in item.references)
    return replace(item, references=digests)


class _Judge:
    """Judges one item of the list, or of a group."""

    def find(self, attributes: Attributes, unreadable_from: str | None) -> Found:
        """Give its finding, and those of its leaves."""
        raise NotImplementedError


def _judge_of(item: CompiledItem, caches: list[dict[_Texts, Finding]]) -> _Judge:
    if isinstance(item, CompiledCriterion):
        return _OfCriterion(item, caches)
    return _OfItems(item) if item.within else _OfGroup(item, [_judge_of(child, caches) for child in item.items])


class _OfCriterion(_Judge):
    """Judges one criterion, and remembers."""

    __slots__ = ("_cache", "_criterion", "_keys", "_needed", "_optional")

    def __init__(self, criterion: CompiledCriterion, caches: list[dict[_Texts, Finding]]) -> None:
        self._criterion = criterion
        self._keys, self._needed, self._optional = criterion.keys, criterion.needed_keys, criterion.frame_keys
        self._cache: dict[_Texts, Finding] = {}
        caches.append(self._cache)

    def find(self, attributes: Attributes, unreadable_from: str | None) -> Found:
        """See `_Judge.find`."""
        if unreadable_from is not None and self._is_unreached(attributes, unreadable_from):
            return Finding.UNREACHED, (Finding.UNREACHED,)
        texts = tuple(None if (raw := attributes.get(key)) is None else tuple(raw) for key in self._keys)
        finding = self._cache.get(texts)
        if finding is None:
            finding = judge(self._criterion, attributes)
            length = sum(len("\\".join(values)) for values in texts if values is not None)
            if len(self._cache) < CACHE_SIZE and length <= MAX_CACHED_LENGTH:
                self._cache[texts] = finding
        return finding, (finding,)

    def _is_unreached(self, attributes: Attributes, start: str) -> bool:
        if any(start <= _tag_of(key) and key not in attributes for key in self._needed):
            return True
        return self._needed[0] not in attributes and any(
            start <= key and key not in attributes for key in self._optional
        )


def _tag_of(key: str) -> str:
    """Give the least tag that a key may stand for; the block of a private attribute is not known here."""
    return f"{key[:4]}1000" if " " in key else key


class _OfGroup(_Judge):
    """Judges a group by its items."""

    __slots__ = ("_children", "_kind")

    def __init__(self, group: CompiledGroup, children: Sequence[_Judge]) -> None:
        self._kind, self._children = group.kind, children

    def find(self, attributes: Attributes, unreadable_from: str | None) -> Found:
        """See `_Judge.find`."""
        found = [child.find(attributes, unreadable_from) for child in self._children]
        leaves = tuple(leaf for _, leaves in found for leaf in leaves)
        return combine(self._kind, [finding for finding, _ in found]), leaves


class _OfItems(_Judge):
    """Judges a group on one item of a sequence as a whole."""

    __slots__ = ("_group", "_key")

    def __init__(self, group: CompiledGroup) -> None:
        self._group, self._key = group, group.within[0].hex_tag

    def find(self, attributes: Attributes, unreadable_from: str | None) -> Found:
        """See `_Judge.find`."""
        if unreadable_from is not None and unreadable_from <= self._key and self._key not in attributes:
            return Finding.UNDECIDED, (Finding.UNREACHED,) * len(self._group.leaves)
        return _find_in_items(self._group, attributes)


def _find_in_items(group: CompiledGroup, members: Mapping[str, Sequence[str]]) -> Found:
    """Judge a group on each item that its sequences lead to: one item that meets it is enough.

    Where there is no item, everything in it is absent.
    """
    several = list(items_of(group.within, members)) or [{}]
    found = [_find_in_item(group, item) for item in several]
    leaves = tuple(first_of(of_leaf) for of_leaf in zip(*(leaves for _, leaves in found), strict=True))
    return combine(GroupKind.ANY, [finding for finding, _ in found]), leaves


def _find_in_item(group: CompiledGroup, item: Mapping[str, Sequence[str]] | None) -> Found:
    if item is None:
        return Finding.UNDECIDED, (Finding.UNDECIDED,) * len(group.leaves)
    found = [_find_child(child, item) for child in group.items]
    leaves = tuple(leaf for _, leaves in found for leaf in leaves)
    return combine(group.kind, [finding for finding, _ in found]), leaves


def _find_child(child: CompiledItem, item: Mapping[str, Sequence[str]]) -> Found:
    if isinstance(child, CompiledCriterion):
        finding = judge_item(child, item)
        return finding, (finding,)
    return _find_in_items(child, item) if child.within else _find_in_item(child, item)
