"""From JSON as it came to what a run is asked: every problem of structure and of sense, at once."""

import re
from collections.abc import Mapping, Sequence

from dicom_sieve.criteria.choose import CHOOSE, UNIT, Asked, Choose, Unit, WholeSeries
from dicom_sieve.criteria.compile_criteria import EMPTY_LIST, compile_criteria, compile_steps
from dicom_sieve.criteria.finding import Finding
from dicom_sieve.criteria.items import CompiledItem, CompiledStep
from dicom_sieve.criteria.problems import kind_of
from dicom_sieve.criteria.read_choose import read_choose
from dicom_sieve.criteria.read_items import read_items
from dicom_sieve.dicom.dictionary import Attribute, find_attribute, find_keyword
from dicom_sieve.errors import InvalidRequestError

_MEMBERS = ("criteria", UNIT, CHOOSE)


def read_criteria(given: object) -> tuple[tuple[Asked, ...], tuple[str, ...]]:
    """Read what a run is asked from parsed JSON.

    Args:
        given: A list of criteria, behind which ``{"unit": …}`` and ``{"choose": …}`` may stand; or an object with
            ``criteria``, ``unit`` and ``choose``.

    Returns:
        What makes sense, and one line a problem; usable only when there is no problem.
    """
    if isinstance(given, Mapping) and "criteria" in given:
        return _read_object(given)
    if not isinstance(given, Sequence) or isinstance(given, str | bytes):
        return (), (f"criteria: {kind_of(given)}; accepted: a list of criteria",)
    steps = [each for each in given if _is_step(each)]
    criteria = [each for each in given if not _is_step(each)]
    if not criteria:
        return (), (EMPTY_LIST,)
    problems: list[str] = []
    items = read_items(criteria, "criteria", problems)
    return (*items, *_read_steps(steps, problems)), tuple(problems)


def _is_step(given: object) -> bool:
    return isinstance(given, WholeSeries | Choose) or (isinstance(given, Mapping) and list(given) in ([UNIT], [CHOOSE]))


def _read_object(given: Mapping[str, object]) -> tuple[tuple[Asked, ...], tuple[str, ...]]:
    """Read criteria, and what stands beside them."""
    criteria = given["criteria"]
    beside = [{name: given[name]} for name in (UNIT, CHOOSE) if given.get(name) is not None]
    if isinstance(criteria, Sequence) and not isinstance(criteria, str | bytes):
        criteria = [*criteria, *beside]
    items, problems = read_criteria(criteria)
    unknown = [name for name in given if name not in _MEMBERS]
    if unknown:
        problems = (*problems, f"has a member that is not known; accepted: {', '.join(_MEMBERS)}")
    return items, problems


def _read_steps(given: Sequence[object], problems: list[str]) -> list[Asked]:
    """Read what becomes of what meets all criteria: the unit first."""
    units, chosen = list[Asked](), list[Asked]()
    before = len(problems)
    for each in given:
        if isinstance(each, WholeSeries | Choose):
            (chosen if isinstance(each, Choose) else units).append(each)
        elif isinstance(each, Mapping) and UNIT in each:
            units.extend(_read_unit(each[UNIT], problems))
        elif isinstance(each, Mapping) and (choose := read_choose(each[CHOOSE], problems)) is not None:
            chosen.append(choose)
    problems.extend(f"{name}: given twice" for name, read in ((UNIT, units), (CHOOSE, chosen)) if len(read) > 1)
    if len(problems) == before:
        try:
            compile_steps([*units, *chosen])
        except InvalidRequestError as error:
            problems.extend(error.problems)
    return [*units, *chosen]


def _read_unit(given: object, problems: list[str]) -> list[WholeSeries]:
    if given not in list(Unit):
        problems.append(f"unit: not known; accepted: {', '.join(Unit)}")
        return []
    return [WholeSeries()] if given == Unit.SERIES else []


def load_criteria(given: Sequence[object]) -> tuple[Asked, ...]:
    """Read what was valid when the ledger took it.

    Raises:
        InvalidRequestError: It is not any more.
    """
    items, problems = read_criteria(given)
    if problems:
        raise InvalidRequestError(problems)
    return items


def given_of_each(given: Sequence[Mapping[str, object]], items: Sequence[CompiledItem]) -> list[Mapping[str, object]]:
    """Give what of recorded criteria each compiled item comes from: several steps come from one ``choose``."""
    criteria = iter([each for each in given if not _is_step(each)])
    unit, choose = (next((each for each in given if list(each) == [name]), {}) for name in (UNIT, CHOOSE))
    return [
        next(criteria) if not isinstance(item, CompiledStep) else unit if item.finding is Finding.SERIES else choose
        for item in items
    ]


def compile_recorded(given: Sequence[object]) -> tuple[CompiledItem, ...]:
    """Compile criteria that were valid when the ledger took them; see `load_criteria`."""
    return compile_criteria(load_criteria(given))


_TAG = re.compile(r"\(?([0-9A-Fa-f]{4}),?([0-9A-Fa-f]{4})\)?")


def read_attribute(text: str, field: str) -> Attribute:
    """Read the name of an attribute: its keyword, or its tag as ``0008,0060``, ``(0008,0060)`` or ``00080060``.

    Args:
        text: What was given.
        field: Where; it begins the message of an error.

    Raises:
        InvalidRequestError: No criterion can name such an attribute.
    """
    found = _TAG.fullmatch(text.strip())
    tag = int(found[1] + found[2], 16) if found else find_keyword(text.strip())
    if tag is None:
        problem = "is no keyword of the DICOM dictionary; accepted: one as StudyDate, or a tag as 0008,0020"
        raise InvalidRequestError((f"{field}: {text!r} {problem}",))
    attribute = find_attribute(tag)
    if not isinstance(attribute, Attribute):
        raise InvalidRequestError((f"{field}: {attribute.reason}",))
    return attribute
