"""What a run found on one object, criterion by criterion, with the value that each saw; of a group, of what lies in it.

A run records one finding a criterion. What lies in a group is worked out from what the ledger knows of the object.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dicom_sieve.criteria import CompiledGroup, CompiledItem, CompiledMeasure, Decider, Finding, leaves_of
from dicom_sieve.criteria.items import CompiledStep, Leaf
from dicom_sieve.criteria.judge_measured import describe_way
from dicom_sieve.criteria.measured import MEASURED
from dicom_sieve.criteria.reading import compile_recorded
from dicom_sieve.criteria.seal_tables import tables_in
from dicom_sieve.dicom.marks import NOT_KEPT
from dicom_sieve.headers import Damage, Defect, Extent
from dicom_sieve.ledger import TracedObject
from dicom_sieve.ledger.reading.trace import TracedDecision
from dicom_sieve.reports.listed_series import show_value

NOTHING_MEASURED: tuple[str, ...] = ()
"""In the place of what was measured: there was nothing to measure."""
UNDECIDED = "undecided"
ABSENT, EMPTY, NOT_REACHED, NOT_RECORDED = "absent", "empty", "not reached", "not recorded by itself"


@dataclass(frozen=True, slots=True)
class Found:
    """What was found by one criterion, or by one that lies in a group.

    Attributes:
        item: Which.
        finding: None: that is not recorded, and cannot be worked out.
        value: What it saw; empty where it is no single value.
        depth: In how many groups it lies.
        number: Of the criterion, from 1; None within a group.
    """

    item: CompiledItem
    finding: Finding | None
    value: str
    depth: int = 0
    number: int | None = None


def findings_on(traced: TracedObject, judged: TracedDecision, secret: bytes | None) -> list[Found]:
    """Give what a run found on an object, in the order of its criteria; none where it could not be judged.

    Args:
        traced: The object.
        judged: What the run decided.
        secret: Of the ledger, where a criterion compares what identifies.
    """
    found = []
    for number, (item, name) in enumerate(zip(compile_recorded(judged.criteria), judged.findings, strict=False), 1):
        finding = Finding(name)
        attributes = known_of(traced, judged)
        value = "" if isinstance(item, CompiledGroup | CompiledStep) else value_of(item, finding, attributes)
        found.append(Found(item, finding, value, 0, number))
        if isinstance(item, CompiledGroup):
            found += _within(item, (attributes, extent_of(traced)), secret, 1)
    return found


def known_of(traced: TracedObject, judged: TracedDecision) -> dict[str, Sequence[str]]:
    """Give what is known of an object by key, with what was measured of its series where that is kept."""
    measured = {key: NOTHING_MEASURED if values is None else values for key, values in judged.measured.items()}
    return {**(traced.attributes or {}), **measured}


def _within(
    group: CompiledGroup, known: tuple[Mapping[str, Sequence[str]], Extent], secret: bytes | None, depth: int
) -> list[Found]:
    """Give what lies in a group; a group within it is followed by what lies in that."""
    attributes, extent = known
    can_tell = not tables_in([group]) and not group.within  # tables are not kept, and items of sequences have none
    found = []
    for item in group.items:
        finding = None
        if can_tell and not any(is_unknown_of_more(leaf, attributes) for leaf in leaves_of([item])):
            [finding] = Decider((item,), secret).decide(judged_by(extent, attributes), extent.unreadable_from).findings
        if isinstance(item, CompiledGroup):
            found += [Found(item, finding, "", depth), *_within(item, known, secret, depth + 1)]
        elif not isinstance(item, CompiledStep):
            found.append(Found(item, finding, value_of(item, finding, attributes), depth))
    return found


def is_unknown_of_more(leaf: Leaf, attributes: Mapping[str, Sequence[str]]) -> bool:
    """Tell whether a finding is of a whole series, study or patient, which is not kept and one header does not tell."""
    return isinstance(leaf, CompiledMeasure) and leaf.scope is not None and leaf.key not in attributes


def judged_by(extent: Extent, attributes: Mapping[str, Sequence[str]]) -> dict[str, Sequence[str]]:
    """Give what criteria are judged by: what is trusted of an object, and what was measured."""
    measured = {key: values for key, values in attributes.items() if key.startswith(MEASURED)}
    trusted = extent.trusted({key: values for key, values in attributes.items() if key not in measured})
    return {**trusted, **{key: values for key, values in measured.items() if values != NOTHING_MEASURED}}


def value_of(leaf: Leaf, finding: Finding | None, attributes: Mapping[str, Sequence[str]]) -> str:
    """Say which value a criterion saw; of an age, what it was worked out from."""
    if isinstance(leaf, CompiledMeasure):
        return describe_way(attributes) if leaf.scope is None else _of_measure(attributes.get(leaf.key))
    if finding is Finding.UNREACHED:
        return NOT_REACHED
    values = attributes.get(leaf.key)
    if values is None:
        return ABSENT
    return " \\ ".join(show_value(leaf.attribute.vr.code, text) for text in values) or EMPTY


def _of_measure(values: Sequence[str] | None) -> str:
    """Say what was measured; empty where it is not kept."""
    if values is None or values == NOTHING_MEASURED:
        return "" if values is None else ABSENT
    return value_of_measure(values)


def value_of_measure(values: Sequence[str]) -> str:
    """Say what was measured."""
    return UNDECIDED if NOT_KEPT in values else " \\ ".join(values)


def extent_of(traced: TracedObject) -> Extent:
    """Tell how far an object was read."""
    return Extent(
        None if traced.defect is None else Defect(traced.defect),
        None if traced.damage is None else Damage(traced.damage),
        traced.unreadable_from,
        has_series=traced.series_instance_uid is not None,
    )
