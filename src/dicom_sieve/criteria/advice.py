"""What is worth a look before criteria are used: values that nothing can have, criteria that contradict each other.

Advice never changes a verdict. It says what the standard says; objects may not keep to it.
"""

import datetime
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import combinations
from typing import Any

from dicom_sieve.criteria.criterion import CompiledCriterion
from dicom_sieve.criteria.standard import DEFINED_TERMS, ENUMERATED_VALUES, IN_FUNCTIONAL_GROUPS
from dicom_sieve.dicom.vr.value_type import Operation
from dicom_sieve.enumerations import any_of

MOST_OF_AGE = 9_999
"""Of a number before a unit, as values are read."""
MOST_SHOWN = 10
_ONE_DAY = datetime.timedelta(days=1)
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


def advise(criteria: Sequence[CompiledCriterion]) -> tuple[Advice, ...]:
    """Say what is worth a look about criteria, in their order; then where they contradict each other."""
    numbered = list(enumerate(criteria, 1))
    of_each = (Advice((number,), text) for number, criterion in numbered for text in _of_one(criterion))
    by_tag = defaultdict[int, list[tuple[int, CompiledCriterion]]](list)
    for number, criterion in numbered:
        if criterion.attribute.is_single_valued and _can_be_met([criterion]):
            by_tag[criterion.attribute.tag].append((number, criterion))
    return (*of_each, *(advice for together in by_tag.values() for advice in _of_several(together)))


def _of_one(criterion: CompiledCriterion) -> Iterator[str]:
    attribute = criterion.attribute
    if attribute.tag in IN_FUNCTIONAL_GROUPS:
        yield (
            f"{attribute} lies in functional groups only (PS3.3 C.7.6.16), and criteria look at the top level: "
            "where objects keep to that it is absent, and no instance meets this."
        )
    if not _can_be_met([criterion]):
        yield f"no value can meet it: {criterion.describe()}."
    if criterion.operation in _EQUAL:
        yield from _of_terms(criterion)


def _of_terms(criterion: CompiledCriterion) -> Iterator[str]:
    """Say which references are no values of their attribute; of Defined Terms, that they may be mistaken."""
    attribute, enumerated = criterion.attribute, ENUMERATED_VALUES.get(criterion.attribute.tag)
    terms = enumerated or DEFINED_TERMS.get(attribute.tag)
    others = [] if terms is None else [text for text in criterion.texts if text not in terms.values]
    if terms is None or not others:
        return
    named = f"{_either(others)} {'is no value' if len(others) == 1 else 'are no values'} of {attribute}"
    if enumerated is None:
        near = _nearest(others, terms.values)
        yield f"{_either(others)}: no Defined Term of {attribute} (PS3.3 {terms.source}){near}."
        return
    none_left = len(others) == len(criterion.texts)
    end = "; no value that keeps to it meets this." if none_left else "."
    yield f"{named}: PS3.3 {terms.source} has {_either(terms.values)}{end}"


def _nearest(texts: Sequence[str], terms: Sequence[str]) -> str:
    near = dict.fromkeys(match for text in texts for match in get_close_matches(text, terms, 1))
    return f", perhaps {_either(list(near))}" if near else ""


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
    """Tell whether there is a value that meets all these criteria on one attribute."""
    criteria = list(criteria)
    above: list[Any] = [criterion.references[0] for criterion in criteria if criterion.operation is Operation.GREATER]
    below: list[Any] = [criterion.references[0] for criterion in criteria if criterion.operation is Operation.LESS]
    equal = [set(criterion.references) for criterion in criteria if criterion.operation in _EQUAL]
    low, high = max(above, default=None), min(below, default=None)
    if equal:
        left: set[Any] = set.intersection(*equal)
        return any((low is None or low < value) and (high is None or value < high) for value in left)
    return criteria[0].attribute.vr.is_any_between(low, high)


def _either(texts: Sequence[str]) -> str:
    return any_of(texts, MOST_SHOWN)
