"""From JSON as it came to criteria: every problem of structure and of sense, at once."""

from collections.abc import Sequence

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from dicom_sieve.criteria.criterion import Criterion, compile_criteria
from dicom_sieve.errors import InvalidRequestError


def read_criteria(given: object) -> tuple[tuple[Criterion, ...], tuple[str, ...]]:
    """Read criteria from parsed JSON.

    Args:
        given: What stands where a list of criteria should.

    Returns:
        The criteria that make sense, and one line a problem; usable only when there is no problem.
    """
    if not isinstance(given, Sequence) or isinstance(given, str | bytes):
        return (), (f"criteria: {_kind(given)}; accepted: a list of criteria",)
    if not given:
        return (), _problems_of([], "criteria")
    criteria: list[Criterion] = []
    problems: list[str] = []
    for index, one in enumerate(given):
        field = f"criteria[{index}]"
        try:
            criterion = one if isinstance(one, Criterion) else Criterion.model_validate(one)
        except ValidationError as error:
            problems.extend(describe_validation(error, field, Criterion))
            continue
        criteria.append(criterion)
        problems.extend(_problems_of([criterion], field))
    return tuple(criteria), tuple(problems)


def describe_validation(error: ValidationError, field: str, model: type[BaseModel]) -> list[str]:
    """Say what pydantic found, one line a field, without repeating the input: it may hold a secret.

    Args:
        error: What pydantic raised.
        field: Where the model stands: ``criteria[0]``.
        model: Which model; its fields tell where an error belongs, whatever the alternatives of a union are called.
    """
    lines: dict[str, str] = {}
    for one in error.errors(include_input=False, include_context=False, include_url=False):
        place = _place(one, field, model)
        lines.setdefault(place, f"{place}: {_sentence(one)}")
    return list(lines.values())


def _place(error: ErrorDetails, field: str, model: type[BaseModel]) -> str:
    name, *rest = error["loc"] or ("",)
    if error["type"] == "extra_forbidden":
        return field
    if name not in model.model_fields:
        return field
    return f"{field}.{name}" + "".join(f"[{part}]" for part in rest if isinstance(part, int))


def _sentence(error: ErrorDetails) -> str:
    match error["type"]:
        case "missing":
            return "missing; accepted: a value"
        case "extra_forbidden":
            return "has a member that is not known; accepted: the members of the contract"
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
