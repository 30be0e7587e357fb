"""Criteria in a file, the contract's JSON; or in the ledger, under a name."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from dicom_sieve.criteria import Asked, CompiledItem
from dicom_sieve.criteria.choose import CHOOSE, UNIT
from dicom_sieve.criteria.named import NamedCriteria, read_named
from dicom_sieve.criteria.reading import read_criteria
from dicom_sieve.criteria.seal_tables import tables_in
from dicom_sieve.errors import InvalidRequestError

NAMED = "@"
"""What saved criteria begin with where a file may stand, too; a file of such a name is ``./@name``."""


@dataclass(frozen=True, slots=True)
class AskedCriteria:
    """Criteria of a command.

    Attributes:
        items: What is asked.
        named: What they were saved as; None where they come from a file.
    """

    items: tuple[Asked, ...]
    named: NamedCriteria | None = None


def read_asked(given: Path) -> AskedCriteria:
    """Read a file of criteria, or look up saved ones: ``@NAME`` or ``@NAME@VERSION``.

    Raises:
        InvalidRequestError: Every problem, one line each.
        UnknownCriteriaError: Nothing was saved under that name, or no such version.
    """
    if not str(given).startswith(NAMED):
        return AskedCriteria(_read_file(given))
    named = read_named(str(given).removeprefix(NAMED), str(given))
    from dicom_sieve.ledger import open_ledger

    with open_ledger() as ledger:
        saved = ledger.criteria(named.name, named.version)
    return AskedCriteria(saved.items(), saved.named)


def read_criteria_file(given: Path) -> tuple[Asked, ...]:
    """Give the criteria of a file, or of a name; see `read_asked`."""
    return read_asked(given).items


def _read_file(path: Path) -> tuple[Asked, ...]:
    """Read a file of criteria: a list of them, or an object whose member ``criteria`` (also of ``parameters``) is one.

    Beside the list, ``unit`` and ``choose`` may stand, as in a request.

    Raises:
        InvalidRequestError: Every problem, one line each.
    """
    given = _find_asked(read_json_file(path))
    if isinstance(given, dict) and "criteria" not in given:
        near = get_close_matches("criteria", given, 1)
        perhaps = f", perhaps {near[0]!r} is meant to be it" if near else ""
        accepted = "accepted: a list of criteria, or an object whose member 'criteria' is one"
        raise InvalidRequestError((f"{path}: an object without a member 'criteria'{perhaps}; {accepted}",))
    criteria, problems = read_criteria(given)
    if problems:
        raise InvalidRequestError(problems)
    return criteria


def read_json_file(path: Path) -> Any:
    """Read a file of JSON.

    Raises:
        InvalidRequestError: It cannot be read, or is none.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidRequestError((f"{path}: cannot be read: {error.strerror}",)) from None
    except UnicodeDecodeError:
        raise InvalidRequestError((f"{path}: is not UTF-8 text; accepted: JSON",)) from None
    except json.JSONDecodeError as error:
        raise InvalidRequestError((f"{path}:{error.lineno}:{error.colno}: is not JSON: {error.msg}",)) from None


def _find_asked(given: Any) -> Any:
    """Take what is asked out of a whole request, too, as the REST API gets it."""
    if isinstance(given, dict) and "parameters" in given:
        given = given["parameters"]
    if isinstance(given, dict) and "criteria" in given:
        given = {name: given[name] for name in ("criteria", UNIT, CHOOSE) if name in given}
    return given


def describe_all(criteria: Sequence[str]) -> str:
    """Say what all criteria ask together."""
    return "An instance passes when " + ",\nand ".join(criteria) + "."


def describe_tables(criteria: Sequence[CompiledItem]) -> list[str]:
    """Say of each table that it was not looked at."""
    names = dict.fromkeys(asked.table for asked in tables_in(criteria))
    return [f"{name} is read when a run or a preview starts; nobody has looked at it here." for name in names]
