"""From one criterion as it was asked to one that makes sense: every problem of sense is told."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Context, Decimal
from typing import Any

from dicom_sieve.criteria.compile_table import compile_dates, compile_values
from dicom_sieve.criteria.criterion import (
    EITHER_OPERATIONS,
    LIST_OPERATIONS,
    NO_REFERENCE_OPERATIONS,
    OWN_VALUE,
    TABLE_OPERATIONS,
    Criterion,
)
from dicom_sieve.criteria.finding import Finding
from dicom_sieve.criteria.given_table import TableColumn, TableDate
from dicom_sieve.criteria.measured import Measurand, unit_of
from dicom_sieve.criteria.pattern import MOST_STARS, Pattern
from dicom_sieve.criteria.rule import CompiledCriterion
from dicom_sieve.criteria.tables import CompiledTable
from dicom_sieve.dicom.dictionary import Attribute, UnsupportedTag, find_attribute, format_tag
from dicom_sieve.dicom.identifying import is_identifying
from dicom_sieve.dicom.units import UNITS, WrongUnitError, has_no_unit, read_quantity, written
from dicom_sieve.dicom.vr import AS, DA, VRS, Comparable, Operation, ValueType
from dicom_sieve.dicom.vr.age import Age
from dicom_sieve.dicom.vr.clock import DT, TM
from dicom_sieve.dicom.vr.person import PN
from dicom_sieve.dicom.vr.text import Text
from dicom_sieve.dicom.vr.value_type import PRESENCE
from dicom_sieve.errors import MalformedValueError

_EQUALITIES = (Operation.EQUALS, Operation.IN, Operation.NOT_EQUALS, Operation.NOT_IN)
_PATTERNS = (Operation.MATCHES, Operation.NOT_MATCHES)
_EXACT = Context(prec=1000)
"""More digits than any reference, with any exponent, can need together with a tolerance."""


def find_sequences(tags: Sequence[tuple[str, str]], place: str, problems: list[str]) -> tuple[Attribute, ...]:
    """Look up the sequences around an attribute."""
    sequences = []
    for index, tag in enumerate(tags):
        found = find_attribute(int("".join(tag), 16))
        if isinstance(found, UnsupportedTag):
            problems.append(f"{place}[{index}]: {found.reason}")
        elif found.vr.code != "SQ":
            problems.append(f"{place}[{index}]: {found} is a {found.vr.long_name} ({found.vr}); accepted: a sequence")
        else:
            sequences.append(found)
    return tuple(sequences)


@dataclass(slots=True)
class Compiling:
    """One criterion, while it is compiled.

    Attributes:
        asked: The criterion.
        place: Where it stands.
        problems: Of all criteria; its own are added.
        in_where: Whether it is asked of the members that a measure counts.
        known: What is looked at, where that is no attribute that a tag names.
    """

    asked: Criterion
    place: str
    problems: list[str]
    in_where: bool = False
    known: Attribute | None = None
    _minus: Attribute | None = field(init=False, default=None)
    _minus_table: CompiledTable | None = field(init=False, default=None)

    def compile(self) -> CompiledCriterion | None:
        """Give the criterion; None where there are problems, which are told."""
        before = len(self.problems)
        attribute = self._attribute()
        if attribute is None:
            return None
        within = find_sequences(self.asked.within or (), f"{self.place}.within", self.problems)
        self._minus = self._read_minus(attribute)
        self._check_operation(attribute)
        self._check_members(attribute)
        table = self._table(attribute)
        references = self._references(attribute) if table is None else []
        bounds, tolerance = self._tolerance(attribute, tuple(reference for _, reference in references))
        if len(self.problems) > before:
            return None
        asked = self.asked
        value = {"ANY": None, "ALL": 0}.get(asked.value) if isinstance(asked.value, str) else asked.value
        return CompiledCriterion(
            attribute,
            asked.operation,
            tuple(reference for _, reference in references),
            tuple(words for words, _ in references),
            value=value,
            if_absent=None if asked.if_absent is None else Finding(asked.if_absent),
            bounds=bounds,
            tolerance=tolerance,
            is_exact=asked.case is not None,
            within=within,
            creator=(asked.private_creator or "").strip(),
            minus=self._minus,
            minus_own=asked.minus == OWN_VALUE,
            is_identifying=not asked.private_creator and is_identifying(attribute) and bool(references or table),
            is_without_unit=unit_of(attribute) is not None and any(map(has_no_unit, self._given())),
            table=table,
            minus_table=self._minus_table,
        )

    def _say(self, problem: str, member: str = "") -> None:
        self.problems.append(f"{self.place}{'.' if member else ''}{member}: {problem}")

    def _attribute(self) -> Attribute | None:
        asked = self.asked
        if self.known is not None:
            return self.known
        is_private = bool(asked.tag >> 16 & 1)
        if asked.private_creator is not None or asked.vr is not None:
            return self._private(is_private)
        found = find_attribute(asked.tag)
        if isinstance(found, UnsupportedTag):
            more = "; accepted: with private_creator and vr" if is_private else ""
            self._say(f"{found.reason}{more}", "dicom_tag")
            return None
        return found

    def _private(self, is_private: bool) -> Attribute | None:
        asked = self.asked
        if not is_private:
            name = "private_creator" if asked.private_creator is not None else "vr"
            self._say(f"with {format_tag(asked.tag)}, which is not private; accepted: an odd group", name)
        elif asked.private_creator is None or not asked.private_creator.strip():
            self._say("missing; accepted: the creator of the private attribute, with vr", "private_creator")
        elif asked.vr is None:
            self._say("missing; accepted: the VR of the private attribute, with private_creator", "vr")
        elif asked.vr not in VRS:
            self._say(f"{asked.vr} is not known; accepted: {', '.join(sorted(VRS))}", "vr")
        elif (asked.tag & 0xFFFF) > 0xFF:
            element = f"{asked.tag & 0xFFFF:04X}"
            self._say(f"element {element}; accepted: the low byte alone, as 00{element[2:]}", "dicom_tag")
        else:
            return Attribute(asked.tag, "", VRS[asked.vr])
        return None

    def _read_minus(self, attribute: Attribute) -> Attribute | None:
        if self.asked.minus is None:
            return None
        if self.asked.minus == OWN_VALUE:
            if not self.in_where or self.asked.within:
                self._say("OWN; accepted: in 'where' of a measure, and not within sequences", "minus")
            return self._check_kind(attribute, attribute)
        if isinstance(self.asked.minus, TableDate):
            if self.asked.within or self.asked.private_creator:
                self._say("a table; accepted: with an attribute outside sequences, and not private", "minus")
            self._minus_table = compile_dates(self.asked.minus, attribute, self._say)
            return None if self._minus_table is None else self._minus_table.attribute
        other = find_attribute(int("".join(self.asked.minus), 16))
        if isinstance(other, UnsupportedTag):
            self._say(other.reason, "minus")
            return None
        return self._check_kind(attribute, other)

    def _check_kind(self, attribute: Attribute, other: Attribute) -> Attribute | None:
        """Give what is subtracted, where the difference is known."""
        of_one_kind = other.vr == attribute.vr or (other.vr.is_number and attribute.vr.is_number)
        if not (of_one_kind and (attribute.vr.is_number or attribute.vr in (DA, TM, DT))):
            what = f"{attribute} is a {attribute.vr.long_name} ({attribute.vr}), {other} a {other.vr.long_name}"
            self._say(f"{what} ({other.vr}); accepted: two dates, two times or two numbers", "minus")
            return None
        return other

    def _check_operation(self, attribute: Attribute) -> None:
        vr, operation = attribute.vr, self.asked.operation
        accepted = dict(PN.relations) if is_identifying(attribute) else dict(vr.relations)
        if self._minus is not None:
            accepted = dict(DA.relations)
        accepted.update(PRESENCE)
        if operation not in accepted:
            kind = "" if isinstance(attribute, Measurand) else f" is a {vr.long_name} ({vr})"
            self._say(
                f"{attribute}{kind}: operation {operation} is not defined for it; accepted: {', '.join(accepted)}"
            )

    def _check_members(self, attribute: Attribute) -> None:
        asked, operation = self.asked, self.asked.operation
        if asked.tolerance is not None and not (attribute.vr.is_number and operation in _EQUALITIES):
            self._say("accepted: with a number, and EQUALS, IN, NOT_EQUALS or NOT_IN", "tolerance")
        if asked.case is not None and (not attribute.vr.is_text or is_identifying(attribute)):
            self._say("accepted: with a text; codes and UIDs have one case, and what identifies none", "case")
        if operation in NO_REFERENCE_OPERATIONS and asked.if_absent is not None:
            self._say(f"with operation {operation}, which says what is found then; accepted: without it", "if_absent")
        if asked.value == "ALL" and operation.startswith("NOT_"):
            self._say(
                f"ALL with operation {operation}, which asks every value already; accepted: ANY, or a number", "value"
            )
        if self._minus is not None and asked.value != "ANY":
            self._say("with minus; accepted: without it", "value")

    def _references(self, attribute: Attribute) -> list[tuple[str, Comparable]]:
        """Read the references: how each is spoken of, and what is compared; each once, but for two ends."""
        references: list[tuple[str, Comparable]] = []
        texts = None if isinstance(self.asked.reference, TableColumn) else self._texts(self.asked.reference)
        if texts is None:
            return references
        is_list = isinstance(self.asked.reference, list)
        for index, text in enumerate(texts):
            place = f"reference[{index}]" if is_list else "reference"
            try:
                references.append(self._read_reference(attribute, text))
            except WrongUnitError as error:
                self._say(f"{text!r} {error.observed}; accepted: {error.accepted}", place)
            except MalformedValueError:
                self._say(f"{text!r} {self._reader(attribute).accepted}", place)
        if self.asked.operation is not Operation.BETWEEN:
            return list(dict(references).items())
        ends: list[Any] = [reference for _, reference in references]
        if len(ends) == 2 and self._reader(attribute).compare(ends[1], ends[0]) < 0:
            self._say("the second is less than the first; accepted: the lower end, then the upper one", "reference")
        return references

    def _table(self, attribute: Attribute) -> CompiledTable | None:
        """Give the column that is compared with, where a table is given; None where none is, or with problems."""
        given, operation = self.asked.reference, self.asked.operation
        if not isinstance(given, TableColumn):
            return None
        if operation not in TABLE_OPERATIONS:
            accepted = "none" if operation in NO_REFERENCE_OPERATIONS else "a text, or with IN and NOT_IN a table"
            self._say(f"a table with operation {operation}; accepted: {accepted}", "reference")
        elif self.known is not None or self.asked.minus is not None or self.asked.tolerance is not None:
            self._say("a table with minus, tolerance or a measure; accepted: without these", "reference")
        else:
            return compile_values(given, attribute, self._say, is_exact=self.asked.case is not None)
        return None

    def _given(self) -> list[str]:
        reference = self.asked.reference
        if isinstance(reference, TableColumn):
            return []
        return [reference] if isinstance(reference, str) and reference else list(reference)

    def _texts(self, reference: str | list[str]) -> list[str] | None:
        """Give the references as a list; None where there are none."""
        operation = self.asked.operation
        if operation in NO_REFERENCE_OPERATIONS:
            if "reference" in self.asked.model_fields_set:
                self._say(f"with operation {operation}; accepted: none", "reference")
            return None
        if "reference" not in self.asked.model_fields_set:
            self._say("missing; accepted: a value", "reference")
            return None
        is_list = isinstance(reference, list)
        if operation not in EITHER_OPERATIONS and is_list != (operation in LIST_OPERATIONS):
            observed, accepted = ("a list", "one text") if is_list else ("one text", "a list")
            self._say(f"{observed} with operation {operation}; accepted: {accepted}", "reference")
            return None
        texts = [reference] if isinstance(reference, str) else list(reference)
        if operation is Operation.BETWEEN and len(texts) != 2:
            self._say(f"{len(texts)} with operation BETWEEN; accepted: a list of two, the lower end first", "reference")
            return None
        return texts

    def _reader(self, attribute: Attribute) -> ValueType:
        """Give what references are read by: of a difference of dates that is an age."""
        if self._minus is None or attribute.vr.is_number:
            return attribute.vr
        return AS if attribute.vr == DA else VRS["FD"]

    def _read_reference(self, attribute: Attribute, text: str) -> tuple[str, Comparable]:
        """Read one reference: how it is spoken of, and what is compared."""
        vr = self._reader(attribute)
        if vr.is_number:
            unit = unit_of(attribute) if attribute.vr.is_number else UNITS["s"]
            number = read_quantity(text, unit)
            return written(number, unit), number
        if self.asked.operation in _PATTERNS:
            return _read_pattern(vr, text, is_exact=self.asked.case is not None)
        if self.asked.case is not None and isinstance(vr, Text):
            vr.parse_reference(text)
            return vr.words(text), vr.parse_exact(text)
        if self._minus is not None and vr == AS and (behind := text.strip()).startswith("-"):
            return _read_earlier(behind)
        return vr.words(text), vr.parse_reference(text)

    def _tolerance(
        self, attribute: Attribute, references: tuple[Any, ...]
    ) -> tuple[tuple[tuple[Comparable, Comparable], ...], str]:
        text = self.asked.tolerance
        if text is None or not attribute.vr.is_number:
            return (), ""
        unit = unit_of(attribute)
        is_share = text.rstrip().endswith("%")
        try:
            size = read_quantity(text.rstrip().removesuffix("%"), None) if is_share else read_quantity(text, unit)
        except (MalformedValueError, WrongUnitError):
            size = Decimal(-1)
        if size < 0:
            self._say(
                f"{text!r} is no tolerance; accepted: a number that is not negative, as 0.01, or as 5 %", "tolerance"
            )
            return (), ""
        widths = [_EXACT.multiply(abs(each), size).scaleb(-2, _EXACT) if is_share else size for each in references]
        bounds = tuple(
            (_EXACT.subtract(each, width), _EXACT.add(each, width))
            for each, width in zip(references, widths, strict=True)
        )
        return bounds, f"{written(size, None)} %" if is_share else written(size, unit)


def _read_earlier(text: str) -> tuple[str, Age]:
    """Read a difference of dates below zero: how long one is before the other, as ``-007D``.

    Raises:
        MalformedValueError: It is none.
    """
    return f"-{AS.words(text[1:])}", Age(-AS.parse_reference(text[1:]).seconds)


def _read_pattern(vr: ValueType, text: str, *, is_exact: bool) -> tuple[str, Pattern]:
    """Read a pattern, folded as values are.

    Raises:
        MalformedValueError: It is empty, several, not printable, or has too many stars.
    """
    words = vr.words(text)
    if not words or "\\" in words or not words.isprintable() or words.count("*") > MOST_STARS:
        raise MalformedValueError(vr.code)
    if isinstance(vr, Text):
        return words, Pattern(vr.parse_exact(words) if is_exact else vr.parse(words))
    if vr.code == "UI" and set(words) - set("0123456789.*?"):
        raise MalformedValueError(vr.code)
    return words, Pattern(words)
