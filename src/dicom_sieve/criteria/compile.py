"""From what was asked to what can be decided: every problem of sense is told, all of them at once."""

from collections.abc import Sequence
from decimal import Decimal

from dicom_sieve.criteria.compile_one import Compiling, find_sequences
from dicom_sieve.criteria.criterion import MOST_LEVELS, Criterion, Item, Measured, canonical_json
from dicom_sieve.criteria.items import CompiledGroup, CompiledItem, CompiledMeasure, Leaf
from dicom_sieve.criteria.measured import Measurand, words_of
from dicom_sieve.criteria.measures import KINDS, MAY_COMPARE, PLANE_TOLERANCE, PLANES, Measure, Scope
from dicom_sieve.dicom.dictionary import Attribute, UnsupportedTag, find_attribute
from dicom_sieve.dicom.units import UNITS, WrongUnitError, read_quantity
from dicom_sieve.dicom.vr import VRS, Operation
from dicom_sieve.dicom.vr.value_type import PRESENCE
from dicom_sieve.errors import MalformedValueError


def compile_item(
    item: Item, place: str, problems: list[str], level: int = 1, *, in_where: bool = False
) -> CompiledItem | None:
    """Compile one item; its problems are added to `problems`, and it is None where there are any.

    Args:
        item: What was asked.
        place: Where it stands: ``criteria[0]``.
        problems: Of all items.
        level: How deep it lies, from 1.
        in_where: Whether it is asked of the members that a measure counts.
    """
    match item:
        case Criterion():
            return Compiling(item, place, problems, in_where).compile()
        case Measured():
            return _compile_measured(item, place, problems, level)
    before = len(problems)
    if is_too_deep(level, place, problems):
        return None
    within = find_sequences(item.within, f"{place}.within", problems)
    items = _compile_all(item.items, f"{place}.{item.kind}", problems, level, in_where=in_where)
    if not items:
        problems.append(f"{place}.{item.kind}: empty; accepted: one criterion or more")
    if within and any(_is_of_instance(leaf) for child in items for leaf in child.leaves):
        observed = "a measure, or minus OWN or a table, in an item of a sequence"
        problems.append(f"{place}.{item.kind}: {observed}; accepted: outside it")
    return None if len(problems) > before else CompiledGroup(item.kind, items, item.name, within)


def _is_of_instance(leaf: Leaf) -> bool:
    """Tell whether a leaf asks for more than an item of a sequence has."""
    return isinstance(leaf, CompiledMeasure) or leaf.has_own or leaf.minus_table is not None


def _compile_all(
    items: Sequence[Item], place: str, problems: list[str], level: int, *, in_where: bool
) -> tuple[CompiledItem, ...]:
    """Compile what lies a level deeper; what makes no sense is left out, and is a problem."""
    compiled = (
        compile_item(child, f"{place}[{index}]", problems, level + 1, in_where=in_where)
        for index, child in enumerate(items)
    )
    return tuple(child for child in compiled if child is not None)


def is_too_deep(level: int, place: str, problems: list[str]) -> bool:
    """Tell whether a group lies in more groups than may be; that is a problem."""
    if level > MOST_LEVELS:
        problems.append(f"{place}: a group in {MOST_LEVELS} others; accepted: {MOST_LEVELS} levels of groups")
    return level > MOST_LEVELS


def _compile_measured(item: Measured, place: str, problems: list[str], level: int) -> CompiledMeasure | None:
    before = len(problems)
    asked = item.members
    scope = _read_scope(item, place, problems)
    counted = _read_counted(item, place, problems)
    plane_tolerance = _read_plane_tolerance(item, place, problems)
    where: tuple[CompiledItem, ...] = ()
    if item.where and asked.measure is Measure.AGE:
        problems.append(f"{place}.where: with measure AGE, which is the instance's own; accepted: without it")
    elif item.where and not is_too_deep(level, place, problems):
        where = _compile_all(item.where, f"{place}.where", problems, level, in_where=True)
    if len(problems) > before:
        return None
    words = words_of(asked.measure, scope, counted, [child.describe() for child in where], asked.value)
    if plane_tolerance != PLANE_TOLERANCE:
        words = f"{words} (within {plane_tolerance} deg)"
    kind = KINDS[asked.measure]
    measurand = Measurand(0, asked.measure.value, VRS[kind.vr], words, UNITS.get(kind.unit))
    compared = Compiling(_as_criterion(item), place, problems, known=measurand).compile()
    if compared is None:
        return None
    given = canonical_json(item.where) + ("" if counted is None else counted.hex_tag)
    if asked.value is not None:
        given = f"{given} {asked.value}"
    compiled = CompiledMeasure(asked.measure, scope, compared, where, counted, asked.value, plane_tolerance, given)
    if compiled.compares and asked.measure not in MAY_COMPARE:
        problems.append(f"{place}.where: minus OWN with measure {asked.measure}; accepted: {', '.join(MAY_COMPARE)}")
        return None
    return compiled


def _as_criterion(item: Measured) -> Criterion:
    """Give how the value of a measure is compared, as a criterion on an attribute."""
    members = item.members.model_dump(exclude_unset=True)
    kept = ("operation", "reference", "if_absent", *(() if item.members.measure is Measure.PLANE else ("tolerance",)))
    return Criterion(dicom_tag=("0000", "0000"), **{name: members[name] for name in kept if name in members})


def _read_scope(item: Measured, place: str, problems: list[str]) -> Scope | None:
    measure, given = item.members.measure, item.members.scope
    scopes = KINDS[measure].scopes
    if given is None:
        return scopes[0] if scopes else None
    if given not in scopes:
        accepted = ", ".join(scopes) or "none: it is the instance's own"
        problems.append(f"{place}.scope: {given} with measure {measure}; accepted: {accepted}")
    return given


def _read_counted(item: Measured, place: str, problems: list[str]) -> Attribute | None:
    """Look up the attribute of which values are counted."""
    measure, given = item.members.measure, item.members.dicom_tag
    if item.members.value is not None and measure is not Measure.DISTINCT:
        problems.append(f"{place}.value: with measure {measure}; accepted: with DISTINCT")
    if given is None:
        if measure is Measure.DISTINCT:
            problems.append(f"{place}.dicom_tag: missing; accepted: the attribute of which values are counted")
        return None
    if measure is not Measure.DISTINCT:
        problems.append(f"{place}.dicom_tag: with measure {measure}; accepted: with DISTINCT")
        return None
    found = find_attribute(int("".join(given), 16))
    if isinstance(found, UnsupportedTag):
        problems.append(f"{place}.dicom_tag: {found.reason}")
        return None
    if found.vr.code == "SQ":
        problems.append(f"{place}.dicom_tag: {found} is a sequence; accepted: an attribute with values")
    return found


def _read_plane_tolerance(item: Measured, place: str, problems: list[str]) -> str:
    """Read how far from an axis a plane may be, in degrees; and see that planes are named."""
    asked = item.members
    if asked.measure is not Measure.PLANE:
        return PLANE_TOLERANCE
    if asked.operation not in _PLANE_OPERATIONS:
        problems.append(f"{place}.operation: {asked.operation} with PLANE; accepted: {', '.join(_PLANE_OPERATIONS)}")
    references = [asked.reference] if isinstance(asked.reference, str) else asked.reference
    others = [text for text in references if text and text.strip().upper() not in PLANES]
    problems.extend(f"{place}.reference: {text!r} is no plane; accepted: {', '.join(PLANES)}" for text in others)
    if asked.tolerance is None:
        return PLANE_TOLERANCE
    try:
        degrees = read_quantity(asked.tolerance, UNITS["deg"])
    except (MalformedValueError, WrongUnitError):
        degrees = -MOST_DEGREES
    if not 0 <= degrees <= MOST_DEGREES:
        problems.append(f"{place}.tolerance: {asked.tolerance!r}; accepted: 0 to {MOST_DEGREES} degrees")
    return f"{degrees.normalize():f}"


MOST_DEGREES = Decimal(45)
"""From an axis: what is further is nearer to another."""
_PLANE_OPERATIONS = (Operation.EQUALS, Operation.IN, Operation.NOT_EQUALS, Operation.NOT_IN, *PRESENCE)
