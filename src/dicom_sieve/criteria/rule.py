"""A compiled criterion: one that is known to make sense."""

from dataclasses import dataclass
from decimal import Decimal

from dicom_sieve.criteria.finding import Finding
from dicom_sieve.criteria.tables import CompiledTable
from dicom_sieve.dicom.dictionary import (
    PER_FRAME_GROUPS,
    SHARED_GROUPS,
    Attribute,
    format_tag,
)
from dicom_sieve.dicom.functional_groups import PATHS
from dicom_sieve.dicom.vr.clock import DT, Moment
from dicom_sieve.dicom.vr.value_type import Comparable, Operation, ValueType
from dicom_sieve.enumerations import any_of

TIMEZONE_OFFSET = "00080201"
"""Timezone Offset From UTC."""
OWN = "own "
"""What keys begin with under which the values of the instance that is judged stand, beside those of a member."""
POSITIVE = {
    Operation.NOT_EQUALS: Operation.EQUALS,
    Operation.NOT_IN: Operation.IN,
    Operation.NOT_CONTAINS: Operation.CONTAINS,
    Operation.NOT_MATCHES: Operation.MATCHES,
    Operation.ABSENT: Operation.PRESENT,
}
"""What a negation negates."""


@dataclass(frozen=True, slots=True)
class CompiledCriterion:
    """A criterion that is known to make sense.

    Attributes:
        attribute: What is looked at.
        operation: How it is compared; defined for the attribute's VR.
        references: What it is compared with, read by its VR; exactly one unless the operation takes several.
        texts: The references as they are spoken of.
        value: Which of several values: None is any, 0 is all, else a number from 1.
        if_absent: What is found where the attribute is absent or empty; None: that.
        bounds: With a tolerance, what is equal: from and to, both included, for each reference.
        tolerance: As it is spoken of; may be empty.
        is_exact: Whether capital and small letters differ.
        within: The sequences around the attribute, outermost first.
        creator: Of a private attribute; may be empty.
        minus: Another attribute, of which the values are subtracted, or None.
        minus_own: Whether these are the values of the instance that is judged, not of the one that is looked at.
        is_identifying: Whether values are compared by keyed digest.
        is_without_unit: Whether a reference has no unit where the attribute has one.
        table: Of which a column is compared with in place of references, or None.
        minus_table: Of which dates are subtracted, or None; then `minus` is what its rows are found by.
    """

    attribute: Attribute
    operation: Operation
    references: tuple[Comparable, ...]
    texts: tuple[str, ...]
    value: int | None = None
    if_absent: Finding | None = None
    bounds: tuple[tuple[Comparable, Comparable], ...] = ()
    tolerance: str = ""
    is_exact: bool = False
    within: tuple[Attribute, ...] = ()
    creator: str = ""
    minus: Attribute | None = None
    minus_own: bool = False
    is_identifying: bool = False
    is_without_unit: bool = False
    table: CompiledTable | None = None
    minus_table: CompiledTable | None = None

    @property
    def vr(self) -> ValueType:
        """By which values are read."""
        return self.attribute.vr

    @property
    def is_negated(self) -> bool:
        """Whether the operation is a negation."""
        return self.operation in POSITIVE

    @property
    def positive(self) -> Operation:
        """The operation without its negation."""
        return POSITIVE.get(self.operation, self.operation)

    @property
    def key(self) -> str:
        """Under which its values stand: its tag, or group, low byte and creator of a private attribute (PS3.5 7.8)."""
        hex_tag = self.attribute.hex_tag
        return f"{hex_tag[:4]}xx{hex_tag[6:]} {self.creator}" if self.creator else hex_tag

    @property
    def needed_keys(self) -> tuple[str, ...]:
        """What must have been read for it to be decided."""
        keys = [self.within[0].hex_tag if self.within else self.key]
        if self.minus is not None and not self.within and not self.minus_own:
            keys.append(self.minus.hex_tag)
        if any(isinstance(reference, Moment) and reference.offset is not None for reference in self.references):
            keys.append(TIMEZONE_OFFSET)
        return tuple(keys)

    @property
    def frame_keys(self) -> tuple[str, ...]:
        """Where it is looked for when it is not at the top level: in the functional groups."""
        may_stand_there = not (self.within or self.creator or self.minus) and self.attribute.tag in PATHS
        return (SHARED_GROUPS, PER_FRAME_GROUPS) if may_stand_there else ()

    @property
    def keys(self) -> tuple[str, ...]:
        """Everything that it reads; its finding is a pure function of these."""
        offset = (TIMEZONE_OFFSET,) if self.attribute.vr == DT else ()
        own = (self.subtracted_key,) if self.minus_own else ()
        return tuple(dict.fromkeys((*self.needed_keys, *offset, *self.frame_keys, *own)))

    @property
    def points(self) -> tuple[Decimal, ...] | None:
        """Between which its finding is the same on any single number; None where it is on other things, too."""
        is_on_others = self.within or self.minus or self.table or self.is_identifying
        if not self.attribute.vr.is_number or is_on_others:
            return None
        ends = (*self.references, *(end for pair in self.bounds for end in pair))
        return tuple(end for end in ends if isinstance(end, Decimal))

    @property
    def subtracted_key(self) -> str:
        """Under which the values stand that are subtracted; empty where there are none."""
        key = "" if self.minus is None else self.minus.hex_tag
        return f"{OWN}{key}" if self.minus_own else key

    @property
    def tables(self) -> tuple[CompiledTable, ...]:
        """What is looked up in tables."""
        return tuple(each for each in (self.table, self.minus_table) if each is not None)

    @property
    def has_own(self) -> bool:
        """Whether it compares with the instance that is judged."""
        return self.minus_own

    @property
    def leaves(self) -> tuple["CompiledCriterion", ...]:
        """It alone."""
        return (self,)

    @property
    def name(self) -> str:
        """What is looked at, as ``StudyDate (0008,0020)``, with the sequences around it."""
        tag = format_tag(self.attribute.tag)
        name = f"({tag[1:5]},xx{tag[8:10]}) of {self.creator}" if self.creator else str(self.attribute)
        for sequence in reversed(self.within):
            name = f"{name} in {sequence}"
        if self.minus_own:
            return f"{name} minus that of the instance itself"
        if self.minus_table is not None:
            asked = self.minus_table
            return f"{name} minus the {asked.date} in {asked.table} where {asked.key} is its {self.minus}"
        return f"{name} minus {self.minus}" if self.minus else name

    def describe(self) -> str:
        """Say what is asked, as ``StudyDate (0008,0020) is later than 2022-01-01``."""
        subject = {None: self.name, 0: f"every value of {self.name}"}.get(
            self.value, f"value {self.value} of {self.name}"
        )
        relation, value = self.relation_and_value
        sentence = f"{subject} {relation} {value}".rstrip()
        if self.is_exact:
            sentence = f"{sentence} (capital and small letters differ)"
        return f"{sentence}{self.words_if_absent}"

    @property
    def subject(self) -> str:
        """What is looked at, as the head of a table."""
        return str(self.attribute)

    @property
    def counted_key(self) -> str | None:
        """Under which the values stand that a report counts; None where these are not the ones compared."""
        return None if self.within or self.minus else self.key

    @property
    def label(self) -> str:
        """What stands for it in a table."""
        return self.describe()

    @property
    def relation_and_value(self) -> tuple[str, str]:
        """Say how it is compared, and with what; nothing where there is nothing to compare with."""
        words = _PRESENCE.get(self.operation) or self._relation()
        if self.table is not None:
            values = "values" if self.table.count is None else f"{self.table.count:,} values"
            return words, f"the {values} of column {self.table.key} in {self.table.table}"
        if self.operation is Operation.BETWEEN:
            return words, f"{self.texts[0]} and {self.texts[1]}"
        tolerance = f" ± {self.tolerance}" if self.tolerance else ""
        return words, f"{any_of(self.texts)}{tolerance}" if self.texts else ""

    @property
    def words_if_absent(self) -> str:
        """Say what is found where the attribute is absent; empty where that is not said."""
        return _ABSENT_WORDS[self.if_absent]

    def _relation(self) -> str:
        if len(self.texts) > 1 and self.operation in _OF_SEVERAL:
            return _OF_SEVERAL[self.operation]
        if self.minus is not None and self.operation in _DIFFERENCE:
            return _DIFFERENCE[self.operation]
        return self.vr.relations[self.operation]


_PRESENCE = {Operation.PRESENT: "has a value", Operation.ABSENT: "is absent or empty"}
_OF_SEVERAL = {
    Operation.CONTAINS: "contains one of",
    Operation.NOT_CONTAINS: "contains none of",
    Operation.MATCHES: "matches one of",
    Operation.NOT_MATCHES: "matches none of",
}
_DIFFERENCE = {
    Operation.GREATER: "is more than",
    Operation.LESS: "is less than",
    Operation.AT_LEAST: "is at least",
    Operation.AT_MOST: "is at most",
}
_ABSENT_WORDS = {None: "", Finding.MET: ", or is absent", Finding.NOT_MET: ", and is not absent"}
