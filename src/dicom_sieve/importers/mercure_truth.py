"""What expressions of mercure ask of one tag: when they are true, and when false; elsewhere they fail."""

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache

from pydicom._dicom_dict import DicomDictionary

from dicom_sieve.dicom.dictionary import Attribute
from dicom_sieve.dicom.units import UNIT_OF
from dicom_sieve.dicom.vr.value_type import Operation
from dicom_sieve.importers.expressions import Reduced
from dicom_sieve.importers.globs import Glob, beginning, ending
from dicom_sieve.importers.interface import CannotSayError
from dicom_sieve.importers.logic import Leaf, Test, all_of, any_of, negate
from dicom_sieve.importers.rules import shorten
from dicom_sieve.importers.texts import absent, attribute_named, exactly, has_in_it, joined, present, read_date

LONGEST_EXPRESSION = 10_000
_OF_TRANSFER = {"SenderAET", "ReceiverAET", "SenderAddress", "Filename", "mercureForceRule"}


@dataclass(frozen=True, slots=True)
class Truth:
    """When an expression is true, and when it is false.

    Attributes:
        true: Where it is true.
        false: Where it is false; where it is neither it fails.
        may_fail: Whether it can be neither.
    """

    true: Test
    false: Test
    may_fail: bool = False

    @classmethod
    def of(cls, test: Test) -> "Truth":
        """Give the truth of what never fails."""
        return cls(test, negate(test))


def both(parts: Sequence[Truth]) -> Truth:
    """Give the truth of ``and``: what stands behind a false part is not worked out."""
    true = all_of(part.true for part in parts)
    if not any(part.may_fail for part in parts):
        return Truth.of(true)
    false = any_of(
        all_of([*(earlier.true for earlier in parts[:place] if earlier.may_fail), part.false])
        for place, part in enumerate(parts)
    )
    return Truth(true, false, may_fail=True)


def either(parts: Sequence[Truth]) -> Truth:
    """Give the truth of ``or``: what stands behind a true part is not worked out."""
    return opposite(both([opposite(part) for part in parts]))


def opposite(part: Truth) -> Truth:
    """Give the truth of ``not``."""
    return Truth(part.false, part.true, part.may_fail)


@dataclass(frozen=True, slots=True)
class _Text:
    """The text of a tag.

    Attributes:
        attribute: Of the tag.
        fold: What is done to its letters: ``str.lower``, ``str.upper``, or nothing.
    """

    attribute: Attribute
    fold: Callable[[str], str] | None = None

    def reduced(self, globs: Sequence[Glob]) -> Reduced:
        """Give patterns as the letters of the tag are compared; those that no folded text has are dropped."""
        fold = self.fold
        possible = [glob for glob in globs if fold is None or all(fold(text) == text for text in glob.texts)]
        return Reduced(tuple(possible), is_exact=fold is None)

    def test(self, globs: Sequence[Glob]) -> Truth:
        """Give the truth of matching a pattern."""
        return Truth.of(joined(self.attribute, self.reduced(globs)))


@dataclass(frozen=True, slots=True)
class _Number:
    """The number of a tag; without a value it fails."""

    attribute: Attribute


def is_true(node: ast.expr) -> Truth:
    """Give the truth of an expression that compares nothing: a tag, a call, a constant."""
    if isinstance(node, ast.Constant) and isinstance(node.value, bool | int | str):
        return Truth.of(bool(node.value))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _BEGINS_OR_ENDS:
        text = _as_text(node.func.value)
        globs = [_BEGINS_OR_ENDS[node.func.attr](part) for part in _constants(node.args)]
        return text.test(globs)
    value = _value_of(node)
    if isinstance(value, _Number):
        zero = _compare_number(value, Operation.EQUALS, Decimal(0))
        return opposite(zero)
    return Truth(present(value.attribute), absent(value.attribute))


_BEGINS_OR_ENDS: dict[str, Callable[[str], Glob]] = {
    "startswith": beginning,
    "endswith": ending,
}


def _constants(nodes: Sequence[ast.expr]) -> list[str]:
    """Read one text, or a tuple or list of them."""
    if len(nodes) == 1:
        [node] = nodes
        children = node.elts if isinstance(node, ast.Tuple | ast.List | ast.Set) else [node]
        texts = [child.value for child in children if isinstance(child, ast.Constant) and isinstance(child.value, str)]
        if len(texts) == len(children):
            return texts
    raise CannotSayError("it compares with what is no text")


def compare(left: ast.expr, operator: ast.cmpop, right: ast.expr) -> Truth:
    """Give the truth of one comparison."""
    if isinstance(operator, ast.In | ast.NotIn):
        truth = _is_in(left, right)
        return opposite(truth) if isinstance(operator, ast.NotIn) else truth
    relation = _RELATIONS.get(type(operator))
    if relation is None:
        raise CannotSayError(f"it compares by {ast.unparse(ast.Compare(left, [operator], [right]))!r}")
    if isinstance(left, ast.Constant) or _is_negative_number(left):
        left, right, relation = right, left, _TURNED.get(relation, relation)
    value = _value_of(left)
    if isinstance(value, _Number):
        return _compare_number(value, relation, _number_of(right))
    [text] = _constants([right])
    if relation in (Operation.EQUALS, Operation.NOT_EQUALS):
        truth = value.test(exactly(text).globs)
        return opposite(truth) if relation is Operation.NOT_EQUALS else truth
    return Truth.of(_compare_dates(value, relation, text))


_RELATIONS: dict[type[ast.cmpop], Operation] = {
    ast.Eq: Operation.EQUALS,
    ast.NotEq: Operation.NOT_EQUALS,
    ast.Gt: Operation.GREATER,
    ast.GtE: Operation.AT_LEAST,
    ast.Lt: Operation.LESS,
    ast.LtE: Operation.AT_MOST,
}
_TURNED = {
    Operation.GREATER: Operation.LESS,
    Operation.LESS: Operation.GREATER,
    Operation.AT_LEAST: Operation.AT_MOST,
    Operation.AT_MOST: Operation.AT_LEAST,
}
_COMPLEMENT = {
    Operation.EQUALS: Operation.NOT_EQUALS,
    Operation.NOT_EQUALS: Operation.EQUALS,
    Operation.GREATER: Operation.AT_MOST,
    Operation.AT_MOST: Operation.GREATER,
    Operation.LESS: Operation.AT_LEAST,
    Operation.AT_LEAST: Operation.LESS,
}


def _is_in(left: ast.expr, right: ast.expr) -> Truth:
    """Give the truth of ``text in tag``, or of ``tag in [text, …]``."""
    if isinstance(left, ast.Constant):
        return _as_text(right).test(has_in_it(_constants([left])).globs)
    value = _value_of(left)
    if isinstance(value, _Number):
        numbers = right.elts if isinstance(right, ast.Tuple | ast.List | ast.Set) else []
        return either([_compare_number(value, Operation.EQUALS, _number_of(number)) for number in numbers])
    if isinstance(right, ast.Constant):
        raise CannotSayError("it asks whether a tag is in a text")
    return value.test(exactly(*_constants([right])).globs)


def _compare_number(value: _Number, relation: Operation, number: Decimal) -> Truth:
    unit = UNIT_OF.get(value.attribute.keyword)
    reference = f"{number.normalize():f}" + (f" {unit.name}" if unit else "")
    true, false = (Leaf(value.attribute, each, (reference,)) for each in (relation, _COMPLEMENT[relation]))
    return Truth(true, false, may_fail=True)


def _compare_dates(value: _Text, relation: Operation, text: str) -> Test:
    """Compare a date as text, which is its order; an empty text is before every date."""
    if value.attribute.vr.code != "DA":
        raise CannotSayError("it compares a text by the order of letters")
    is_before = relation in (Operation.LESS, Operation.AT_MOST)
    return Leaf(value.attribute, relation, (read_date(text),), is_met_by_absent=is_before)


def _is_negative_number(node: ast.expr) -> bool:
    return isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant)


def _number_of(node: ast.expr) -> Decimal:
    sign = 1
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        sign, node = -1, node.operand
    is_number = isinstance(node, ast.Constant) and isinstance(node.value, int | float)
    if not is_number or not isinstance(node, ast.Constant):
        raise CannotSayError("it compares a number with what is none")
    number = Decimal(str(node.value)) if not isinstance(node.value, bool) else Decimal(int(node.value))
    if not number.is_finite() or abs(number.adjusted()) > _MOST_DIGITS:
        raise CannotSayError("it compares with a number that no object has")
    return sign * number


_MOST_DIGITS = 20


def _as_text(node: ast.expr) -> _Text:
    value = _value_of(node)
    if isinstance(value, _Number):
        raise CannotSayError("it looks for a text in a number")
    return value


def _value_of(node: ast.expr) -> _Text | _Number:
    """Read what is compared: a tag, in other letters or not, or its number."""
    match node:
        case ast.Attribute(value=ast.Name(id="tags"), attr=name):
            return _Text(_tag(name))
        case ast.Subscript(value=ast.Name(id="tags"), slice=ast.Constant(value=str(name))):
            return _Text(_tag(name))
        case ast.Call(func=ast.Attribute(value=inner, attr="lower" | "upper" | "strip" as method), args=[]):
            text = _as_text(inner)
            return text if method == "strip" else _Text(text.attribute, getattr(str, method))
        case ast.Call(func=ast.Name(id="str"), args=[inner]):
            return _as_text(inner)
        case ast.Call(func=ast.Name(id="float" | "int" as kind), args=[inner]):
            return _number(_as_text(inner).attribute, kind)
        case _:
            raise CannotSayError(f"it is not understood: {shorten(ast.unparse(node))}")


def _number(attribute: Attribute, kind: str) -> _Number:
    if not attribute.vr.is_number or not attribute.is_single_valued:
        raise CannotSayError(f"{attribute} is no single number, and {kind} makes one of it")
    if kind == "int" and attribute.vr.code in ("DS", "FL", "FD"):
        raise CannotSayError(f"int fails where {attribute} is no whole number; float does not")
    return _Number(attribute)


def _tag(name: str) -> Attribute:
    if name in _OF_TRANSFER:
        raise CannotSayError(f"{name} belongs to how the object was sent, and no object has it")
    return attribute_named(_keywords().get(name.lower(), name))


@cache
def _keywords() -> dict[str, str]:
    """Give the keywords of the dictionary by how they are written in small letters."""
    return {keyword.lower(): keyword for _, _, _, _, keyword in DicomDictionary.values() if keyword}
