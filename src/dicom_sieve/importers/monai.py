"""Selection rules of MONAI Deploy's DICOMSeriesSelectorOperator: each selection is a rule.

Source: Project-MONAI/monai-deploy-app-sdk@0d8fd45: monai/deploy/operators/dicom_series_selector_operator.py
(_select_series, _match_numeric_condition).
"""

import json
import re
from collections.abc import Sequence
from decimal import Decimal
from functools import partial
from typing import Any

from dicom_sieve.dicom.dictionary import Attribute
from dicom_sieve.dicom.units import UNIT_OF
from dicom_sieve.dicom.vr.value_type import Operation
from dicom_sieve.importers.documents import read_json, refuse
from dicom_sieve.importers.expressions import Mode, reduce_expression
from dicom_sieve.importers.interface import CannotSayError, Imported
from dicom_sieve.importers.logic import Leaf, Test, all_of, any_of, negate
from dicom_sieve.importers.rules import Rule, number_names
from dicom_sieve.importers.texts import attribute_named, exactly, has_in_it, matches, matches_itself

ACCEPTED = "selection rules of MONAI Deploy: an object whose member 'selections' is a list of objects"
_RELATIONS = {
    ">": Operation.GREATER,
    ">=": Operation.AT_LEAST,
    "<": Operation.LESS,
    "<=": Operation.AT_MOST,
    "!=": Operation.NOT_EQUALS,
}
_STOPS = "MONAI Deploy stops with an error there"


def import_monai(text: str) -> Sequence[Imported]:
    """Import selection rules; see `dicom_sieve.importers.interface.Importer`."""
    rules = read_json(text)
    selections = rules.get("selections") if isinstance(rules, dict) else None
    if not isinstance(selections, list) or not all(isinstance(each, dict) for each in selections):
        raise refuse("has no selections", ACCEPTED)
    names = number_names(
        str(selection.get("name") or "").strip() or f"selection {number}"
        for number, selection in enumerate(selections, 1)
    )
    return [_read(name, selection.get("conditions")) for name, selection in zip(names, selections, strict=True)]


def _read(name: str, conditions: Any) -> Imported:
    rule = Rule()
    if not isinstance(conditions, dict) or not conditions:
        rule.leave_out("conditions", "there are none, and MONAI Deploy then selects nothing")
        return rule.imported(name)
    for keyword, condition in conditions.items():
        if condition:
            rule.add(f"{keyword} {json.dumps(condition)}", partial(_is_met, keyword, condition))
    return rule.imported(name)


def _is_met(keyword: str, condition: Any) -> Test:
    if keyword == "ImageOrientationPatient":
        raise CannotSayError("it asks for the plane of the image: a measure, which criteria do not have yet")
    attribute = attribute_named(keyword)
    if not attribute.is_single_valued:
        return _list_is(attribute, condition)
    if attribute.vr.is_number:
        return _number_is(attribute, condition)
    if not isinstance(condition, str):
        raise CannotSayError(f"{attribute} is a text, and it is compared with none: {_STOPS}")
    return _text_is(attribute, condition)


def _text_is(attribute: Attribute, condition: str) -> Test:
    """Test a text: the same in any case, or an expression found anywhere in it; an absent one never passes."""
    reduced = reduce_expression(condition, Mode.SEARCH, is_exact=False)
    found = matches(attribute, reduced, of_absent=False)
    if matches_itself(reduced, condition):
        return found
    return any_of([matches(attribute, exactly(condition, is_exact=False), of_absent=False), found])


def _list_is(attribute: Attribute, condition: Any) -> Test:
    """Test several values: each text must be in one of them, and those behind '!' in none."""
    terms = condition if isinstance(condition, list) else [condition]
    if attribute.vr.is_number:
        raise CannotSayError(f"{attribute} may have several values, and it asks for digits anywhere in them")
    if not all(isinstance(term, str | int | float) for term in terms):
        raise CannotSayError(f"it is no list of texts: {_STOPS}")
    return all_of(_term_is(attribute, str(term)) for term in terms)


def _term_is(attribute: Attribute, term: str) -> Test:
    text = term.removeprefix("!")
    if set(text) & set("[]'\","):
        raise CannotSayError(f"{attribute} may have several values, and it asks for what stands between them")
    test = matches(attribute, has_in_it([text], is_exact=False), of_absent=term.startswith("!"))
    return negate(test) if term.startswith("!") else test


def _number_is(attribute: Attribute, condition: Any) -> Test:
    """Test a number; MONAI Deploy takes zero for absent, and an absent one never passes."""
    match condition:
        case [bound, str(relation)] if relation in _RELATIONS:
            operation, number = _RELATIONS[relation], _number(bound)
            test: Test = Leaf(attribute, operation, (_with_unit(number, attribute),))
            return _unless_zero(attribute, test, is_met=_compare(operation, number))
        case [int() | float(), int() | float()]:
            low, high = map(_number, condition)
            ends = (_with_unit(low, attribute), _with_unit(high, attribute))
            test = Leaf(attribute, Operation.BETWEEN, ends) if low <= high else False
            return _unless_zero(attribute, test, is_met=low <= 0 <= high)
        case str():
            return _unless_zero(attribute, _expression_is(attribute, condition), is_met=True)
        case int() | float():
            return Leaf(attribute, Operation.EQUALS, (_with_unit(_number(condition), attribute),))
        case _:
            raise CannotSayError(_STOPS)


_ZEROS = re.compile(r"\((?:\?:)?\\\.0[+*]\)\?")
"""Zeros behind the point, which may be there: a number is the same without."""


def _expression_is(attribute: Attribute, condition: str) -> Test:
    return matches(attribute, reduce_expression(_ZEROS.sub("", condition), Mode.FULL), of_absent=False)


def _compare(operation: Operation, number: Decimal) -> bool:
    """Tell whether zero passes."""
    compared = {
        Operation.GREATER: number < 0,
        Operation.AT_LEAST: number <= 0,
        Operation.LESS: number > 0,
        Operation.AT_MOST: number >= 0,
    }
    return compared.get(operation, number != 0)


def _unless_zero(attribute: Attribute, test: Test, *, is_met: bool) -> Test:
    zero = Leaf(attribute, Operation.NOT_EQUALS, (_with_unit(Decimal(0), attribute),))
    if not is_met or (isinstance(test, Leaf) and test.operation is Operation.EQUALS):
        return test
    return all_of([test, zero])


def _number(given: Any) -> Decimal:
    try:
        number = Decimal(str(float(given)))
    except (TypeError, ValueError, OverflowError):
        raise CannotSayError(f"it compares with what is no number: {_STOPS}") from None
    if not number.is_finite():
        raise CannotSayError("it compares with what is no finite number")
    return number


def _with_unit(number: Decimal, attribute: Attribute) -> str:
    unit = UNIT_OF.get(attribute.keyword)
    written = f"{number.normalize():f}"
    return f"{written} {unit.name}" if unit else written
