"""From what a run is asked to what can be decided: criteria, and the steps behind them."""

from collections.abc import Iterator, Sequence

from dicom_sieve.criteria.choose import Asked, Choose, Order, Preference, WholeSeries
from dicom_sieve.criteria.compile import compile_item
from dicom_sieve.criteria.criterion import Measured, MeasuredMembers
from dicom_sieve.criteria.finding import Finding
from dicom_sieve.criteria.items import CompiledItem, CompiledMeasure, CompiledStep
from dicom_sieve.criteria.measured import words_of
from dicom_sieve.criteria.measures import KINDS, Measure, Scope
from dicom_sieve.criteria.seal_tables import with_tables
from dicom_sieve.criteria.tables import Tables
from dicom_sieve.dicom.dictionary import Attribute, UnsupportedTag, find_attribute
from dicom_sieve.dicom.vr import Operation
from dicom_sieve.errors import InvalidRequestError

EMPTY_LIST = "criteria: empty, which would keep everything; accepted: one criterion or more"
_NO_ORDER = (Measure.PLANE, Measure.AGE, Measure.DISTINCT)


def compile_criteria(criteria: Sequence[Asked], tables: Tables | None = None) -> tuple[CompiledItem, ...]:
    """Compile criteria, or say everything that is wrong with them.

    Args:
        criteria: One or more, in the order in which findings will be given; behind them what becomes of what meets
            them all.
        tables: What was looked up in tables. Without it criteria with tables can be described, but not decided.

    Returns:
        One an item, in the same order; steps behind them.

    Raises:
        InvalidRequestError: One problem a line, each naming its field. An empty sequence is a problem: it would
            silently keep everything.
    """
    items = [item for item in criteria if not isinstance(item, WholeSeries | Choose)]
    if not items:
        raise InvalidRequestError((EMPTY_LIST,))
    problems: list[str] = []
    compiled = [compile_item(item, f"criteria[{index}]", problems) for index, item in enumerate(items)]
    if problems:
        raise InvalidRequestError(tuple(problems))
    items_and_steps = (*(item for item in compiled if item is not None), *compile_steps(criteria))
    return tuple(with_tables(item, tables) for item in items_and_steps) if tables else items_and_steps


def describe_asked(asked: Asked) -> str:
    """Say what one criterion asks, or what becomes of what meets all of them.

    Raises:
        InvalidRequestError: It makes no sense.
    """
    return "; then ".join(item.describe() for item in compile_asked(asked))


def compile_asked(asked: Asked) -> tuple[CompiledItem, ...]:
    """Compile one criterion, or the steps behind criteria, by itself.

    Raises:
        InvalidRequestError: It makes no sense.
    """
    return compile_steps([asked]) if isinstance(asked, WholeSeries | Choose) else compile_criteria([asked])


def compile_steps(asked: Sequence[Asked]) -> tuple[CompiledStep, ...]:
    """Compile what becomes of instances that meet all criteria, or say everything that is wrong with it.

    Raises:
        InvalidRequestError: One problem a line.
    """
    steps: list[CompiledStep] = []
    problems: list[str] = []
    for item in asked:
        if isinstance(item, WholeSeries):
            steps.append(CompiledStep(Finding.SERIES, 1, "every instance of its series passes", Scope.SERIES))
        elif isinstance(item, Choose):
            steps.extend(_of_choose(item, problems))
    if problems:
        raise InvalidRequestError(tuple(problems))
    return tuple(steps)


def _of_choose(choose: Choose, problems: list[str]) -> Iterator[CompiledStep]:
    begin = f"one {choose.one.lower()} a {choose.per.lower()}"
    for index, preference in enumerate(choose.prefer):
        place = f"choose.prefer[{index}].{preference.order}"
        step = _of_preference(choose, preference, index + 1, place, problems)
        if step is not None:
            yield step
    sentence, number = f"{begin}: the one with the smallest UID", len(choose.prefer) + 1
    yield CompiledStep(Finding.NOT_CHOSEN, number, sentence, choose.one, choose.per)


def _of_preference(
    choose: Choose, preference: Preference, number: int, place: str, problems: list[str]
) -> CompiledStep | None:
    before = len(problems)
    meets: tuple[CompiledItem, ...] = ()
    attribute, measured = None, None
    if preference.order is Order.MEETS:
        meets = _compile_all(preference, place, problems)
        words = f"rather one with ({'; and '.join(item.describe() for item in meets)})"
    elif isinstance(preference.of, Measure):
        measured = _compile_measure(preference.of, choose.one, place, problems)
        words = f"the one with the {preference.order} {words_of(preference.of, None, None, ())}"
    else:
        attribute = _find_ordered(preference.of, place, problems)
        words = f"the one with the {preference.order} {attribute}"
    if len(problems) > before:
        return None
    return CompiledStep(
        Finding.NOT_CHOSEN,
        number,
        f"one {choose.one.lower()} a {choose.per.lower()}: {words}",
        choose.one,
        choose.per,
        meets,
        attribute,
        measured,
        preference.order is Order.HIGHEST,
    )


def _compile_all(preference: Preference, place: str, problems: list[str]) -> tuple[CompiledItem, ...]:
    compiled = (compile_item(item, f"{place}[{index}]", problems) for index, item in enumerate(preference.meets))
    return tuple(item for item in compiled if item is not None)


def _compile_measure(measure: Measure, one: Scope, place: str, problems: list[str]) -> CompiledMeasure | None:
    """Compile a measure of what is chosen."""
    if measure in _NO_ORDER or one not in KINDS[measure].scopes:
        known = [name for name, kind in KINDS.items() if name not in _NO_ORDER and one in kind.scopes]
        problems.append(f"{place}: {measure} of a {one.lower()}; accepted: {', '.join(known)}, or an attribute")
        return None
    members = MeasuredMembers(measure=measure, scope=one, operation=Operation.PRESENT)
    compiled = compile_item(Measured(members), place, problems)
    return compiled if isinstance(compiled, CompiledMeasure) else None


def _find_ordered(tag: tuple[str, str] | str, place: str, problems: list[str]) -> Attribute | None:
    found = find_attribute(int("".join(tag), 16))
    if isinstance(found, UnsupportedTag):
        problems.append(f"{place}: {found.reason}")
        return None
    if Operation.LESS not in found.vr.relations:
        problems.append(
            f"{place}: {found} is a {found.vr.long_name} ({found.vr}), which has no order; "
            "accepted: a date, a time, an age or a number"
        )
    return found
