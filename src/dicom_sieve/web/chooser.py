"""What lies there of an attribute, to be chosen from: values with counts, or bars with bounds."""

from collections.abc import Sequence
from dataclasses import dataclass

from dicom_sieve.criteria import CompiledCriterion, CompiledMeasure, Finding, Leaf, Operation, find
from dicom_sieve.criteria.criterion import EITHER_OPERATIONS, LIST_OPERATIONS
from dicom_sieve.dicom.identifying import is_identifying
from dicom_sieve.dicom.marks import IDENTITY, MARKS
from dicom_sieve.dicom.vr.age import AS
from dicom_sieve.dicom.vr.date import DA
from dicom_sieve.dicom.vr.value_type import PRESENCE, ValueType
from dicom_sieve.ledger.reading.values import AttributeValues
from dicom_sieve.reports.count_at_once import CountsAtOnce
from dicom_sieve.reports.distribution import Distribution, distribution_of
from dicom_sieve.web.address import Given
from dicom_sieve.web.given import operation_of, operations_of, vr_of
from dicom_sieve.web.references import as_typed, unit_name
from dicom_sieve.web.texts import gettext

MOST_SHOWN = 50
"""Values; the others are found by searching."""
MOST_BINNED = 100_000
"""Different values that are read for bars."""


@dataclass(frozen=True, slots=True)
class Row:
    """One value.

    Attributes:
        value: As the objects hold it.
        instances: That have it.
        series: That have it in any instance.
        is_chosen: Whether it is among the references.
        is_met: Whether an instance with it alone would pass; None: that is not known yet.
    """

    value: str
    instances: int
    series: int
    is_chosen: bool
    is_met: bool | None


@dataclass(frozen=True, slots=True)
class Chooser:
    """What an open card offers.

    Attributes:
        kind: Of fields: ``date``, ``age``, ``number``, ``list`` or ``text``.
        operations: By name, with their words.
        operation: The one that is chosen.
        references: That are chosen.
        takes: How many references the operation takes: 0, 1, 2, or 3 for any number.
        unit: Of numbers; may be empty.
        typed: The references as they stand in a field.
        rows: Values to choose from, the most frequent first.
        more: How many further values there are.
        grouped: Instances with values that are too rare to be told apart.
        bars: Of what has an order; None: it has none.
        absent: Instances without a value.
        lets_pass: Whether these pass.
        note: Why there are no values, or what they are of; may be empty.
    """

    kind: str
    operations: dict[str, str]
    operation: str
    references: tuple[str, ...]
    takes: int
    unit: str
    typed: tuple[str, ...]
    rows: tuple[Row, ...]
    more: int
    grouped: int
    bars: Distribution | None
    absent: int
    lets_pass: bool
    note: str = ""

    @property
    def longest(self) -> int:
        """Instances of the most frequent bar, or value."""
        bars = () if self.bars is None else self.bars.bars
        return max([1, *(bar.instances for bar in bars), *(row.instances for row in self.rows)])


def chooser_of(
    card: Given, leaf: Leaf, compiled: Leaf | None, counts: CountsAtOnce, *, search: str, min_cell: int
) -> Chooser:
    """Give what an open card offers.

    Args:
        card: The card.
        leaf: Compiled with any reference: what it looks at.
        compiled: As it is; None: it has no value yet.
        counts: Of the place.
        search: Only values that contain this.
        min_cell: Values of fewer instances are not told apart; 1: all are.
    """
    vr = vr_of(card)
    operation = operation_of(card)
    held = counts.values(leaf)
    compared = compiled.compared if isinstance(compiled, CompiledMeasure) else compiled
    is_known_by_digest = isinstance(leaf, CompiledCriterion) and is_identifying(leaf.attribute)
    bars = None if is_known_by_digest or not vr.has_order else _bars(held, compared, card, min_cell)
    references = _references(card)
    rows, more, grouped = ((), 0, 0) if is_known_by_digest else _rows(held, references, compared, search, min_cell)
    note = gettext("Kept as keyed digests: what is compared is typed.") if is_known_by_digest else ""
    unit = unit_name(leaf.measure if isinstance(leaf, CompiledMeasure) else leaf.attribute)
    return Chooser(
        kind=_kind_of(vr),
        operations={each.value: words for each, words in operations_of(card).items()},
        operation=operation.value,
        references=references,
        takes=_takes(operation),
        unit=unit,
        typed=tuple(as_typed(vr, reference, unit) for reference in references),
        rows=rows,
        more=more,
        grouped=grouped,
        bars=bars,
        absent=held.instances - held.present,
        lets_pass=card.get("if_absent") == "MET",
        note=note,
    )


def _kind_of(vr: ValueType) -> str:
    if vr in (DA, AS):
        return "date" if vr == DA else "age"
    return "number" if vr.is_number else "text" if vr.is_text else "list"


def _takes(operation: Operation) -> int:
    if operation in PRESENCE:
        return 0
    if operation is Operation.BETWEEN:
        return 2
    return 3 if operation in LIST_OPERATIONS or operation in EITHER_OPERATIONS else 1


def _references(card: Given) -> tuple[str, ...]:
    given = card.get("reference", "")
    if isinstance(given, list):
        return tuple(map(str, given))
    return (given,) if isinstance(given, str) and given else ()


def _rows(
    held: AttributeValues, references: Sequence[str], compared: CompiledCriterion | None, search: str, min_cell: int
) -> tuple[tuple[Row, ...], int, int]:
    wanted = search.casefold()
    told = [each for each in held.values if not each.value.startswith((*MARKS, IDENTITY))]
    rare = sum(each.instances for each in told if each.instances < min_cell)
    found = [each for each in told if each.instances >= min_cell and wanted in each.value.casefold()]
    chosen = {reference.casefold() for reference in references}
    first = [each for each in found if each.value.casefold() in chosen]
    others = [each for each in found if each.value.casefold() not in chosen]
    shown = [*first, *others][:MOST_SHOWN]
    rows = [
        Row(each.value, each.instances, each.series, each.value.casefold() in chosen, _is_met(compared, each.value))
        for each in sorted(shown, key=lambda each: -each.instances)
    ]
    return tuple(rows), max(0, len(found) - len(rows)), rare


def _is_met(compared: CompiledCriterion | None, value: str) -> bool | None:
    if compared is None or compared.within or compared.minus or compared.table is not None:
        return None
    return find(compared, [value]) is Finding.MET


def _bars(held: AttributeValues, compared: CompiledCriterion | None, card: Given, min_cell: int) -> Distribution:
    vr = vr_of(card)
    counts: dict[tuple[str | int, ...], list[int]] = {}
    for each in held.values[:MOST_BINNED]:
        value = vr.find(each.value)
        if value is None:
            continue
        both = counts.setdefault((vr.bin_of(value),), [0, 0])
        both[0] += each.instances
        both[1] += each.instances * bool(_is_met(compared, each.value))
    return distribution_of(counts, vr, min_cell)
