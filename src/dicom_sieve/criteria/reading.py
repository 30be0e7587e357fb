"""From JSON as it came to criteria: every problem of structure and of sense, at once."""

import re
from collections.abc import Sequence
from difflib import get_close_matches

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from dicom_sieve.criteria.criterion import Criterion, compile_criteria
from dicom_sieve.dicom.dictionary import Attribute, find_attribute, find_keyword
from dicom_sieve.errors import InvalidRequestError


def read_criteria(given: object, *, keywords_allowed: bool = False) -> tuple[tuple[Criterion, ...], tuple[str, ...]]:
    """Read criteria from parsed JSON.

    Args:
        given: What stands where a list of criteria should.
        keywords_allowed: Whether a keyword may stand for a tag: ``"dicom_tag": "StudyDate"``.

    Returns:
        The criteria that make sense, and one line a problem; usable only when there is no problem.
    """
    if not isinstance(given, Sequence) or isinstance(given, str | bytes):
        return (), (f"criteria: {_kind(given)}; accepted: a list of criteria",)
    if not given:
        return (), _problems_of([], "criteria")
    criteria: list[Criterion] = []
    problems: list[str] = []
    for index, criterion in enumerate(given):
        read = _read_one(criterion, f"criteria[{index}]", keywords_allowed)
        if isinstance(read, Criterion):
            criteria.append(read)
        else:
            problems.extend(read)
    return tuple(criteria), tuple(problems)


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


def _read_one(given: object, field: str, keywords_allowed: bool) -> Criterion | Sequence[str]:
    """Read one criterion, or tell its problems."""
    if isinstance(given, Criterion):
        return _problems_of([given], field) or given
    if keywords_allowed and isinstance(given, dict) and isinstance(given.get("dicom_tag"), str):
        tag = find_keyword(given["dicom_tag"].strip())
        if tag is None:
            return [f"{field}.dicom_tag: {given['dicom_tag']!r} {_NO_KEYWORD}"]
        given = {**given, "dicom_tag": [f"{tag >> 16:04X}", f"{tag & 0xFFFF:04X}"]}
    try:
        criterion = Criterion.model_validate(given)
    except ValidationError as error:
        return describe_validation(error, field, Criterion)
    return _problems_of([criterion], field) or criterion


_NO_KEYWORD = 'is no keyword of the DICOM dictionary; accepted: a keyword as "StudyDate", or a tag as ["0008", "0020"]'


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
        if detail["type"] == "extra_forbidden":
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
    """Name a member that is not known, where it looks like a name: anything else may be a secret."""
    known = list(model.model_fields)
    near = get_close_matches(name.lower(), known, 1)
    named = f"a member {name!r} that is not known" if _NAME.fullmatch(name) else "a member that is not known"
    perhaps = f", perhaps {near[0]}" if near else ""
    return f"has {named}{perhaps}; accepted: {', '.join(known)}"


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


def _problems_of(criteria: list[Criterion], field: str) -> tuple[str, ...]:
    try:
        compile_criteria(criteria)
    except InvalidRequestError as error:
        return tuple(problem.replace("criteria[0]", field, 1) for problem in error.problems)
    return ()


def _kind(given: object) -> str:
    return "nothing" if given is None else f"a value of type {type(given).__name__}"
