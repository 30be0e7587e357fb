"""What is worth a look before criteria are used: values that nothing can have, criteria that contradict each other.

Advice never changes a verdict. It says what the standard says; objects may not keep to it.
"""

import datetime
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from itertools import combinations
from typing import Any

from dicom_sieve.criteria.criterion import GroupKind
from dicom_sieve.criteria.items import CompiledItem, CompiledMeasure, CompiledStep, Leaf
from dicom_sieve.criteria.judge import meets_all
from dicom_sieve.criteria.measured import unit_of
from dicom_sieve.criteria.measures import Measure, Scope
from dicom_sieve.criteria.rule import CompiledCriterion
from dicom_sieve.criteria.standard import DEFINED_TERMS, ENUMERATED_VALUES, IN_FUNCTIONAL_GROUPS
from dicom_sieve.dicom.vr.age import Age
from dicom_sieve.dicom.vr.value_type import PRESENCE, Operation
from dicom_sieve.enumerations import any_of

MOST_SHOWN = 10
_EQUAL = {Operation.EQUALS, Operation.IN}


@dataclass(frozen=True, slots=True)
class Advice:
    """One thing that is worth a look.

    Attributes:
        criteria: Numbers of the criteria, from 1.
        text: A sentence about them.
    """

    criteria: tuple[int, ...]
    text: str

    def __str__(self) -> str:
        """As ``Criterion 2: …`` or ``Criteria 1 and 3: …``."""
        *first, last = map(str, self.criteria)
        return f"Criteria {', '.join(first)} and {last}: {self.text}" if first else f"Criterion {last}: {self.text}"


def advise(criteria: Sequence[CompiledItem], findings: Sequence[Mapping[str, int]] | None = None) -> tuple[Advice, ...]:
    """Say what is worth a look about criteria, in their order; then where they contradict each other.

    Args:
        criteria: The criteria.
        findings: Instances by finding, one mapping an item, where they were tried.
    """
    numbered = list(enumerate(criteria, 1))
    of_each = [
        Advice((number,), text)
        for number, item in numbered
        for text in (*_of_item(item), *_of_negations(item, None if not findings else findings[number - 1]))
    ]
    by_tag = defaultdict[int, list[tuple[int, CompiledCriterion]]](list)
    for number, item in numbered:
        if isinstance(item, CompiledCriterion) and _is_alone(item) and _can_be_met([item]):
            by_tag[item.attribute.tag].append((number, item))
    return (*of_each, *(advice for together in by_tag.values() for advice in _of_several(together)))


def _is_alone(criterion: CompiledCriterion) -> bool:
    """Tell whether it asks the one value of an attribute at the top level, and nothing of its absence."""
    is_elsewhere = criterion.within or criterion.creator or criterion.minus
    is_conditional = criterion.value is not None or criterion.if_absent is not None
    return not (is_elsewhere or is_conditional) and criterion.attribute.is_single_valued


def _of_item(item: CompiledItem) -> Iterator[str]:
    for leaf in item.leaves:
        yield from _of_one(leaf.compared if isinstance(leaf, CompiledMeasure) else leaf)
        if isinstance(leaf, CompiledMeasure):
            for counted in leaf.where:
                yield from _of_item(counted)


def _of_one(criterion: CompiledCriterion) -> Iterator[str]:
    attribute = criterion.attribute
    if attribute.tag in IN_FUNCTIONAL_GROUPS and not criterion.within and not criterion.frame_keys:
        yield (
            f"{attribute} lies in sequences within functional groups only (PS3.3 C.7.6.16), and nothing says in which: "
            "where objects keep to that it is absent, and no instance meets this; 'within' names them."
        )
    if not _can_be_met([criterion]):
        yield f"no value can meet it: {criterion.describe()}."
    if criterion.positive in _EQUAL and criterion.operation not in PRESENCE:
        yield from _of_terms(criterion)
    if criterion.is_without_unit and (unit := unit_of(attribute)):
        yield f"the reference has no unit: it is read as {unit.name}; write it, as {criterion.texts[0]}."
    if fractions := _fractions(criterion):
        yield (
            f"{criterion.name} is compared with {any_of(fractions, MOST_SHOWN)} exactly, and devices write 2.5 as "
            '2.4999 or 2.50001, too: with "tolerance": "0.01" these are equal.'
        )


_MEASURED = {"DS", "FL", "FD"}


def _fractions(criterion: CompiledCriterion) -> list[str]:
    """Give the references that no whole number is, where a measured number must equal one without tolerance."""
    if criterion.positive not in _EQUAL or criterion.vr.code not in _MEASURED or criterion.bounds:
        return []
    both = zip(criterion.texts, criterion.references, strict=True)
    return [text for text, value in both if isinstance(value, Decimal) and value != value.to_integral_value()]


def _of_negations(item: CompiledItem, findings: Mapping[str, int] | None) -> Iterator[str]:
    """Say where a negation leaves open what an absent value is."""
    for leaf, is_negated in _negations(item, is_negated=False):
        if not is_negated or leaf.if_absent is not None or leaf.positive is Operation.PRESENT or _is_always_told(leaf):
            continue
        discarded = "such an instance is discarded"
        if isinstance(item, Leaf) and findings is not None:
            number = sum(findings.get(name, 0) for name in ("ABSENT", "EMPTY"))
            discarded = f"{number:,} {'instance is' if number == 1 else 'instances are'} discarded for that"
        keep = "MET" if leaf.is_negated else "NOT_MET"
        yield (
            f"a negation without if_absent: where {leaf.name} is absent or empty it is undecided, and {discarded}; "
            f'"if_absent": "{keep}" keeps these.'
        )


def _is_always_told(leaf: Leaf) -> bool:
    """Tell whether it is a number that every series has."""
    if not isinstance(leaf, CompiledMeasure) or leaf.scope is not Scope.SERIES:
        return False
    return leaf.measure in {Measure.INSTANCES, Measure.FRAMES}


def _negations(item: CompiledItem, *, is_negated: bool) -> Iterator[tuple[Leaf, bool]]:
    """Give each leaf, and whether it is negated, by its operation or by a group around it, but not by both."""
    if isinstance(item, Leaf):
        yield item, item.is_negated or is_negated
        return
    if isinstance(item, CompiledStep):
        return
    for child in item.items:
        yield from _negations(child, is_negated=is_negated != (item.kind is GroupKind.NONE))


def _of_terms(criterion: CompiledCriterion) -> Iterator[str]:
    """Say which references are no values of their attribute; of Defined Terms, that they may be mistaken."""
    attribute, enumerated = criterion.attribute, ENUMERATED_VALUES.get(criterion.attribute.tag)
    terms = enumerated or DEFINED_TERMS.get(attribute.tag)
    others = [] if terms is None else [text for text in criterion.texts if text not in terms.values]
    if terms is None or not others:
        return
    named = f"{any_of(others, MOST_SHOWN)} {'is no value' if len(others) == 1 else 'are no values'} of {attribute}"
    if enumerated is None:
        near = _nearest(others, terms.values)
        yield f"{any_of(others, MOST_SHOWN)}: no Defined Term of {attribute} (PS3.3 {terms.source}){near}."
        return
    none_left = len(others) == len(criterion.texts) and not criterion.is_negated
    end = "; no value that keeps to it meets this." if none_left else "."
    yield f"{named}: PS3.3 {terms.source} has {any_of(terms.values, MOST_SHOWN)}{end}"


def _nearest(texts: Sequence[str], terms: Sequence[str]) -> str:
    near = dict.fromkeys(match for text in texts for match in get_close_matches(text, terms, 1))
    return f", perhaps {any_of(list(near), MOST_SHOWN)}" if near else ""


def _of_several(together: Sequence[tuple[int, CompiledCriterion]]) -> Iterator[Advice]:
    """Say which criteria on one single-valued attribute no value can meet together."""
    contradicting: list[Sequence[tuple[int, CompiledCriterion]]] = [
        pair for pair in combinations(together, 2) if not _can_be_met(criterion for _, criterion in pair)
    ]
    if not contradicting and not _can_be_met(criterion for _, criterion in together):
        contradicting = [together]  # all of them, where no two do
    for criteria in contradicting:
        attribute = criteria[0][1].attribute
        of_both = "both" if len(criteria) == 2 else "all of them"
        text = f"no value of {attribute} meets {of_both}, and an instance has one value of it: nothing will pass."
        yield Advice(tuple(number for number, _ in criteria), text)


def _can_be_met(criteria: Iterable[CompiledCriterion]) -> bool:
    """Tell whether there is a value that meets all these criteria on one attribute, as far as that can be told."""
    exact = (criterion for criterion in criteria if not criterion.bounds and criterion.table is None)
    known = [criterion for criterion in exact if criterion.operation in _COMPARED]
    if not known or known[0].minus or not all(isinstance(value, _EXACT) for each in known for value in each.references):
        return True
    equal = [set(criterion.references) for criterion in known if criterion.operation in _EQUAL]
    if equal:
        left: set[Any] = set.intersection(*equal)
        return any(meets_all(known, value) for value in left)
    ends = [value for criterion in known for value in criterion.references if criterion.operation in _ORDER]
    if any(meets_all(known, value) for value in ends):
        return True
    above: list[Any] = [criterion.references[0] for criterion in known if criterion.operation in _FROM]
    below: list[Any] = [criterion.references[-1] for criterion in known if criterion.operation in _TO]
    return known[0].vr.is_any_between(max(above, default=None), min(below, default=None))


_EXACT = (datetime.date, Age, Decimal, str)
"""What is equal only to itself; times are compared to the precision that is given."""
_FROM = {Operation.GREATER, Operation.AT_LEAST, Operation.BETWEEN}
_TO = {Operation.LESS, Operation.AT_MOST, Operation.BETWEEN}
_ORDER = _FROM | _TO
_COMPARED = _ORDER | _EQUAL | {Operation.NOT_EQUALS, Operation.NOT_IN}
