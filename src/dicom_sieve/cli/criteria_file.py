"""Criteria in a file: the contract's JSON, in which a keyword may stand for a tag."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dicom_sieve.criteria import Criterion
from dicom_sieve.criteria.attribute import find_keyword
from dicom_sieve.criteria.reading import read_criteria
from dicom_sieve.errors import InvalidRequestError


def read_criteria_file(path: Path) -> tuple[Criterion, ...]:
    """Read a file of criteria: a list of them, or an object whose member ``criteria`` (also of ``parameters``) is one.

    Raises:
        InvalidRequestError: Every problem, one line each.
    """
    try:
        given = _find_list(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise InvalidRequestError((f"{path}: cannot be read: {error.strerror}",)) from None
    except UnicodeDecodeError:
        raise InvalidRequestError((f"{path}: is not UTF-8 text; accepted: JSON",)) from None
    except json.JSONDecodeError as error:
        raise InvalidRequestError((f"{path}:{error.lineno}:{error.colno}: is not JSON: {error.msg}",)) from None
    problems: list[str] = []
    if isinstance(given, list):
        given = [_with_tag(one, f"criteria[{index}]", problems) for index, one in enumerate(given)]
        given = [one for one in given if one is not None] if problems else given
    criteria, wrong = read_criteria(given) if given or not problems else ((), ())
    problems.extend(wrong)
    if problems:
        raise InvalidRequestError(tuple(problems))
    return criteria


def _find_list(given: Any) -> Any:
    """Take the criteria out of a whole request, too, as the REST API gets it."""
    for member in ("parameters", "criteria"):
        if isinstance(given, dict) and member in given:
            given = given[member]
    return given


def _with_tag(given: Any, field: str, problems: list[str]) -> Any:
    """Put the tag where a keyword stands."""
    if not isinstance(given, dict) or not isinstance(given.get("dicom_tag"), str):
        return given
    keyword = given["dicom_tag"].strip()
    tag = find_keyword(keyword)
    if tag is None:
        problems.append(
            f"{field}.dicom_tag: {keyword!r} is no keyword of the DICOM dictionary; "
            'accepted: a keyword as "StudyDate", or a tag as ["0008", "0020"]'
        )
        return None
    return {**given, "dicom_tag": [f"{tag >> 16:04X}", f"{tag & 0xFFFF:04X}"]}


def describe_all(criteria: Sequence[str]) -> str:
    """Say what all criteria ask together."""
    return "An instance passes when " + ",\nand ".join(criteria) + "."
