"""From JSON as it came to criteria, measures and groups of them: every problem at once."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from dicom_sieve.criteria.compile import compile_item, is_too_deep
from dicom_sieve.criteria.compile_one import find_sequences
from dicom_sieve.criteria.criterion import (
    MOST_ITEMS,
    MOST_SEQUENCES,
    Criterion,
    Group,
    GroupKind,
    Item,
    Measured,
    MeasuredMembers,
)
from dicom_sieve.criteria.problems import describe_validation, kind_of, unknown_member
from dicom_sieve.criteria.tag import DicomTag


def read_items(
    given: Sequence[object], place: str, problems: list[str], level: int = 1, *, in_where: bool = False
) -> list[Item]:
    """Read the items of a list, of which each is also compiled: so every problem is told at its place.

    Args:
        given: The list.
        place: Where it stands: ``criteria``.
        problems: Are added to; what has some is left out.
        level: How deep its items lie.
        in_where: Whether they are asked of the members that a measure counts.
    """
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
        problems.append(f"{place}.where: {kind_of(where)}; accepted: a list of criteria")
        return None
    if where and is_too_deep(level, place, problems):
        return None
    items = read_items(where, f"{place}.where", problems, level + 1, in_where=True)
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
            problems.append(f"{place}: {unknown_member(str(member), [kind, *_GROUP_MEMBERS])}; {known}")
    name, within = given.get("name") or "", given.get("within") or ()
    if not isinstance(name, str) or len(name) > LONGEST_NAME or not name.isprintable():
        problems.append(f"{place}.name: not accepted; accepted: a text of {LONGEST_NAME} characters at most")
    sequences = _read_sequences(within, f"{place}.within", problems)
    if is_too_deep(level, place, problems):
        return None
    if not isinstance(children, Sequence) or isinstance(children, str | bytes) or not children:
        observed = "empty" if children == [] else kind_of(children)
        problems.append(f"{place}.{kind}: {observed}; accepted: a list of one criterion or more")
        return None
    items = read_items(children, f"{place}.{kind}", problems, level + 1, in_where=in_where)
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
