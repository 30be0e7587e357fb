"""The shape that cards must have before a page works with them: what comes in an address or a form may be anything."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from dicom_sieve.criteria import GroupKind
from dicom_sieve.criteria.choose import CHOOSE
from dicom_sieve.criteria.criterion import MOST_LEVELS
from dicom_sieve.errors import InvalidRequestError

Given = dict[str, Any]
"""One card: a criterion, a measure, a group, as JSON has it; a reference may still be empty."""
MOST_CARDS = 300
"""Of a page, those in groups among them."""
MOST_DEPTH = 24
"""Of lists and objects within each other; three groups of criteria with all that these may hold need fewer."""
MOST_VALUES = 20_000
"""Of all lists and objects together."""
_TOO_MANY = "too many for a page; accepted: lists that are saved under a name"
_TEXTS = ("operation", "measure", "scope", "vr", "private_creator", "if_absent", "name")


def read_json(text: str | bytes) -> Any:
    """Read JSON.

    Raises:
        ValueError: It is none, is nested too deep, or has a number that is not finite.
    """
    try:
        return json.loads(text, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("nested too deep") from None


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no number")


def check_cards(given: object, problem: str) -> list[Given]:
    """Give cards as they came, where a page can work with them; whether they make sense is told at each of them.

    Args:
        given: Parsed JSON.
        problem: Of what is no list of objects.

    Raises:
        InvalidRequestError: A page cannot work with them.
    """
    if not isinstance(given, list) or not all(isinstance(each, dict) for each in given):
        raise InvalidRequestError((problem,))
    _check_size(given)
    try:
        json.dumps(given, ensure_ascii=False, allow_nan=False).encode()
    except ValueError:  # half of a pair of surrogates; a number that is not finite, as 1e999
        raise InvalidRequestError(("criteria: a text or a number in them is none",)) from None
    count = 0
    for place, card, level in _cards(given):
        count += 1
        if level > MOST_LEVELS:
            raise InvalidRequestError((f"groups lie in each other {MOST_LEVELS} deep; deeper is not accepted",))
        _check_card(place, card)
    if count > MOST_CARDS:
        raise InvalidRequestError((f"criteria: more than {MOST_CARDS}, groups among them; {_TOO_MANY}",))
    return given


def _check_size(given: list[Any]) -> None:
    level, values = given, len(given)
    for _ in range(MOST_DEPTH):
        inner = (each.values() if isinstance(each, dict) else each for each in level if isinstance(each, dict | list))
        level = [value for part in inner for value in part]
        values += len(level)
        if values > MOST_VALUES:
            raise InvalidRequestError((f"criteria: more than {MOST_VALUES:,} values; {_TOO_MANY}",))
        if not level:
            return
    raise InvalidRequestError((f"criteria: nested more than {MOST_DEPTH} deep",))


def _cards(given: list[Any], path: str = "criteria", level: int = 0) -> Iterator[tuple[str, Given, int]]:
    """Give each card with its place and the number of groups that it lies in."""
    for number, card in enumerate(given):
        place = f"{path}[{number}]"
        if not isinstance(card, dict):
            raise InvalidRequestError((f"{place}: accepted: a criterion",))
        yield place, card, level + any(kind.value in card for kind in GroupKind)
        for kind in GroupKind:
            if kind.value in card:
                if not isinstance(card[kind.value], list):
                    raise InvalidRequestError((f"{place}.{kind}: accepted: a list of criteria",))
                yield from _cards(card[kind.value], f"{place}.{kind}", level + 1)


def _check_card(place: str, card: Mapping[str, Any]) -> None:
    for name in _TEXTS:
        if not isinstance(card.get(name, ""), str | None):
            raise InvalidRequestError((f"{place}.{name}: accepted: a text",))
    if not isinstance(card.get(CHOOSE, {}), dict):
        raise InvalidRequestError((f"{CHOOSE}: accepted: an object",))
