"""What a rule of another tool asks: a tree of tests that are true or false of every object.

Other tools have two values of truth: an absent attribute, too, meets a test or does not. Each leaf knows which.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from dicom_sieve.criteria.criterion import MOST_LEVELS, GroupKind
from dicom_sieve.dicom.dictionary import Attribute
from dicom_sieve.dicom.vr.value_type import Operation
from dicom_sieve.importers.interface import CannotSayError

_OPPOSITE = {
    Operation.EQUALS: Operation.NOT_EQUALS,
    Operation.IN: Operation.NOT_IN,
    Operation.CONTAINS: Operation.NOT_CONTAINS,
    Operation.MATCHES: Operation.NOT_MATCHES,
    Operation.PRESENT: Operation.ABSENT,
}
OPPOSITE = _OPPOSITE | {negation: operation for operation, negation in _OPPOSITE.items()}
"""The operation that finds MET where another finds NOT_MET."""
NEGATIONS = frozenset(_OPPOSITE.values())
_OF_ONE_ITEM = {
    Operation.IN: Operation.EQUALS,
    Operation.NOT_IN: Operation.NOT_EQUALS,
}
_OF_SEVERAL = {single: several for several, single in _OF_ONE_ITEM.items()}
_TAKES_EITHER = {Operation.CONTAINS, Operation.NOT_CONTAINS, Operation.MATCHES, Operation.NOT_MATCHES}


@dataclass(frozen=True, slots=True)
class Leaf:
    """A test on one attribute.

    Attributes:
        attribute: What is looked at.
        operation: As criteria have it.
        references: None with PRESENT and ABSENT.
        is_met_by_absent: What the tool says where the attribute is absent or empty.
        more: Further members of the criterion, as ``case``.
    """

    attribute: Attribute
    operation: Operation
    references: tuple[str, ...] = ()
    is_met_by_absent: bool = False
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Both:
    """Several tests together: ``any`` or ``all`` of them, or ``none``."""

    kind: GroupKind
    tests: tuple["Test", ...]


Test = Leaf | Both | bool
"""A test; True and False are met by every object and by none."""


def any_of(tests: Iterable[Test]) -> Test:
    """Give a test that is met where one of several is."""
    return _together(GroupKind.ANY, tests, decisive=True)


def all_of(tests: Iterable[Test]) -> Test:
    """Give a test that is met where all of several are."""
    return _together(GroupKind.ALL, tests, decisive=False)


def _together(kind: GroupKind, tests: Iterable[Test], *, decisive: bool) -> Test:
    """Flatten groups of the same kind, merge leaves that differ in their references alone, and drop constants."""
    flat: list[Test] = []
    for test in tests:
        if test is decisive:
            return decisive
        if isinstance(test, Both) and test.kind is kind:
            flat.extend(test.tests)
        elif not isinstance(test, bool):
            flat.append(test)
    merged = _without_implied(_merge(flat, negations=kind is GroupKind.ALL), kind)
    if not merged:
        return not decisive
    return merged[0] if len(merged) == 1 else Both(kind, tuple(merged))


def _merge(tests: Sequence[Test], *, negations: bool) -> list[Test]:
    """Merge leaves: IN of both where one is enough, NOT_IN of both where all must be met."""
    merged: list[Test] = []
    places: dict[object, int] = {}
    for test in tests:
        key = _merging_key(test, negations=negations)
        if key is None or key not in places:
            if key is not None:
                places[key] = len(merged)
            if test not in merged:
                merged.append(test)
            continue
        other = merged[places[key]]
        if isinstance(test, Leaf) and isinstance(other, Leaf):
            references = tuple(dict.fromkeys((*other.references, *test.references)))
            operation = _OF_SEVERAL.get(other.operation, other.operation) if len(references) > 1 else other.operation
            merged[places[key]] = replace(other, references=references, operation=operation)
    return merged


def _without_implied(tests: list[Test], kind: GroupKind) -> list[Test]:
    """Drop ABSENT where another of several alternatives is met by an absent attribute, too, and PRESENT likewise."""
    is_any = kind is GroupKind.ANY
    operation = Operation.ABSENT if is_any else Operation.PRESENT
    decided = [test for test in tests if isinstance(test, Leaf) and test.references]
    implied = [(test.attribute, dict(test.more)) for test in decided if test.is_met_by_absent is is_any]
    return [
        test
        for test in tests
        if not (isinstance(test, Leaf) and test.operation is operation and _is_implied(test, implied))
    ]


def _is_implied(test: Leaf, implied: Sequence[tuple[Attribute, Mapping[str, Any]]]) -> bool:
    where = _place_of(test.more)
    return any(attribute == test.attribute and _place_of(more) == where for attribute, more in implied)


def _place_of(more: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give the members that say which value is looked at."""
    return {name: value for name, value in more.items() if name not in {"case", "tolerance"}}


def _merging_key(test: Test, *, negations: bool) -> object:
    if not isinstance(test, Leaf) or not test.references or (test.operation in NEGATIONS) is not negations:
        return None
    operation = _OF_ONE_ITEM.get(test.operation, test.operation)
    if operation not in _TAKES_EITHER | {Operation.EQUALS, Operation.NOT_EQUALS}:
        return None
    if test.more.get("tolerance"):
        return None
    return test.attribute, operation, test.is_met_by_absent, repr(sorted(test.more.items()))


def negate(test: Test) -> Test:
    """Give a test that is met where another is not."""
    if isinstance(test, bool):
        return not test
    if isinstance(test, Leaf):
        if test.operation in OPPOSITE:
            return replace(test, operation=OPPOSITE[test.operation], is_met_by_absent=not test.is_met_by_absent)
        return Both(GroupKind.NONE, (test,))
    if test.kind is GroupKind.NONE:
        return any_of(test.tests)
    return (all_of if test.kind is GroupKind.ANY else any_of)(negate(child) for child in test.tests)


def conjuncts_of(test: Test) -> tuple[Test, ...]:
    """Give the tests that all must be met."""
    return test.tests if isinstance(test, Both) and test.kind is GroupKind.ALL else (test,)


def to_item(test: Leaf | Both, *, level: int = 1, is_negated: bool = False) -> dict[str, Any]:
    """Give a test as the contract's JSON.

    Args:
        test: The test.
        level: How deep it lies in groups, from 1.
        is_negated: Whether it lies in a group ``none``.

    Raises:
        CannotSayError: It needs more levels of groups than there are.
    """
    if isinstance(test, Leaf):
        return _to_criterion(test, is_negated=is_negated)
    if level > MOST_LEVELS:
        raise CannotSayError(f"it needs groups deeper than {MOST_LEVELS} levels")
    within = is_negated or test.kind is GroupKind.NONE
    children = [child for child in test.tests if not isinstance(child, bool)]
    return {test.kind.value: [to_item(child, level=level + 1, is_negated=within) for child in children]}


def _to_criterion(leaf: Leaf, *, is_negated: bool) -> dict[str, Any]:
    """Give a leaf as a criterion; what is undecided without `if_absent` does not pass, so that it is often unsaid."""
    tag = leaf.attribute.tag
    is_single = len(leaf.references) == 1
    operation = _OF_ONE_ITEM.get(leaf.operation, leaf.operation) if is_single else leaf.operation
    given: dict[str, Any] = {
        "dicom_tag": leaf.attribute.keyword or [f"{tag >> 16:04X}", f"{tag & 0xFFFF:04X}"],
        "operation": operation.value,
    }
    if leaf.references:
        given["reference"] = leaf.references[0] if is_single else list(leaf.references)
        if leaf.is_met_by_absent:
            given["if_absent"] = "MET"
        elif is_negated or leaf.operation in NEGATIONS:
            given["if_absent"] = "NOT_MET"
    return {**given, **leaf.more}
