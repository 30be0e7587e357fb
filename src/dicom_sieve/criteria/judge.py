"""What one criterion finds on the texts of a header: a pure function of what stands under its keys."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from dicom_sieve.criteria.difference import subtract
from dicom_sieve.criteria.finding import NEGATED, Finding, first_of
from dicom_sieve.criteria.pattern import Pattern
from dicom_sieve.criteria.rule import TIMEZONE_OFFSET, CompiledCriterion
from dicom_sieve.criteria.unknown import read_unknown
from dicom_sieve.dicom.dictionary import PER_FRAME_GROUPS, SHARED_GROUPS, Attribute
from dicom_sieve.dicom.functional_groups import PATHS
from dicom_sieve.dicom.identity import normalise_identity
from dicom_sieve.dicom.items import items_in
from dicom_sieve.dicom.marks import BYTES, IDENTITY, MARKS, NOT_KEPT, NOT_TOLD
from dicom_sieve.dicom.vr.clock import Moment, parse_offset
from dicom_sieve.dicom.vr.value_type import Comparable, Operation, trim
from dicom_sieve.errors import MalformedValueError

Members = Mapping[str, Sequence[Any]]
"""The attributes of a header, or of an item of a sequence: texts, or the items of a sequence in it."""
_EXTREMES = 3
"""Texts of what is incomplete and has an order: the least, the greatest, and the mark."""


def judge(criterion: CompiledCriterion, attributes: Members) -> Finding:
    """Apply one criterion to a header that was read to its end.

    Args:
        criterion: What is asked.
        attributes: Key to texts; what the object does not have is not in it.
    """
    offset = _offset_of(attributes)
    if criterion.within:
        return _finish(
            criterion, first_of(_found_in(criterion, item, offset) for item in items_of(criterion.within, attributes))
        )
    if criterion.key not in attributes and criterion.frame_keys:
        frames = list(frames_of(criterion.attribute, attributes))
        if frames:
            return _finish(criterion, first_of(_found(criterion, frame) for frame in frames))
    return _finish(criterion, _found_in(criterion, attributes, offset))


def find(criterion: CompiledCriterion, values: Sequence[str] | None) -> Finding:
    """Apply one criterion to the values of one attribute.

    A multi-valued attribute meets a criterion when any one value does, as in DICOM query matching (PS3.4 C.2.2.2).

    Args:
        criterion: What is asked.
        values: The raw values, or None where the object has no such attribute.
    """
    return _finish(criterion, _found(criterion, values))


def judge_item(criterion: CompiledCriterion, item: Members) -> Finding:
    """Apply one criterion to one item of a sequence, or to none: then everything in it is absent."""
    if criterion.within:
        return _finish(
            criterion, first_of(_found_in(criterion, each, None) for each in items_of(criterion.within, item))
        )
    return _finish(criterion, _found_in(criterion, item, None))


def items_of(path: Sequence[Any], members: Members | None) -> Iterator[Members | None]:
    """Give the items that a path of sequences leads to; None stands for items that are not kept."""
    if members is None:
        yield None
    elif not path:
        yield members
    else:
        nested = members.get(path[0].hex_tag)
        for item in _items(nested):
            yield from items_of(path[1:], item)


def _items(nested: Sequence[Any] | None) -> Sequence[Members | None]:
    """Give the items of a sequence: at the top level it is JSON, in an item it is there already."""
    if not nested:
        return ()
    if isinstance(nested[0], str):
        items = items_in(nested[0])
        return (None,) if items is None else items
    return nested


def _finish(criterion: CompiledCriterion, found: Finding) -> Finding:
    if criterion.if_absent is not None and found in {Finding.ABSENT, Finding.EMPTY}:
        return criterion.if_absent
    if criterion.positive is Operation.PRESENT and found in {Finding.ABSENT, Finding.EMPTY}:
        found = Finding.NOT_MET
    return NEGATED.get(found, found) if criterion.is_negated else found


def _found_in(criterion: CompiledCriterion, members: Members | None, offset: int | None) -> Finding:
    """Look at one header or item, as if the operation were not negated."""
    if members is None:
        return Finding.UNDECIDED
    values = members.get(criterion.key)
    if criterion.minus is None:
        return _found(criterion, values, offset)
    others = members.get(criterion.subtracted_key)
    for side in (values, others):
        if lack := _lack(side):
            return lack
    if criterion.minus_table is not None and not criterion.minus_table.dates_of(others or ()):
        return Finding.ABSENT
    differences = list(subtract(criterion, values or (), others or ()))
    if any(_meets(criterion, difference) for difference in differences):
        return Finding.MET
    return Finding.NOT_MET if differences else Finding.MALFORMED


def _lack(values: Sequence[Any] | None) -> Finding | None:
    """Say why there is no value to subtract, or to subtract from; None where there is one."""
    if values is None:
        return Finding.ABSENT
    if NOT_KEPT in values:
        return Finding.UNDECIDED
    return None if any(map(trim, values)) else Finding.EMPTY


def _found(criterion: CompiledCriterion, values: Sequence[Any] | None, offset: int | None = None) -> Finding:
    """Look at the values of one attribute, as if the operation were not negated."""
    if values is None:
        return Finding.ABSENT
    if values and not isinstance(values[0], str):
        return Finding.MET if criterion.positive is Operation.PRESENT else Finding.UNDECIDED
    if values and values[0] == NOT_TOLD:
        return Finding.UNDECIDED
    is_incomplete = bool(values) and values[-1] == NOT_KEPT
    known = values[:-1] if is_incomplete else values
    if is_incomplete and (criterion.positive is Operation.PRESENT or not known or criterion.value):
        return Finding.MET if criterion.positive is Operation.PRESENT else Finding.UNDECIDED
    if criterion.value:
        if len(known) < criterion.value:
            return Finding.ABSENT
        known = (known[criterion.value - 1],)
    return _found_among(criterion, known, offset, is_incomplete=is_incomplete)


def _found_among(
    criterion: CompiledCriterion, texts: Sequence[str], offset: int | None, *, is_incomplete: bool
) -> Finding:
    vr = criterion.vr
    present = [text for text in texts if not vr.is_empty(text) and not (vr.code == "SQ" and text == "[]")]
    if not present:
        return Finding.EMPTY
    if criterion.positive is Operation.PRESENT:
        return Finding.MET
    read = [_read(criterion, text, offset) for text in present]
    met = [value is not None and _meets(criterion, value) for value, _ in read]
    if criterion.value == 0:
        return _found_of_all(criterion, read, met, is_incomplete=is_incomplete)
    if any(met):
        return Finding.MET
    if is_incomplete and not _is_decided(criterion, [value for value, _ in read]):
        return Finding.UNDECIDED
    return Finding.NOT_MET if any(conforms for _, conforms in read) else Finding.MALFORMED


def _found_of_all(
    criterion: CompiledCriterion,
    read: Sequence[tuple[Comparable | None, bool]],
    met: Sequence[bool],
    *,
    is_incomplete: bool,
) -> Finding:
    """Ask it of every value: NOT_MET if a conforming one fails, else MALFORMED if one is broken."""
    if any(conforms and not meets for (_, conforms), meets in zip(read, met, strict=True)):
        return Finding.NOT_MET
    if not all(met):
        return Finding.MALFORMED
    holds_between = is_incomplete and len(read) == _EXTREMES - 1 and criterion.operation in _CONVEX
    return Finding.UNDECIDED if is_incomplete and not holds_between else Finding.MET


_CONVEX = {Operation.GREATER, Operation.LESS, Operation.AT_LEAST, Operation.AT_MOST, Operation.BETWEEN}
"""What holds of two numbers holds of those between them."""


def _is_decided(criterion: CompiledCriterion, values: Sequence[Comparable | None]) -> bool:
    """Tell whether the least and the greatest value decide that none meets."""
    if not (Operation.LESS in criterion.vr.relations and len(values) == _EXTREMES - 1) or None in values:
        return False
    low, high = values
    compare, references = criterion.vr.compare, criterion.references
    match criterion.positive:
        case Operation.EQUALS | Operation.IN:
            if criterion.table is not None:
                return False
            ends = criterion.bounds or [(reference, reference) for reference in references]
            return all(compare(high, first) < 0 or compare(low, last) > 0 for first, last in ends)
        case Operation.BETWEEN:
            return compare(high, references[0]) < 0 or compare(low, references[1]) > 0
        case _:
            return True


def _read(criterion: CompiledCriterion, text: str, offset: int | None) -> tuple[Comparable | None, bool]:
    """Read one value: what to compare (None: nothing can be), and whether it conforms to its VR."""
    vr = criterion.vr
    try:
        if text.startswith(BYTES):
            text = read_unknown(text, vr.code)
        if criterion.is_identifying:
            is_text = text[:1] not in MARKS
            return normalise_identity(text, vr=vr.code) if is_text else text, is_text or text.startswith(IDENTITY)
        value = vr.parse_exact(text) if criterion.is_exact and hasattr(vr, "parse_exact") else vr.parse(text)
    except MalformedValueError:
        return None, False
    if isinstance(value, Moment) and value.offset is None and offset is not None and vr.code == "DT":
        value = Moment(value.parts, offset)
    return value, vr.conforms(value)


def _offset_of(attributes: Members) -> int | None:
    """Give Timezone Offset From UTC, of which the first value counts."""
    texts = attributes.get(TIMEZONE_OFFSET) or ("",)
    try:
        return parse_offset(texts[0])
    except MalformedValueError:
        return None


def values_or_frames(attribute: Attribute, attributes: Members) -> list[Sequence[str]]:
    """Give the values of an attribute at the top level; where it is not there, those of each frame that is known."""
    own = attributes.get(attribute.hex_tag)
    return list(frames_of(attribute, attributes)) if own is None else [own]


def frames_of(attribute: Attribute, attributes: Members) -> Iterator[Sequence[str]]:
    """Give the values of each frame: from the shared functional groups, else from those of each frame."""
    for key in (SHARED_GROUPS, PER_FRAME_GROUPS):
        frames = [frame for item in _items(attributes.get(key)) for frame in _frames_in(attribute, item, key)]
        if frames:
            yield from frames
            return


def _frames_in(attribute: Attribute, item: Members | None, key: str) -> Iterator[Sequence[str]]:
    if item is None:
        yield (NOT_KEPT,)
        return
    for path in PATHS[attribute.tag]:
        for group in _groups(item, path):
            values = None if group is None else group.get(attribute.hex_tag)
            if group is None:
                yield (NOT_KEPT,)
            elif values is not None and key == PER_FRAME_GROUPS:
                yield from _summed_up(values)
            elif values is not None:
                yield values


def _groups(item: Members | None, path: Sequence[str]) -> Iterator[Members | None]:
    if item is None or not path:
        yield item
        return
    for nested in _items(item.get(path[0])):
        yield from _groups(nested, path[1:])


def _summed_up(values: Sequence[str]) -> Iterator[Sequence[str]]:
    """Give the values of distinct frames: each text is the whole value of one; what is incomplete stays together."""
    if values and values[-1] == NOT_KEPT:
        yield values
    else:
        yield from (text.split("\\") for text in values)
        if not values:
            yield ()


def _meets(criterion: CompiledCriterion, value: Any) -> bool:
    return _MEETS[criterion.positive](criterion, value)


def meets_all(criteria: Sequence[CompiledCriterion], value: Any) -> bool:
    """Tell whether a value meets every one of several criteria on one attribute."""
    return all(_meets(criterion, value) != criterion.is_negated for criterion in criteria)


def _equals(criterion: CompiledCriterion, value: Any) -> bool:
    if criterion.bounds:
        return any(low <= value <= high for low, high in criterion.bounds)
    if isinstance(value, Moment):
        return any(criterion.vr.compare(value, reference) == 0 for reference in criterion.references)
    return value in (criterion.references if criterion.table is None else criterion.table.values or ())


def _contains(criterion: CompiledCriterion, value: str) -> bool:
    return any(str(reference) in value for reference in criterion.references)


def _matches(criterion: CompiledCriterion, value: str) -> bool:
    return any(isinstance(pattern, Pattern) and pattern.matches(value) for pattern in criterion.references)


def _compare(criterion: CompiledCriterion, value: Any, place: int = 0) -> int:
    reference: Any = criterion.references[place]
    if criterion.minus is not None:  # a difference is an age or a number, whatever it is of
        return int(value > reference) - int(value < reference)
    return criterion.vr.compare(value, reference)


_MEETS: dict[Operation, Callable[[CompiledCriterion, Any], bool]] = {
    Operation.EQUALS: _equals,
    Operation.IN: _equals,
    Operation.GREATER: lambda criterion, value: _compare(criterion, value) > 0,
    Operation.LESS: lambda criterion, value: _compare(criterion, value) < 0,
    Operation.AT_LEAST: lambda criterion, value: _compare(criterion, value) >= 0,
    Operation.AT_MOST: lambda criterion, value: _compare(criterion, value) <= 0,
    Operation.BETWEEN: lambda criterion, value: _compare(criterion, value) >= 0 >= _compare(criterion, value, 1),
    Operation.CONTAINS: _contains,
    Operation.MATCHES: _matches,
}
"""By operation, those that are no negation."""
