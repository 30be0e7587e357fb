"""All rules of a file as one list of criteria: any of those that take objects, none of those that discard them."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from dicom_sieve.criteria.criterion import MOST_ITEMS, GroupKind
from dicom_sieve.criteria.read_items import LONGEST_NAME
from dicom_sieve.criteria.reading import read_criteria
from dicom_sieve.errors import InvalidRequestError
from dicom_sieve.importers.interface import Imported

MOST_ALTERNATIVES = 32
"""Of one rule."""
MOST_NAMES = 20
"""Of rules, in one sentence."""
ONE_RULE = "accepted: one of them, with --rule NAME"


def find_rule(rules: Sequence[Imported], name: str, *, problem: str, none: str = "none") -> Imported:
    """Give the rule of a name.

    Args:
        rules: Of a file.
        name: Of the rule.
        problem: How a refusal begins.
        none: What is accepted where there are no rules.

    Raises:
        InvalidRequestError: There is no such rule; it says which there are.
    """
    found = next((rule for rule in rules if rule.name == name), None)
    if found is not None:
        return found
    names = [rule.name for rule in rules]
    near = get_close_matches(name, names, 1)
    perhaps = f", perhaps {near[0]!r}" if near else ""
    shown = ", ".join(map(repr, names[:MOST_NAMES])) + (", …" if len(names) > MOST_NAMES else "")
    raise InvalidRequestError((f"{problem}{perhaps}; accepted: {shown or none}",))


def put_together(rules: Sequence[Imported]) -> list[Mapping[str, Any]]:
    """Give criteria that any of several rules meets, and no rule that discards.

    A rule of which nothing can be said is missing in them, and so is one that discards and is not said whole: its
    criteria would discard more than the rule does.

    Args:
        rules: Of a file.

    Raises:
        InvalidRequestError: Nothing is left, or it needs more criteria or deeper groups than there can be.
    """
    taking = [rule for rule in rules if rule.criteria and not rule.discards]
    discarding = [rule for rule in rules if rule.is_whole and rule.discards]
    criteria: list[Mapping[str, Any]] = []
    if len(taking) == 1:
        criteria += taking[0].criteria
    elif taking:
        criteria += _in_groups("any", [group for rule in taking for group in _as_groups(rule)])
    if discarding:
        criteria += _in_groups("none", [group for rule in discarding for group in _as_groups(_decided(rule))])
    if not criteria:
        raise InvalidRequestError(("no rule of the file can be said in criteria",))
    _, problems = read_criteria(criteria)
    if problems:
        raise InvalidRequestError((f"the rules together are no criteria: {problems[0]}; {ONE_RULE}",))
    return criteria


def _as_groups(rule: Imported) -> list[Mapping[str, Any]]:
    """Give a rule as groups of its name, of which any is enough: one, where it is not too deep for that."""
    name = "".join(letter for letter in rule.name if letter.isprintable())[:LONGEST_NAME]
    return [{"all": items, "name": name} for items in _alternatives(rule.criteria)]


def _alternatives(criteria: Sequence[Mapping[str, Any]]) -> list[list[Mapping[str, Any]]]:
    """Write a list with groups in groups as several lists without."""
    written: list[list[Mapping[str, Any]]] = [[]]
    for item in criteria:
        choices = [[item]]
        if _levels(item) > 1 and "any" in item:
            choices = [list(child["all"]) if "all" in child else [child] for child in item["any"]]
        written = [[*before, *choice] for before in written for choice in choices]
        if len(written) > MOST_ALTERNATIVES:
            return [list(criteria)]
    return written


def _levels(item: Mapping[str, Any]) -> int:
    children = [child for kind in GroupKind for child in item.get(kind.value, ())]
    return 1 + max(map(_levels, children)) if children else 0


def _in_groups(kind: str, groups: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Put groups in one; more than a list may have become several within it, or beside it."""
    lists = [list(groups[start : start + MOST_ITEMS]) for start in range(0, len(groups), MOST_ITEMS)]
    if kind == "none" or len(lists) == 1:
        return [{kind: each} for each in lists]
    return [{kind: [{kind: each} for each in lists]}]


def _decided(rule: Imported) -> Imported:
    """Give a rule that discards, with every criterion decided where its attribute is absent."""
    return Imported(rule.name, tuple(map(_with_if_absent, rule.criteria)), rule.left_out, rule.discards)


def _with_if_absent(item: Mapping[str, Any]) -> Mapping[str, Any]:
    for kind in GroupKind:
        if kind.value in item:
            return {**item, kind.value: [_with_if_absent(child) for child in item[kind.value]]}
    return {**item, "if_absent": item.get("if_absent", "NOT_MET")} if "reference" in item else item
