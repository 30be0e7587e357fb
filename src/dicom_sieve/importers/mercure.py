"""Rules of mercure: Python expressions over the tags of a series. They are parsed, and never evaluated.

A file is mercure's configuration, one rule of it (JSON), or an expression alone. A tag without a value is an empty
text there. Where an expression fails, as ``float`` of such a tag does, the rule takes nothing: so each part of an
expression has a test for being true, and one for being false.

Source: mercure-imaging/mercure@3b27722: app/common/rule_evaluation.py, app/common/tags_rule_interface.py,
app/routing/route_series.py (get_triggered_rules), getdcmtags/main.cpp (readTag, writeTagsList).
"""

import ast
import re
import warnings
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from dicom_sieve.importers.documents import check_length, read_json, refuse
from dicom_sieve.importers.interface import CannotSayError, Imported
from dicom_sieve.importers.mercure_truth import LONGEST_EXPRESSION, Truth, both, compare, either, is_true, opposite
from dicom_sieve.importers.rules import Rule, number_names, shorten

ACCEPTED = "mercure's configuration, a rule of it, or an expression as 'CINE' in tags.SeriesDescription"
_TAG = re.compile(r"@([A-Za-z0-9_]{1,64})@")


def import_mercure(text: str) -> Sequence[Imported]:
    """Import rules; see `dicom_sieve.importers.interface.Importer`."""
    check_length(text)
    if not text.lstrip().startswith("{"):
        return [_read("rule", {"rule": text})]
    config = read_json(text)
    rules = {"rule": config} if isinstance(config.get("rule"), str) else config.get("rules")
    if not isinstance(rules, dict) or not rules or not all(isinstance(rule, dict) for rule in rules.values()):
        raise refuse("has no rules", ACCEPTED)
    enabled = [(name, rule) for name, rule in rules.items() if rule.get("disabled") is not True]
    names = number_names(name for name, _ in enabled)
    return [_read(name, rule) for name, (_, rule) in zip(names, enabled, strict=True)]


def _read(name: str, given: Mapping[str, Any]) -> Imported:
    rule = Rule()
    expression = given.get("rule", "False")
    if not isinstance(expression, str):
        raise refuse(f"rule {name}: is no text", ACCEPTED)
    parsed = _parse(expression, name)
    parts = parsed.values if isinstance(parsed, ast.BoolOp) and isinstance(parsed.op, ast.And) else [parsed]
    for part in parts:
        rule.add(ast.unparse(part), partial(_is_true, part))
    if given.get("action_trigger") == "study" and (series := given.get("study_trigger_series")):
        rule.leave_out(f"study_trigger_series {series}", "it asks for other series of the study: a measure")
    return rule.imported(name, discards=given.get("action") == "discard")


def _parse(expression: str, name: str) -> ast.expr:
    if len(expression) > LONGEST_EXPRESSION:
        observed = f"rule {name}: an expression of {len(expression):,} characters"
        raise refuse(observed, f"{LONGEST_EXPRESSION:,} at most")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escapes in texts
            parsed = ast.parse(f"({_TAG.sub(_as_member, expression.strip())}\n)", mode="eval").body
    except SyntaxError as error:
        observed = f"rule {name}: line {error.lineno}: is no expression: {error.msg}"
        raise refuse(observed, ACCEPTED) from None
    except (ValueError, RecursionError, MemoryError):
        raise refuse(f"rule {name}: is no expression that can be read", ACCEPTED) from None
    if _levels(parsed) > _MOST_NODES_DEEP:
        raise refuse(f"rule {name}: nested deeper than {_MOST_NODES_DEEP} levels", ACCEPTED)
    return parsed


_MOST_NODES_DEEP = 100


def _levels(node: ast.AST) -> int:
    """Count how deep nodes lie in each other, without recursion."""
    levels, nodes = 0, [node]
    while nodes:
        levels += 1
        nodes = [child for parent in nodes for child in ast.iter_child_nodes(parent)]
    return levels


def _as_member(found: re.Match[str]) -> str:
    return f'tags["{found[1]}"]'


def _is_true(node: ast.expr) -> Any:
    return _truth_of(node, 1).true


def _truth_of(node: ast.expr, level: int) -> Truth:
    """Give the tests of an expression."""
    if level > _MOST_LEVELS:
        raise CannotSayError(f"it is nested deeper than {_MOST_LEVELS} levels")
    match node:
        case ast.BoolOp(op=operator, values=values):
            together = both if isinstance(operator, ast.And) else either
            return together([_truth_of(value, level + 1) for value in values])
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return opposite(_truth_of(operand, level + 1))
        case ast.Compare(left=left, ops=operators, comparators=comparators):
            sides = [left, *comparators]
            return both([compare(sides[place], operator, sides[place + 1]) for place, operator in enumerate(operators)])
        case ast.BinOp(op=ast.BitAnd() | ast.BitOr() as operator, left=left, right=right):
            return _bitwise(operator, [_truth_of(side, level + 1) for side in (left, right)], node)
        case _:
            return is_true(node)


def _bitwise(operator: ast.operator, sides: Sequence[Truth], node: ast.expr) -> Truth:
    """Give the tests of ``&`` and ``|``, which work both sides out."""
    if any(side.may_fail for side in sides):
        raise CannotSayError(f"it works both sides out, and one may fail: {shorten(ast.unparse(node))}")
    return (both if isinstance(operator, ast.BitAnd) else either)(sides)


_MOST_LEVELS = 24
