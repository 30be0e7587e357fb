"""Cards as JSON has them, before they are compiled: where each stands, and what it may be compared by. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from dicom_sieve.criteria import GroupKind, Operation
from dicom_sieve.criteria.criterion import MOST_LEVELS
from dicom_sieve.criteria.measures import KINDS, Measure
from dicom_sieve.criteria.reading import read_attribute
from dicom_sieve.dicom.dictionary import Attribute
from dicom_sieve.dicom.vr.registry import VRS
from dicom_sieve.dicom.vr.value_type import PRESENCE, ValueType
from dicom_sieve.errors import InvalidRequestError
from dicom_sieve.web.address import Given
from dicom_sieve.web.texts import gettext

Path = tuple[int, ...]
"""Of a card: its place in the list, then in each group that it lies in, from 0."""


def kind_of(card: Given) -> GroupKind | None:
    """Tell which kind of group a card is; None: it is none."""
    return next((kind for kind in GroupKind if kind.value in card), None)


def read_path(text: str) -> Path:
    """Read a path as an address has it.

    Raises:
        InvalidRequestError: It is none.
    """
    parts = text.split(".")
    if not all(part.isdecimal() and len(part) <= 3 for part in parts) or len(parts) > MOST_LEVELS + 1:
        raise InvalidRequestError(
            (gettext("card: accepted: a path as 2 or 2.0, of %(most)s numbers at most", most=MOST_LEVELS + 1),)
        )
    return tuple(map(int, parts))


def write_path(path: Path) -> str:
    """Write a path for an address."""
    return ".".join(map(str, path))


def card_at(cards: Sequence[Given], path: Path) -> Given:
    """Give one card.

    Raises:
        InvalidRequestError: There is none.
    """
    return list_of(cards, path)[path[-1]]


def list_of(cards: Sequence[Given], path: Path) -> list[Given]:
    """Give the list that a card stands in."""
    here: Any = cards
    for place, child in zip(path, (*path[1:], None), strict=True):
        if place >= len(here):
            raise InvalidRequestError((gettext("card: there is none here; the page may be older than its cards"),))
        if child is not None:
            kind = kind_of(here[place])
            here = () if kind is None else here[place][kind.value]
    return cast(list[Given], here)


def operations_of(card: Given) -> Mapping[Operation, str]:
    """Give the operations that a card may have, with their words."""
    return {**vr_of(card).relations, **({} if "measure" in card else PRESENCE)}


def operation_of(card: Given) -> Operation:
    """Give the operation of a card.

    Raises:
        InvalidRequestError: It has none that is known.
    """
    name = card.get("operation")
    if not isinstance(name, str) or name not in Operation.__members__:
        raise InvalidRequestError((gettext("operation: not known"),))
    return Operation[name]


def vr_of(card: Given) -> ValueType:
    """Tell by which VR a card's values are read.

    Raises:
        InvalidRequestError: It has no attribute, or one that no criterion can name.
    """
    if "measure" in card:
        measure = card["measure"]
        if measure not in Measure.__members__:
            raise InvalidRequestError((gettext("measure: not known"),))
        return VRS[KINDS[Measure[measure]].vr]
    if card.get("private_creator"):
        vr = VRS.get(card.get("vr", ""))
        if vr is None:
            raise InvalidRequestError((gettext("vr: not known"),))
        return vr
    return attribute_of(card).vr


def attribute_of(card: Given) -> Attribute:
    """Give the attribute of a criterion's card; see `vr_of`."""
    tag = card.get("dicom_tag")
    text = ",".join(map(str, tag)) if isinstance(tag, list) else str(tag)
    return read_attribute(text, "dicom_tag")


def is_whole(card: Given) -> bool:
    """Tell whether a card has all that it needs; a group, whether all in it do."""
    kind = kind_of(card)
    if kind is not None:
        children = card[kind.value]
        return bool(children) and all(map(is_whole, children))
    if card.get("operation") in {operation.value for operation in PRESENCE}:
        return True
    reference = card.get("reference")
    if isinstance(reference, list):
        return bool(reference) and all(reference) and (card.get("operation") != "BETWEEN" or len(reference) == 2)
    return bool(reference)
