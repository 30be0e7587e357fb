"""The shape that cards must have before a page works with them: what comes in an address or a form may be anything."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from dicom_sieve.criteria import GroupKind
from dicom_sieve.criteria.choose import CHOOSE
from dicom_sieve.criteria.criterion import MOST_LEVELS
from dicom_sieve.errors import InvalidRequestError
from dicom_sieve.web.texts import gettext

Given = dict[str, Any]
"""One card: a criterion, a measure, a group, as JSON has it; a reference may still be empty."""
MOST_CARDS = 300
"""Of a page, those in groups among them."""
MOST_DEPTH = 24
"""Of lists and objects within each other; three groups of criteria with all that these may hold need fewer."""
MOST_VALUES = 20_000
"""Of all lists and objects together."""
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


def _too_many(most: int) -> str:
    return gettext("criteria: more than %(most)s cards or values; accepted: lists saved under a name", most=f"{most:,}")


def too_deep() -> InvalidRequestError:
    """Give the refusal of groups that lie in each other deeper than is accepted."""
    return InvalidRequestError(
        (gettext("groups lie in each other %(most)s deep; deeper is not accepted", most=MOST_LEVELS),)
    )


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
        raise InvalidRequestError((gettext("criteria: a text or a number in them is none"),)) from None
    count = 0
    for place, card, level in _cards(given):
        count += 1
        if level > MOST_LEVELS:
            raise too_deep()
        _check_card(place, card)
    if count > MOST_CARDS:
        raise InvalidRequestError((_too_many(MOST_CARDS),))
    return given


def _check_size(given: list[Any]) -> None:
    level, values = given, len(given)
    for _ in range(MOST_DEPTH):
        inner = (each.values() if isinstance(each, dict) else each for each in level if isinstance(each, dict | list))
        level = [value for part in inner for value in part]
        values += len(level)
        if values > MOST_VALUES:
            raise InvalidRequestError((_too_many(MOST_VALUES),))
        if not level:
            return
    raise too_deep()


def _cards(given: list[Any], path: str = "criteria", level: int = 0) -> Iterator[tuple[str, Given, int]]:
    """Give each card with its place and the number of groups that it lies in."""
    for number, card in enumerate(given):
        place = f"{path}[{number}]"
        if not isinstance(card, dict):
            raise InvalidRequestError((gettext("%(place)s: accepted: a criterion", place=place),))
        yield place, card, level + any(kind.value in card for kind in GroupKind)
        for kind in GroupKind:
            if kind.value in card:
                if not isinstance(card[kind.value], list):
                    raise InvalidRequestError(
                        (gettext("%(place)s: accepted: a list of criteria", place=f"{place}.{kind}"),)
                    )
                yield from _cards(card[kind.value], f"{place}.{kind}", level + 1)


def _check_card(place: str, card: Mapping[str, Any]) -> None:
    for name in _TEXTS:
        if not isinstance(card.get(name, ""), str | None):
            raise InvalidRequestError((gettext("%(place)s: accepted: a text", place=f"{place}.{name}"),))
    if not isinstance(card.get(CHOOSE, {}), dict):
        raise InvalidRequestError((gettext("%(place)s: accepted: an object", place=CHOOSE),))
