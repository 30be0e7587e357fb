"""Configs of dcm2bids: each description is a rule over the fields of a sidecar.

Source: UNFmontreal/Dcm2Bids@77845ab: dcm2bids/sidecar.py (SidecarPairing.isLink), dcm2bids/utils/utils.py (defaults).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any

from dicom_sieve.dicom.vr.value_type import Operation
from dicom_sieve.importers.documents import read_json, refuse
from dicom_sieve.importers.expressions import Mode, Reduced, reduce_expression
from dicom_sieve.importers.globs import Token, Wild, each_with_each, glob_of
from dicom_sieve.importers.interface import CannotSayError, Imported
from dicom_sieve.importers.logic import Test, any_of
from dicom_sieve.importers.rules import Rule, number_names
from dicom_sieve.importers.sidecars import attribute_of, image_type_is, number_is, number_is_between, text_is
from dicom_sieve.importers.texts import absent

_COMPARISONS = {
    "lt": Operation.LESS,
    "gt": Operation.GREATER,
    "le": Operation.AT_MOST,
    "ge": Operation.AT_LEAST,
}
_BETWEEN = {"btw": False, "btwe": True}
"""Whether the ends belong to it."""
_LISTS = frozenset({"ImageType"})
"""Fields that sidecars have as lists."""
ACCEPTED = "a config of dcm2bids: an object whose member 'descriptions' is a list of objects"


def import_dcm2bids(text: str) -> Sequence[Imported]:
    """Import a config; see `dicom_sieve.importers.interface.Importer`."""
    config = read_json(text)
    descriptions = config.get("descriptions") if isinstance(config, dict) else None
    if not isinstance(descriptions, list) or not all(isinstance(each, dict) for each in descriptions):
        raise refuse("has no descriptions", ACCEPTED)
    comparing = _Comparing(
        is_regular=config.get("search_method") == "re",
        is_exact=config["case_sensitive"] if isinstance(config.get("case_sensitive"), bool) else True,
    )
    names = number_names(_name(description, number) for number, description in enumerate(descriptions, 1))
    return [comparing.read(name, description) for name, description in zip(names, descriptions, strict=True)]


def _name(description: Mapping[str, Any], number: int) -> str:
    """Give the description's id, or its datatype and suffix."""
    if isinstance(description.get("id"), str) and description["id"].strip():
        return str(description["id"])
    parts = [description.get("datatype", description.get("dataType")), description.get("custom_entities")]
    parts.append(description.get("suffix", description.get("modalityLabel")))
    return "_".join(str(part) for part in parts if isinstance(part, str) and part) or f"description {number}"


@dataclass(frozen=True, slots=True)
class _Comparing:
    """How a config compares.

    Attributes:
        is_regular: Whether its patterns are regular expressions, which must match at the beginning.
        is_exact: Whether capital and small letters differ, where they are none.
    """

    is_regular: bool
    is_exact: bool

    def read(self, name: str, description: Mapping[str, Any]) -> Imported:
        rule = Rule()
        criteria = description.get("criteria")
        if not isinstance(criteria, dict) or not criteria:
            rule.leave_out("criteria", "there are none, and dcm2bids then takes nothing")
            return rule.imported(name)
        for field, pattern in criteria.items():
            rule.add(f"{field} {json.dumps(pattern)}", partial(self._field, field, pattern))
        if description.get("exclude"):
            rule.leave_out("exclude", "dcm2bids has no such member, and pays no heed to it")
        return rule.imported(name)

    def _field(self, field: str, pattern: Any) -> Test:
        if isinstance(pattern, dict):
            return self._complex(field, pattern)
        if field in _LISTS:
            return self._list(field, pattern)
        if not pattern:  # met where the sidecar has no such field, or nothing in it
            return absent(attribute_of(field))
        return self._text(field, pattern)

    def _complex(self, field: str, pattern: Mapping[str, Any]) -> Test:
        if len(pattern) != 1:
            raise CannotSayError("dcm2bids accepts one key here, and stops")
        [(kind, inner)] = pattern.items()
        if kind == "any":
            choices = list(inner) if isinstance(inner, list | str) else []
            return any_of(self._choice(field, choice) for choice in choices)
        if kind in _BETWEEN:
            numbers = inner if isinstance(inner, list) else []
            if len(numbers) != 2:
                return False
            low, high = map(_number, numbers)
            return number_is_between(field, low, high, has_ends=_BETWEEN[kind])
        if kind in _COMPARISONS:
            numbers = inner if isinstance(inner, list) else [inner]
            return number_is(field, _COMPARISONS[kind], _number(numbers[0])) if len(numbers) == 1 else False
        raise CannotSayError(f"dcm2bids does not know {kind!r}, and passes it over")

    def _choice(self, field: str, choice: Any) -> Test:
        test = self._list(field, choice) if field in _LISTS else self._text(field, choice)
        if not isinstance(choice, list) and self._reduce(str(choice)).matches_empty:
            return any_of([absent(attribute_of(field)), test])
        return test

    def _list(self, field: str, pattern: Any) -> Test:
        """Compare a list with a list; dcm2bids finds a text different from any list."""
        if not isinstance(pattern, list):
            attribute = attribute_of(field)
            return absent(attribute) if not pattern else False
        return image_type_is(field, [self._reduce(str(value)) for value in pattern])

    def _text(self, field: str, pattern: Any) -> Test:
        if isinstance(pattern, list):
            return False  # a text is compared with a list
        attribute = attribute_of(field)
        if attribute.vr.is_number and (number := _as_number(pattern)) is not None:
            return number_is(field, Operation.EQUALS, number)
        return text_is(field, self._reduce(str(pattern)))

    def _reduce(self, pattern: str) -> Reduced:
        if self.is_regular:
            return reduce_expression(pattern, Mode.MATCH)
        return reduce_file_pattern(pattern, is_exact=self.is_exact)


def reduce_file_pattern(pattern: str, *, is_exact: bool) -> Reduced:
    """Reduce a pattern of fnmatch: ``*``, ``?``, ``[abc]``.

    Raises:
        CannotSayError: It has a set that is none of a few characters.
    """
    parts: list[tuple[Token, ...]] = []
    place = 0
    while place < len(pattern):
        end = pattern.find("]", place + 2) if pattern[place] == "[" else -1
        if end < 0:
            parts.append((_WILD.get(pattern[place], pattern[place]),))
            place += 1
            continue
        inner = pattern[place + 1 : end]
        if inner.startswith("!") or "-" in inner:
            raise CannotSayError(f"it has [{inner}], which is no list of a few characters")
        parts.append(tuple(inner))
        place = end + 1
    return Reduced(each_with_each(tuple(glob_of((token,)) for token in part) for part in parts), is_exact)


_WILD: Mapping[str, Token] = {"*": Wild.RUN, "?": Wild.ONE}


def _as_number(given: Any) -> Decimal | None:
    try:
        return _number(given)
    except CannotSayError:
        return None


def _number(given: Any) -> Decimal:
    try:
        number = Decimal(str(given).strip())
    except InvalidOperation:
        raise CannotSayError("it compares with what is no number") from None
    if not number.is_finite() or abs(number.adjusted()) > _MOST_DIGITS:
        raise CannotSayError("it compares with a number that no sidecar has")
    return number


_MOST_DIGITS = 20
