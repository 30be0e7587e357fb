"""Changes of the cards of the Build page. Pure: cards in, cards out; a place in them is a path as ``2.0``."""

import copy
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from dicom_sieve.criteria import GroupKind, Operation
from dicom_sieve.criteria.criterion import EITHER_OPERATIONS, LIST_OPERATIONS, MOST_ITEMS, MOST_LEVELS
from dicom_sieve.criteria.measures import KINDS, Measure
from dicom_sieve.criteria.reading import read_attribute
from dicom_sieve.dicom.vr.clock import DT
from dicom_sieve.dicom.vr.date import DA
from dicom_sieve.dicom.vr.registry import VRS
from dicom_sieve.dicom.vr.value_type import PRESENCE, ValueType
from dicom_sieve.errors import InvalidRequestError
from dicom_sieve.web.address import Given
from dicom_sieve.web.asked import Form, first_of
from dicom_sieve.web.bars import references_of
from dicom_sieve.web.given import (
    Path,
    attribute_of,
    card_at,
    kind_of,
    list_of,
    operation_of,
    operations_of,
    read_path,
    vr_of,
)
from dicom_sieve.web.references import read_typed, unit_name
from dicom_sieve.web.shape import check_cards, read_json, too_deep
from dicom_sieve.web.texts import gettext

FIRST_AGE = "018Y"
"""With which a new criterion on the age begins."""


@dataclass(frozen=True, slots=True)
class Change:
    """What a change left.

    Attributes:
        cards: All of them.
        open: The path of the card that is open; None: none is.
    """

    cards: list[Given]
    open: Path | None


def new_card(attribute: str) -> Given:
    """Make the card of an attribute, by keyword or tag, or of a measure; it has no value yet, but for an age.

    Raises:
        InvalidRequestError: There is no such attribute.
    """
    if attribute in Measure.__members__:
        vr = VRS[KINDS[Measure[attribute]].vr]
        first = FIRST_AGE if attribute == Measure.AGE else ""
        return {"measure": attribute, **_first_of(vr, first)}
    found = read_attribute(attribute, "attribute")
    tag = [found.hex_tag[:4], found.hex_tag[4:]]
    return {"dicom_tag": tag, **_first_of(found.vr)}


def _first_of(vr: ValueType, reference: str = "") -> Given:
    """Give the operation that a new card begins with."""
    for operation in (Operation.CONTAINS,) if vr.is_text else (Operation.IN,):
        if not vr.has_order and operation in vr.relations:
            return {"operation": operation.value, "reference": []}
    first = (Operation.GREATER,) if vr in {DA, DT} else ()
    for operation in (*first, Operation.AT_LEAST, Operation.GREATER, Operation.IN, Operation.PRESENT):
        if operation in vr.relations or operation in PRESENCE:
            break
    if operation in PRESENCE:
        return {"operation": operation.value}
    return {"operation": operation.value, "reference": [] if operation in LIST_OPERATIONS else reference}


def change(cards: Sequence[Given], action: str, form: Form) -> Change:
    """Apply one change.

    Args:
        cards: As they are.
        action: What is done: ``add``, ``set``, ``remove`` …; see `_ACTIONS`.
        form: What else the page sent.

    Raises:
        InvalidRequestError: It cannot be done; the cards stay as they are.
    """
    if action not in _ACTIONS:
        raise InvalidRequestError((gettext("do: not known"),))
    return _ACTIONS[action](copy.deepcopy(list(cards)), form)


def _at(form: Form) -> Path:
    return read_path(first_of(form, "card"))


def _add(cards: list[Given], form: Form) -> Change:
    card = new_card(first_of(form, "attribute"))
    if values := [value for value in form.get("value", ()) if value]:
        _refer(card, values)
    if first_of(form, "card"):
        path = _at(form)
        group = card_at(cards, path)
        kind = kind_of(group)
        if kind is None:
            raise InvalidRequestError((gettext("card: is no group"),))
        children = group[kind.value]
        children.append(card)
        return _checked(cards, (*path, len(children) - 1))
    cards.append(card)
    return _checked(cards, (len(cards) - 1,))


def _set(cards: list[Given], form: Form) -> Change:
    """Set operation, reference and what an absent value means."""
    path = _at(form)
    card = card_at(cards, path)
    if kind_of(card) is not None:
        raise InvalidRequestError((gettext("card: is a group"),))
    if operation := first_of(form, "operation"):
        if operation not in {each.value for each in operations_of(card)}:
            raise InvalidRequestError((gettext("operation: not defined for this attribute"),))
        card["operation"] = operation
    values = [value for value in form.get("value", ()) if value.strip()]
    if bar := first_of(form, "bar"):
        values = references_of(vr_of(card), operation_of(card), bar, values)
    _refer(card, values)
    if "absent" in form:
        card.pop("if_absent", None)
        if first_of(form, "absent") == "MET":
            card["if_absent"] = "MET"
    return Change(cards, path if first_of(form, "stay", "1") == "1" else None)


def _refer(card: Given, values: list[str]) -> None:
    """Put values in the place of a card's reference, in the shape that its operation takes."""
    operation = operation_of(card)
    vr, unit = vr_of(card), _unit_of(card)
    values = list(dict.fromkeys(read_typed(vr, value, unit) for value in values))
    if isinstance(before := card.get("reference"), list):
        values = [*(value for value in before if value in values), *(value for value in values if value not in before)]
    if operation in PRESENCE:
        card.pop("reference", None)
    elif operation is Operation.BETWEEN:
        card["reference"] = values[:2]
    elif operation in LIST_OPERATIONS or operation in EITHER_OPERATIONS:
        card["reference"] = values
    else:
        card["reference"] = values[0] if values else ""


def _unit_of(card: Given) -> str:
    if "measure" in card:
        return unit_name(Measure[card["measure"]])
    return "" if card.get("private_creator") else unit_name(attribute_of(card))


def _let_pass(cards: list[Given], form: Form) -> Change:
    """Let instances pass that have no value."""
    card_at(cards, _at(form))["if_absent"] = "MET"
    return Change(cards, None)


def _remove(cards: list[Given], form: Form) -> Change:
    path = _at(form)
    del list_of(cards, path)[path[-1]]
    _without_empty_groups(cards)
    return Change(cards, None)


def _copy(cards: list[Given], form: Form) -> Change:
    path = _at(form)
    here = list_of(cards, path)
    here.insert(path[-1] + 1, copy.deepcopy(here[path[-1]]))
    return _checked(cards, None)


def _move(step: int) -> Callable[[list[Given], Form], Change]:
    def move(cards: list[Given], form: Form) -> Change:
        path = _at(form)
        here, place = list_of(cards, path), path[-1]
        other = max(0, min(len(here) - 1, place + step))
        here[place], here[other] = here[other], here[place]
        return Change(cards, None)

    return move


def _group(cards: list[Given], form: Form) -> Change:
    """Put a card into a group with the one above; into that one, where it is a group."""
    path = _at(form)
    here, place = list_of(cards, path), path[-1]
    if place == 0:
        here[0] = {GroupKind.ANY.value: [here[0]]}
        return _checked(cards, None)
    above = here[place - 1]
    card = here.pop(place)
    if (kind := kind_of(above)) is not None:
        above[kind.value].append(card)
    else:
        here[place - 1] = {GroupKind.ANY.value: [above, card]}
    return _checked(cards, None)


def _take_out(cards: list[Given], form: Form) -> Change:
    """Take a card out of its group, and put it behind that."""
    path = _at(form)
    if len(path) < 2:
        raise InvalidRequestError((gettext("card: is in no group"),))
    card = list_of(cards, path).pop(path[-1])
    outer = path[:-1]
    list_of(cards, outer).insert(outer[-1] + 1, card)
    _without_empty_groups(cards)
    return Change(cards, None)


def _join(cards: list[Given], form: Form) -> Change:
    """Move a card into a group: what dropping it there does."""
    path, into = _at(form), read_path(first_of(form, "into"))
    if into[: len(path)] == path:
        raise InvalidRequestError((gettext("into: a card cannot be moved into itself"),))
    target = card_at(cards, into)
    kind = kind_of(target)
    card = list_of(cards, path)[path[-1]]
    if kind is not None:
        target[kind.value].append(card)
    else:
        list_of(cards, into)[into[-1]] = {GroupKind.ANY.value: [target, card]}
    here = list_of(cards, path)
    del here[next(place for place, each in enumerate(here) if each is card)]
    _without_empty_groups(cards)
    return _checked(cards, None)


def _kind(cards: list[Given], form: Form) -> Change:
    """Say how the criteria of a group count together."""
    group, kind = card_at(cards, _at(form)), first_of(form, "kind")
    before = kind_of(group)
    if before is None or kind not in list(GroupKind):
        raise InvalidRequestError((gettext("kind: accepted: any, all or none, of a group"),))
    children = group.pop(before.value)
    group[kind] = children
    return Change(cards, None)


def _json(cards: list[Given], form: Form) -> Change:
    """Take cards from JSON as somebody wrote it."""
    del cards
    try:
        given = read_json(first_of(form, "json"))
    except ValueError as error:
        place = (
            gettext("line %(line)s: %(problem)s", line=error.lineno, problem=error.msg)
            if isinstance(error, json.JSONDecodeError)
            else str(error)
        )
        raise InvalidRequestError((gettext("this is no JSON: %(place)s", place=place),)) from None
    given = given.get("criteria", given) if isinstance(given, dict) else given
    return Change(check_cards(given, gettext("this is no list of criteria")), None)


def _new(cards: list[Given], form: Form) -> Change:
    del cards, form
    return Change([], None)


def _checked(cards: list[Given], path: Path | None) -> Change:
    """Refuse what is too deep, or too much.

    Raises:
        InvalidRequestError: It is.
    """
    if len(cards) > MOST_ITEMS:
        raise InvalidRequestError(
            (gettext("there are %(most)s criteria; more are not accepted in one list", most=MOST_ITEMS),)
        )
    if any(_depth(card) > MOST_LEVELS for card in cards):
        raise too_deep()
    return Change(cards, path)


def _depth(card: Given) -> int:
    kind = kind_of(card)
    return 0 if kind is None else 1 + max(map(_depth, card[kind.value]), default=0)


def _without_empty_groups(cards: list[Given]) -> None:
    for place in reversed(range(len(cards))):
        kind = kind_of(cards[place])
        if kind is None:
            continue
        children = cards[place][kind.value]
        _without_empty_groups(children)
        if not children:
            del cards[place]


_ACTIONS: Mapping[str, Callable[[list[Given], Form], Change]] = {
    "add": _add,
    "set": _set,
    "pass": _let_pass,
    "remove": _remove,
    "copy": _copy,
    "up": _move(-1),
    "down": _move(1),
    "group": _group,
    "out": _take_out,
    "join": _join,
    "kind": _kind,
    "json": _json,
    "new": _new,
}
