"""How a header is judged: one finding per item, one verdict. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from dicom_sieve.criteria.criterion import GroupKind
from dicom_sieve.criteria.finding import Finding, combine, first_of
from dicom_sieve.criteria.items import CompiledGroup, CompiledItem, CompiledMeasure, CompiledStep
from dicom_sieve.criteria.judge import items_of, judge, judge_item
from dicom_sieve.criteria.judge_measured import find_age, find_measured, is_age_unreached
from dicom_sieve.criteria.rule import CompiledCriterion
from dicom_sieve.criteria.tables import describe_not_loaded
from dicom_sieve.dicom.identity import digest_identity, normalise_identity
from dicom_sieve.dicom.marks import NOT_KEPT
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


def decision_of(findings: tuple[Finding, ...], leaves: tuple[Finding, ...] = ()) -> Decision:
    """Decide from the findings of all items."""
    passed = all(finding is Finding.MET for finding in findings)
    return Decision(Verdict.PASSED if passed else Verdict.DISCARDED, findings, leaves)


UNJUDGED = Decision(Verdict.DISCARDED, ())
"""The decision on an object whose header has a defect: its reason is the defect, not a finding."""


Attributes = Mapping[str, Sequence[str]]
Found = tuple[Finding, tuple[Finding, ...]]
"""What an item found, and each of its leaves."""


class Question(Protocol):
    """What is answered at once: a criterion, or a group on one item of a sequence."""

    @property
    def keys(self) -> tuple[str, ...]:
        """Everything that it reads; its answer on a header that was read whole is a pure function of these."""

    @property
    def points(self) -> tuple[Decimal, ...] | None:
        """Numbers between which its finding is the same on any single number under its first key; None: not known."""

    def find(self, attributes: Attributes, unreadable_from: str | None) -> Found:
        """Give its finding, and those of its leaves."""


@dataclass(frozen=True, slots=True)
class Questions:
    """A group of questions and of other groups.

    Attributes:
        kind: How their findings count together.
        children: One or more.
    """

    kind: GroupKind
    children: tuple["Asked", ...]

    def find(self, attributes: Attributes, unreadable_from: str | None) -> Found:
        """See `Question.find`."""
        found = [child.find(attributes, unreadable_from) for child in self.children]
        leaves = tuple(leaf for _, leaves in found for leaf in leaves)
        return combine(self.kind, [finding for finding, _ in found]), leaves


Asked = Question | Questions


@dataclass(frozen=True, slots=True)
class Decider:
    """Judges headers by a fixed set of criteria.

    Attributes:
        criteria: In the order of the findings.
        secret: Of the ledger; what identifies is compared by a digest with it.
        asked: What answers each criterion.
        step_count: How many of these are steps; they come last.

    Raises:
        InvalidRequestError: A criterion is on what identifies, and there is no secret; or on a table whose values are
            not there.
    """

    criteria: tuple[CompiledItem, ...]
    secret: bytes | None = field(default=None, repr=False)
    asked: tuple[Asked, ...] = field(init=False, repr=False)
    step_count: int = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "step_count", sum(isinstance(item, CompiledStep) for item in self.criteria))
        items = (_digest(item, self.secret, f"criteria[{place}]") for place, item in enumerate(self.criteria))
        object.__setattr__(self, "asked", tuple(map(_asked_by, items)))

    def decide(self, attributes: Attributes, unreadable_from: str | None = None) -> Decision:
        """Judge one header.

        Args:
            attributes: Key to raw values, as `dicom_sieve.headers.Header` holds them. An attribute that the object does
                not have is not in it.
            unreadable_from: A tag: what is not in the attributes may be in the object with this tag or a higher one.
                None: it is absent.
        """
        found = [asked.find(attributes, unreadable_from) for asked in self.asked]
        findings = tuple(finding for finding, _ in found)
        return self.decision(findings, tuple(leaf for _, leaves in found for leaf in leaves))

    def decision(self, findings: tuple[Finding, ...], leaves: tuple[Finding, ...] = ()) -> Decision:
        """Decide from the findings of all items; the steps behind them discard only what meets all criteria."""
        steps = self.step_count
        if steps and any(finding is not Finding.MET for finding in findings[: len(findings) - steps]):
            findings = (*findings[: len(findings) - steps], *(Finding.MET,) * steps)
        return decision_of(findings, leaves)


def _digest(item: CompiledItem, secret: bytes | None, place: str) -> CompiledItem:
    """Put digests in the place of references that identify, and what is compared where values lie in clear."""
    if isinstance(item, CompiledGroup):
        children = (_digest(child, secret, f"{place}.{item.kind}[{index}]") for index, child in enumerate(item.items))
        return replace(item, items=tuple(children))
    if isinstance(item, CompiledCriterion) and not all(asked.is_loaded for asked in item.tables):
        raise InvalidRequestError((f"{place}: {describe_not_loaded(item.tables)}",))
    if isinstance(item, CompiledMeasure | CompiledStep) or not item.is_identifying:
        return item  # what a measure counts, or a step compares, is judged by itself
    if item.table is not None:
        return item  # its values are digests
    if secret is None:
        problem = (
            f"{place}: {item.attribute} identifies, and is compared by keyed digest; the ledger has no secret here"
        )
        raise InvalidRequestError((f"{problem}; accepted: criteria on what does not identify",))
    texts, vr = tuple(map(str, item.references)), item.attribute.vr.code
    digests = (digest_identity(text, secret, vr=vr) for text in texts)
    return replace(item, references=(*digests, *(normalise_identity(text, vr=vr) for text in texts)))


def _asked_by(item: CompiledItem) -> Asked:
    if isinstance(item, CompiledCriterion):
        return _OfCriterion(item, item.keys, item.points)
    if isinstance(item, CompiledMeasure):
        return _OfMeasure(item, item.keys)
    if isinstance(item, CompiledStep):
        return _OfStep(item, item.keys)
    if item.within:
        return _OfItems(item, (item.within[0].hex_tag,))
    return Questions(item.kind, tuple(map(_asked_by, item.items)))


@dataclass(frozen=True, slots=True)
class _OfCriterion:
    """Judges one criterion."""

    criterion: CompiledCriterion
    keys: tuple[str, ...]
    points: tuple[Decimal, ...] | None

    def find(self, attributes: Attributes, unreadable_from: str | None) -> Found:
        """See `Question.find`."""
        is_unreached = unreadable_from is not None and self._is_unreached(attributes, unreadable_from)
        finding = Finding.UNREACHED if is_unreached else judge(self.criterion, attributes)
        return finding, (finding,)

    def _is_unreached(self, attributes: Attributes, start: str) -> bool:
        needed, optional = self.criterion.needed_keys, self.criterion.frame_keys
        if any(start <= _tag_of(key) and key not in attributes for key in needed):
            return True
        return needed[0] not in attributes and any(start <= key and key not in attributes for key in optional)


@dataclass(frozen=True, slots=True)
class _OfMeasure:
    """Judges one measure, by what was measured: that stands among the attributes."""

    item: CompiledMeasure
    keys: tuple[str, ...]
    points: None = None

    def find(self, attributes: Attributes, unreadable_from: str | None) -> Found:
        """See `Question.find`."""
        if self.item.scope is not None:
            finding = find_measured(self.item.compared, attributes.get(self.item.key))
        elif unreadable_from is not None and is_age_unreached(attributes, unreadable_from):
            finding = Finding.UNREACHED
        else:
            finding = find_age(self.item, attributes)
        return finding, (finding,)


@dataclass(frozen=True, slots=True)
class _OfStep:
    """Judges one step, by the number of the one that discards the instance: that stands among the attributes."""

    item: CompiledStep
    keys: tuple[str, ...]
    points: None = None

    def find(self, attributes: Attributes, unreadable_from: str | None) -> Found:
        """See `Question.find`."""
        del unreadable_from
        number = attributes.get(self.item.key, ("",))[0]
        if number in (UNKNOWN_GROUP, NOT_KEPT) and self.item.number == 1:
            return Finding.UNDECIDED, ()
        return (self.item.finding if number == str(self.item.number) else Finding.MET), ()


UNKNOWN_GROUP = "?"
"""In the place of the number of a step: it is not known of which patient, or study, an instance is."""


def _tag_of(key: str) -> str:
    """Give the least tag that a key may stand for; the block of a private attribute is not known here."""
    return f"{key[:4]}1000" if " " in key else key


@dataclass(frozen=True, slots=True)
class _OfItems:
    """Judges a group on one item of a sequence as a whole."""

    group: CompiledGroup
    keys: tuple[str, ...]
    points: None = None

    def find(self, attributes: Attributes, unreadable_from: str | None) -> Found:
        """See `Question.find`."""
        [key] = self.keys
        if unreadable_from is not None and unreadable_from <= key and key not in attributes:
            return Finding.UNDECIDED, (Finding.UNREACHED,) * len(self.group.leaves)
        return _find_in_items(self.group, attributes)


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
    if isinstance(child, CompiledMeasure | CompiledStep):
        raise TypeError("a measure lies in no sequence")  # criteria with such do not compile
    return _find_in_items(child, item) if child.within else _find_in_item(child, item)
