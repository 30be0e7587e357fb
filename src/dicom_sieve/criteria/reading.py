"""From JSON as it came to criteria: every problem of structure and of sense, at once."""

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Annotated, Any

from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from dicom_sieve.criteria.compile import EMPTY_LIST, compile_criteria, compile_item, is_too_deep
from dicom_sieve.criteria.compile_one import find_sequences
from dicom_sieve.criteria.criterion import (
    MOST_ITEMS,
    MOST_SEQUENCES,
    Criterion,
    DicomTag,
    Group,
    GroupKind,
    Item,
    Measured,
    MeasuredMembers,
)
from dicom_sieve.criteria.items import CompiledItem
from dicom_sieve.dicom.dictionary import Attribute, find_attribute, find_keyword
from dicom_sieve.errors import InvalidRequestError


def read_criteria(given: object) -> tuple[tuple[Item, ...], tuple[str, ...]]:
    """Read criteria from parsed JSON.

    Args:
        given: What stands where a list of criteria should.

    Returns:
        The criteria and groups that make sense, and one line a problem; usable only when there is no problem.
    """
    if not isinstance(given, Sequence) or isinstance(given, str | bytes):
        return (), (f"criteria: {_kind(given)}; accepted: a list of criteria",)
    if not given:
        return (), (EMPTY_LIST,)
    problems: list[str] = []
    items = _read_items(given, "criteria", problems)
    return tuple(items), tuple(problems)


def load_criteria(given: Sequence[object]) -> tuple[Item, ...]:
    """Read criteria that were valid when the ledger took them.

    Raises:
        InvalidRequestError: They are not any more.
    """
    items, problems = read_criteria(given)
    if problems:
        raise InvalidRequestError(problems)
    return items


def compile_recorded(given: Sequence[object]) -> tuple[CompiledItem, ...]:
    """Compile criteria that were valid when the ledger took them; see `load_criteria`."""
    return compile_criteria(load_criteria(given))


def _read_items(
    given: Sequence[object], place: str, problems: list[str], level: int = 1, *, in_where: bool = False
) -> list[Item]:
    """Read the items of a list, of which each is also compiled: so every problem is told at its place."""
    if len(given) > MOST_ITEMS:
        problems.append(f"{place}: {len(given):,} criteria; accepted: {MOST_ITEMS} in a list")
        return []
    each_read = (
        _read_item(each, f"{place}[{index}]", problems, level, in_where=in_where) for index, each in enumerate(given)
    )
    return [item for item in each_read if item is not None]


def _read_item(given: object, place: str, problems: list[str], level: int, *, in_where: bool) -> Item | None:
    """Read one criterion, measure or group; its problems are added, and it is None where there are any."""
    if isinstance(given, Mapping) and (kinds := [kind for kind in GroupKind if kind.value in given]):
        return _read_group(given, kinds, place, problems, level, in_where=in_where)
    before = len(problems)
    item: Item
    if isinstance(given, Group | Measured | Criterion):
        item = given
    elif isinstance(given, Mapping) and not _MEASURES.isdisjoint(given):
        measured = _read_measured(given, place, problems, level)
        if measured is None:
            return None
        item = measured
    else:
        try:
            item = Criterion.model_validate(given)
        except ValidationError as error:
            problems.extend(describe_validation(error, place, Criterion))
            return None
    compile_item(item, place, problems, level, in_where=in_where)
    return item if len(problems) == before else None


def _read_measured(given: Mapping[str, Any], place: str, problems: list[str], level: int) -> Measured | None:
    """Read a measure; what it counts is compiled with it."""
    before = len(problems)
    try:
        members = MeasuredMembers.model_validate({name: value for name, value in given.items() if name != "where"})
    except ValidationError as error:
        problems.extend(describe_validation(error, place, MeasuredMembers))
        return None
    where = given.get("where") or ()
    if not isinstance(where, Sequence) or isinstance(where, str | bytes):
        problems.append(f"{place}.where: {_kind(where)}; accepted: a list of criteria")
        return None
    if where and is_too_deep(level, place, problems):
        return None
    items = _read_items(where, f"{place}.where", problems, level + 1, in_where=True)
    return None if len(problems) > before else Measured(members, tuple(items))


_MEASURES = {"measure", "scope", "where"}
_GROUP_MEMBERS = ("name", "within")
LONGEST_NAME = 64


def _read_group(
    given: Mapping[str, Any],
    kinds: Sequence[GroupKind],
    place: str,
    problems: list[str],
    level: int,
    *,
    in_where: bool,
) -> Group | None:
    before = len(problems)
    kind, children = kinds[0], given[kinds[0].value]
    if len(kinds) > 1:
        problems.append(f"{place}: has {' and '.join(kinds)}; accepted: one of any, all, none")
    for member in given:
        if member not in (*GroupKind, *_GROUP_MEMBERS):
            known = f"accepted: {kind}, {', '.join(_GROUP_MEMBERS)}"
            problems.append(f"{place}: {_unknown(str(member), [kind, *_GROUP_MEMBERS])}; {known}")
    name, within = given.get("name") or "", given.get("within") or ()
    if not isinstance(name, str) or len(name) > LONGEST_NAME or not name.isprintable():
        problems.append(f"{place}.name: not accepted; accepted: a text of {LONGEST_NAME} characters at most")
    sequences = _read_sequences(within, f"{place}.within", problems)
    if is_too_deep(level, place, problems):
        return None
    if not isinstance(children, Sequence) or isinstance(children, str | bytes) or not children:
        observed = "empty" if children == [] else _kind(children)
        problems.append(f"{place}.{kind}: {observed}; accepted: a list of one criterion or more")
        return None
    items = _read_items(children, f"{place}.{kind}", problems, level + 1, in_where=in_where)
    group = Group(kind, tuple(items), name, sequences)
    if sequences and len(problems) == before:
        compile_item(group, place, problems, level, in_where=in_where)
    return None if len(problems) > before else group


def _read_sequences(given: object, place: str, problems: list[str]) -> tuple[tuple[str, str], ...]:
    try:
        tags = _SEQUENCES.validate_python(given)
    except ValidationError:
        problems.append(f"{place}: not accepted; accepted: a list of {MOST_SEQUENCES} tags or keywords at most")
        return ()
    before = len(problems)
    find_sequences(tags, place, problems)
    return tags if len(problems) == before else ()


_SEQUENCES: TypeAdapter[tuple[tuple[str, str], ...]] = TypeAdapter(
    Annotated[tuple[DicomTag, ...], Field(max_length=MOST_SEQUENCES)]
)


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


def describe_validation(error: ValidationError, field: str, model: type[BaseModel]) -> list[str]:
    """Say what pydantic found, one line a field, without repeating the input: it may hold a secret.

    Args:
        error: What pydantic raised.
        field: Where the model stands: ``criteria[0]``.
        model: Which model; its fields tell where an error belongs, whatever the alternatives of a union are called.
    """
    lines: dict[str, str] = {}
    for detail in error.errors(include_url=False):
        place = _place(detail, field, model)
        if detail["type"] == "keyword":
            lines[place] = f"{place}: {detail['msg']}"
        elif detail["type"] == "extra_forbidden":
            name = str(detail["loc"][-1])
            lines[f"{place} {name}"] = f"{place}: {_describe_unknown(name, model)}"
        else:
            lines.setdefault(place, f"{place}: {_sentence(detail)}")
    return list(lines.values())


def _place(error: ErrorDetails, field: str, model: type[BaseModel]) -> str:
    name, *rest = error["loc"] or ("",)
    if error["type"] == "extra_forbidden":
        return field
    if name not in model.model_fields:
        return field
    return f"{field}.{name}" + "".join(f"[{part}]" for part in rest if isinstance(part, int))


def _describe_unknown(name: str, model: type[BaseModel]) -> str:
    known = [*model.model_fields, *(["where"] if model is MeasuredMembers else [])]
    return f"{_unknown(name, known)}; accepted: {', '.join(known)}"


def _unknown(name: str, known: Sequence[str]) -> str:
    """Name a member that is not known, where it looks like a name: anything else may be a secret."""
    near = get_close_matches(name.lower(), known, 1)
    named = f"a member {name!r} that is not known" if _NAME.fullmatch(name) else "a member that is not known"
    return f"has {named}{f', perhaps {near[0]}' if near else ''}"


_NAME = re.compile(r"[A-Za-z][A-Za-z_]{0,30}")


def _sentence(error: ErrorDetails) -> str:
    match error["type"]:
        case "missing":
            return "missing; accepted: a value"
        case "enum":
            given = error["input"]
            named = f"{given!r} is" if isinstance(given, str) and _NAME.fullmatch(given) else "is"
            return f"{named} not known; accepted: {error['ctx']['expected']}"
        case _:
            return error["msg"][:1].lower() + error["msg"][1:]


def _kind(given: object) -> str:
    return "nothing" if given is None else f"a value of type {type(given).__name__}"
