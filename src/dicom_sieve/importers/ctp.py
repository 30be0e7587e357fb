"""Scripts of CTP (RSNA's Clinical Trial Processor): of its DicomFilter, DicomPixelAnonymizer and DicomAnonymizer.

A DicomFilter script is one expression: an object passes where it is true. A DicomPixelAnonymizer script has an
expression in braces for each kind of object, with the regions that it blackens; each is a rule.

Source: johnperry/CTP@361e90f: source/java/org/rsna/ctp/objects/DicomObject.java (matches, Operand, getElementValue),
source/java/org/rsna/ctp/stdstages/anonymizer/dicom/PixelScript.java (getSignatures).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from dicom_sieve.dicom.dictionary import Attribute
from dicom_sieve.dicom.units import UNIT_OF
from dicom_sieve.dicom.vr.number import parse_number
from dicom_sieve.dicom.vr.value_type import Operation
from dicom_sieve.errors import InvalidRequestError, MalformedValueError
from dicom_sieve.importers.ctp_anonymizer import import_anonymizer
from dicom_sieve.importers.ctp_elements import Element, find_element
from dicom_sieve.importers.documents import check_length, refuse
from dicom_sieve.importers.expressions import Mode, Reduced, reduce_expression
from dicom_sieve.importers.globs import beginning, ending
from dicom_sieve.importers.interface import CannotSayError, Imported
from dicom_sieve.importers.logic import Leaf, Test, all_of, any_of, negate
from dicom_sieve.importers.rules import Rule, number_names, shorten
from dicom_sieve.importers.texts import exactly, has_in_it, joined, read_date

ACCEPTED = 'a script of CTP, as [Modality].equals("CT") * ![SeriesDescription].contains("SCOUT")'
MOST_LEVELS, MOST_OPERANDS = 32, 5_000
_SIGNATURE = re.compile(r"\{([^}]*)\}")


def import_ctp(text: str) -> Sequence[Imported]:
    """Import a script; see `dicom_sieve.importers.interface.Importer`."""
    check_length(text)
    if text.lstrip().startswith(("<script", "<?xml")):
        return [import_anonymizer(text)]
    signatures = list(_SIGNATURE.finditer(text))
    if not signatures:
        return [_read("filter", text, 1)]
    before = [0, *(signature.end() for signature in signatures)]
    names = number_names(
        _heading(text[start : signature.start()]) or f"signature {number}"
        for number, (start, signature) in enumerate(zip(before, signatures, strict=False), 1)
    )
    return [
        _read(name, signature[1], text.count("\n", 0, signature.start()) + 1)
        for name, signature in zip(names, signatures, strict=True)
    ]


def _heading(text: str) -> str:
    """Give the last line of what people wrote above a signature, without the regions of the one before."""
    lines = [line.strip(" *\t\r") for line in text.splitlines()]
    return next((line for line in reversed(lines) if line and not line.startswith("(")), "")


def _read(name: str, script: str, line: int) -> Imported:
    rule = Rule()
    for part in _Parsing(script, line).parse():
        rule.add(part.text, part.test)
    return rule.imported(name)


@dataclass(frozen=True, slots=True)
class _Operand:
    """A test on one element."""

    text: str
    element: str
    method: str
    argument: str | None

    def test(self) -> Test:
        if self.element in ("true", "false"):
            return self.element == "true"
        if self.argument is None:
            return False  # CTP finds nothing without quotes
        return _METHODS.get(self.method, _unknown)(find_element(self.element), self.argument)


@dataclass(frozen=True, slots=True)
class _Several:
    """Tests together: ``*`` is and, ``+`` or, ``!`` not."""

    sign: str
    parts: tuple["_Expression", ...]
    text: str

    def test(self) -> Test:
        tests = [part.test() for part in self.parts]
        return negate(tests[0]) if self.sign == "!" else (all_of if self.sign == "*" else any_of)(tests)


_Expression = _Operand | _Several


@dataclass(slots=True)
class _Parsing:
    """A script, while it is parsed: ``!`` binds most, then ``*``, then ``+``."""

    text: str
    line: int
    place: int = 0
    operands: int = field(default=0)

    def parse(self) -> tuple[_Expression, ...]:
        """Parse the whole script, and give the parts that all must be true."""
        parsed = self._sum(1)
        self._skip()
        if self.place < len(self.text):
            raise self._error("an operator, as * or +")
        return parsed.parts if isinstance(parsed, _Several) and parsed.sign == "*" else (parsed,)

    def _error(self, accepted: str) -> InvalidRequestError:
        line = self.line + self.text.count("\n", 0, self.place)
        rest = shorten(self.text[self.place : self.place + 40])
        observed = repr(rest) if rest else "the end of the script"
        return refuse(f"line {line}: {observed}", accepted)

    def _skip(self) -> None:
        """Skip white space and comments."""
        found = re.compile(r"(?:\s|//[^\n]*)*").match(self.text, self.place)
        self.place = found.end() if found else self.place

    def _takes(self, character: str) -> bool:
        self._skip()
        if not self.text.startswith(character, self.place):
            return False
        self.place += 1
        return True

    def _sum(self, level: int) -> _Expression:
        return self._several("+", level)

    def _several(self, sign: str, level: int) -> _Expression:
        if level > MOST_LEVELS:
            raise self._error(f"brackets in {MOST_LEVELS} levels at most")
        self._skip()
        start = self.place
        parts = [self._part(sign, level)]
        while self._takes(sign):
            parts.append(self._part(sign, level))
        return parts[0] if len(parts) == 1 else _Several(sign, tuple(parts), self.text[start : self.place].strip())

    def _part(self, sign: str, level: int) -> _Expression:
        return self._several("*", level) if sign == "+" else self._factor(level)

    def _factor(self, level: int) -> _Expression:
        self._skip()
        start = self.place
        if self._takes("!"):
            self._skip()
            if self.text.startswith("!", self.place):
                raise self._error("one ! before an element or a bracket")
            inner = self._factor(level)
            return _Several("!", (inner,), self.text[start : self.place])
        if self._takes("("):
            inner = self._sum(level + 1)
            if not self._takes(")"):
                raise self._error("a closing bracket")
            return inner
        return self._operand()

    def _operand(self) -> _Operand:
        self._skip()
        start = self.place
        self.operands += 1
        if self.operands > MOST_OPERANDS:
            raise self._error(f"{MOST_OPERANDS:,} elements at most")
        if not re.match(r"[\[A-Za-z]", self.text[start : start + 1]):
            raise self._error(ACCEPTED)
        element = self._until(".")
        if element in ("true", "false"):
            return _Operand(f"{element}.", element, "", None)
        method, argument = self._until("("), self._until(")")
        is_quoted = len(argument) > 1 and argument.startswith('"') and argument.endswith('"')
        return _Operand(self.text[start : self.place], element, method, argument[1:-1] if is_quoted else None)

    def _until(self, delimiter: str) -> str:
        """Read up to a delimiter that is not within quotes."""
        start, is_quoted = self.place, False
        while self.place < len(self.text):
            character = self.text[self.place]
            self.place += 1
            is_quoted ^= character == '"'
            if character == delimiter and not is_quoted:
                return self.text[start : self.place - 1].strip()
        raise self._error(ACCEPTED)


def _unknown(element: Element, argument: str) -> Test:
    del element, argument
    raise CannotSayError("CTP does not know such a test")


def _text_is(element: Element, reduced: Reduced) -> Test:
    return joined(element.attribute, reduced, **element.more)


def _is_less(element: Element, argument: str) -> Test:
    """Compare the digits and dots of a value: CTP passes signs, exponents and letters over."""
    if (date := _date(element, argument)) is not None:
        return Leaf(element.attribute, Operation.LESS, (date,), more=element.more)
    bound = _number(element, argument)
    less = _leaf(element, Operation.LESS, bound)
    return less if _has_no_sign(element.attribute) else all_of([less, _leaf(element, Operation.GREATER, -bound)])


def _is_greater(element: Element, argument: str) -> Test:
    """Compare the digits and dots of a value; see `_is_less`."""
    if (date := _date(element, argument)) is not None:
        return Leaf(element.attribute, Operation.GREATER, (date,), more=element.more)
    bound = _number(element, argument)
    more = _leaf(element, Operation.GREATER, bound)
    return more if _has_no_sign(element.attribute) else any_of([more, _leaf(element, Operation.LESS, -bound)])


def _has_no_sign(attribute: Attribute) -> bool:
    return attribute.vr.code in ("US", "UL", "UV")


def _leaf(element: Element, operation: Operation, number: Decimal) -> Leaf:
    unit = UNIT_OF.get(element.attribute.keyword)
    written = f"{number:f}"
    return Leaf(element.attribute, operation, (f"{written} {unit.name}" if unit else written,), more=element.more)


def _date(element: Element, argument: str) -> str | None:
    return read_date(re.sub("[^0-9]", "", argument)) if element.attribute.vr.code == "DA" else None


def _number(element: Element, argument: str) -> Decimal:
    attribute = element.attribute
    if not (attribute.vr.is_number and attribute.is_single_valued):
        what = "several values" if attribute.vr.is_number else f"a {attribute.vr.long_name}"
        raise CannotSayError(f"CTP compares the digits of {attribute}, which may have {what}: GREATER or LESS say more")
    try:
        return parse_number(re.sub("[^0-9.]", "", argument))
    except MalformedValueError:
        raise CannotSayError("it compares with what is no number: CTP then never finds it true") from None


_METHODS = {
    "equals": lambda element, text: _text_is(element, exactly(text)),
    "equalsIgnoreCase": lambda element, text: _text_is(element, exactly(text, is_exact=False)),
    "contains": lambda element, text: _text_is(element, has_in_it([text])),
    "containsIgnoreCase": lambda element, text: _text_is(element, has_in_it([text], is_exact=False)),
    "startsWith": lambda element, text: _text_is(element, Reduced((beginning(text),), is_exact=True)),
    "startsWithIgnoreCase": lambda element, text: _text_is(element, Reduced((beginning(text),), is_exact=False)),
    "endsWith": lambda element, text: _text_is(element, Reduced((ending(text),), is_exact=True)),
    "endsWithIgnoreCase": lambda element, text: _text_is(element, Reduced((ending(text),), is_exact=False)),
    "matches": lambda element, text: _text_is(element, reduce_expression(text, Mode.FULL)),
    "isLessThan": _is_less,
    "isGreaterThan": _is_greater,
}
"""The tests of CTP, by name."""
