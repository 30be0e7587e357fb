"""DICOM JSON as it comes (PS3.18 annex F), before anything in it is believed."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from dicom_sieve.stores.interface import TransportError

Row = Mapping[str, Any]
"""A data set: the tag of each attribute, and an object with its VR and its values."""
STUDY_UID, SERIES_UID, INSTANCE_UID = "0020000D", "0020000E", "00080018"


class Number(str):
    """A number, as its digits stand there: the decimals of a DS have no other place."""

    __slots__ = ()


class MalformedAnswerError(TransportError):
    """An answer that is not what was asked for; to ask again is wasted."""


class TooLongAnswerError(MalformedAnswerError):
    """An answer of more bytes than are read of one."""

    def __init__(self) -> None:
        super().__init__("the answer exceeds the limit")

    def __reduce__(self) -> tuple[type, tuple[()]]:
        return type(self), ()


class Rows(list[Any]):
    """The members of an array, and how many bytes it had.

    Args:
        members: Of the array.
        size: In bytes.
    """

    def __init__(self, members: list[Any], size: int) -> None:
        super().__init__(members)
        self.size = size


def read_json(data: bytes) -> Any:
    """Read JSON: numbers keep their digits, and no member is there twice.

    Raises:
        MalformedAnswerError: It is none.
    """
    try:
        answer = json.loads(
            data, parse_int=Number, parse_float=Number, parse_constant=Number, object_pairs_hook=_without_doubles
        )
    except (ValueError, RecursionError):
        raise MalformedAnswerError("the answer is no JSON") from None
    return Rows(answer, len(data)) if isinstance(answer, list) else answer


def read_rows(answer: Any) -> list[Row]:
    """Take an answer for a list of data sets.

    Raises:
        MalformedAnswerError: It is none.
    """
    if not isinstance(answer, list) or not all(map(_is_data_set, answer)):
        raise MalformedAnswerError("the answer is no DICOM JSON")
    return answer


def uid_in(row: Row, tag: str) -> str:
    """Give a UID of a row.

    Raises:
        MalformedAnswerError: It has none.
    """
    if uid := text_in(row, tag):
        return uid
    raise MalformedAnswerError("the answer names no UID")


def row_of(tag: str, uid: str) -> Row:
    """Give a row that names a UID, and nothing else."""
    return {tag: {"vr": "UI", "Value": [uid]}}


def text_in(row: Row, tag: str) -> str:
    """Give the first value of an attribute; empty where it has none."""
    values = values_in(row, tag)
    return values[0].strip(" \0") if values and isinstance(values[0], str) else ""


def count_in(row: Row, tag: str) -> int | None:
    """Give a number of what is below; None where a server does not tell."""
    text = text_in(row, tag)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else None


def values_in(row: Row, tag: str) -> Sequence[Any]:
    """Give the values of an attribute."""
    values = row.get(tag, {}).get("Value") or ()
    return values if isinstance(values, list) else ()


def _is_data_set(row: Any) -> bool:
    return isinstance(row, dict) and all(isinstance(attribute, dict) for attribute in row.values())


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a member is there twice")
    return found
