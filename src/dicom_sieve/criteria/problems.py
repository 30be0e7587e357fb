"""What is wrong with JSON that came, in words: one line a field, without repeating what may be a secret."""

import re
from collections.abc import Sequence
from difflib import get_close_matches

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from dicom_sieve.criteria.criterion import MeasuredMembers


def describe_validation(error: ValidationError, field: str, model: type[BaseModel]) -> list[str]:
    """Say what pydantic found, one line a field, without repeating the input: it may hold a secret.

    Args:
        error: What pydantic raised.
        field: Where the model stands: ``criteria[0]``.
        model: Which model; its fields tell where an error belongs, whatever the alternatives of a union are called.
    """
    lines: dict[str, str] = {}
    details = error.errors(include_url=False)
    tables = {detail["loc"][0] for detail in details if _is_in_table(detail)}
    for detail in details:
        if detail["loc"] and detail["loc"][0] in tables:
            if _is_in_table(detail):
                lines.setdefault(*_describe_in_table(detail, field))
            continue
        place = _place(detail, field, model)
        if detail["type"] == "keyword":
            lines[place] = f"{place}: {detail['msg']}"
        elif detail["type"] == "extra_forbidden":
            name = str(detail["loc"][-1])
            lines[f"{place} {name}"] = f"{place}: {_describe_unknown(name, model)}"
        else:
            lines.setdefault(place, f"{place}: {_sentence(detail)}")
    return list(lines.values())


def _is_in_table(detail: ErrorDetails) -> bool:
    """Tell whether something is wrong with a member of a table, where one was given."""
    return len(detail["loc"]) > 2 and detail["loc"][1] in _TABLES


def _describe_in_table(detail: ErrorDetails, field: str) -> tuple[str, str]:
    """Say what is wrong with a table: at which place, and in a line."""
    name, kind, *rest = detail["loc"]
    if detail["type"] == "extra_forbidden":
        place = ".".join((field, str(name), *map(str, rest[:-1])))
        known = ("dicom_tag", "column") if rest[:-1] else _TABLES[str(kind)]
        return f"{place} {rest[-1]}", f"{place}: {unknown_member(str(rest[-1]), known)}; accepted: {', '.join(known)}"
    place = ".".join((field, str(name), *(part for part in rest if isinstance(part, str) and "[" not in part)))
    return place, f"{place}: {detail['msg'] if detail['type'] == 'keyword' else _sentence(detail)}"


_TABLES = {
    "TableColumn": ("table", "column", "digest"),
    "TableDate": ("table", "column", "by", "digest"),
}
"""What stands for a table among alternatives, and its members."""


def _place(error: ErrorDetails, field: str, model: type[BaseModel]) -> str:
    name, *rest = error["loc"] or ("",)
    if error["type"] == "extra_forbidden":
        return field
    if name not in model.model_fields:
        return field
    return f"{field}.{name}" + "".join(f"[{part}]" for part in rest if isinstance(part, int))


def _describe_unknown(name: str, model: type[BaseModel]) -> str:
    known = [*model.model_fields, *(["where"] if model is MeasuredMembers else [])]
    return f"{unknown_member(name, known)}; accepted: {', '.join(known)}"


def unknown_member(name: str, known: Sequence[str]) -> str:
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


def kind_of(given: object) -> str:
    """Say what stands where something else should."""
    return "nothing" if given is None else f"a value of type {type(given).__name__}"
