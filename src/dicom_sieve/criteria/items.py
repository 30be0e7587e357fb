"""Compiled criteria: a tree whose leaves are criteria and measures that are known to make sense."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from dicom_sieve.criteria.criterion import GroupKind
from dicom_sieve.criteria.finding import Finding
from dicom_sieve.criteria.measured import MEASURED
from dicom_sieve.criteria.measures import GEOMETRY, KINDS, PLANE_TOLERANCE, SCOPE_KEYWORDS, Measure, Scope
from dicom_sieve.criteria.rule import CompiledCriterion
from dicom_sieve.dicom.dictionary import (
    PER_FRAME_GROUPS,
    SHARED_GROUPS,
    Attribute,
    attributes_of,
    find_attribute,
)
from dicom_sieve.dicom.functional_groups import PATHS
from dicom_sieve.dicom.identifying import is_identifying
from dicom_sieve.dicom.vr.value_type import Operation, ValueType


@dataclass(frozen=True, slots=True)
class CompiledMeasure:
    """A measure that is known to make sense.

    Attributes:
        measure: What is measured.
        scope: Of what; None: of the instance itself.
        compared: How the value is compared, as if it were that of an attribute.
        where: What members must meet to be counted.
        counted: Of which attribute values are counted, or None.
        value: Which of several values, from 1; None: all of them are one.
        plane_tolerance: In degrees, how far the normal of a plane may be from an axis.
        given: What of it says which value it is, in canonical JSON.
    """

    measure: Measure
    scope: Scope | None
    compared: CompiledCriterion
    where: tuple["CompiledItem", ...] = ()
    counted: Attribute | None = None
    value: int | None = None
    plane_tolerance: str = PLANE_TOLERANCE
    given: str = field(default="", compare=False)

    @property
    def key(self) -> str:
        """Under which its values stand: the same for all criteria that measure the same."""
        named = json.dumps([self.measure, self.scope, self.plane_tolerance, self.given], separators=(",", ":"))
        return f"{MEASURED}{hashlib.sha256(named.encode()).hexdigest()[:16]}"

    @property
    def leaves(self) -> tuple["CompiledMeasure", ...]:
        """It alone."""
        return (self,)

    @property
    def keys(self) -> tuple[str, ...]:
        """Everything that its finding is a pure function of."""
        if self.scope is None:
            return tuple(attribute.hex_tag for attribute in self.attributes)
        return (self.key,)

    @property
    def needed_keys(self) -> tuple[str, ...]:
        """See `CompiledCriterion.needed_keys`: what ends too early leaves a measure undecided by itself."""
        return ()

    @property
    def frame_keys(self) -> tuple[str, ...]:
        """See `CompiledCriterion.frame_keys`."""
        is_in_frames = self.measure in GEOMETRY or (self.counted is not None and self.counted.tag in PATHS)
        return (SHARED_GROUPS, PER_FRAME_GROUPS) if is_in_frames else ()

    @property
    def attributes(self) -> tuple[Attribute, ...]:
        """The attributes of each instance that it is made of, those of `where` left out."""
        of_scope = () if self.scope is None else SCOPE_KEYWORDS[self.scope]
        counted = () if self.counted is None else (self.counted,)
        return (*attributes_of((*of_scope, *KINDS[self.measure].keywords)), *counted)

    @property
    def compares(self) -> bool:
        """Whether members are compared with the instance that is judged."""
        return any(leaf.has_own for item in self.where for leaf in item.leaves)

    @property
    def has_own(self) -> bool:
        """See `CompiledCriterion.has_own`: what is in `where` compares with the member that this one is measured of."""
        return False

    @property
    def is_identifying(self) -> bool:
        """Whether what identifies is compared, by keyed digest: what patients are told apart by, or what is counted."""
        if self.scope is Scope.PATIENT or (self.counted is not None and is_identifying(self.counted)):
            return True
        return any(leaf.is_identifying for item in self.where for leaf in item.leaves)

    @property
    def within(self) -> tuple[Attribute, ...]:
        """The sequences around it: none."""
        return ()

    @property
    def attribute(self) -> Attribute:
        """What stands for it where an attribute is named."""
        return self.compared.attribute

    @property
    def vr(self) -> ValueType:
        """By which its values are read."""
        return self.compared.vr

    @property
    def operation(self) -> Operation:
        """How it is compared."""
        return self.compared.operation

    @property
    def positive(self) -> Operation:
        """See `CompiledCriterion.positive`."""
        return self.compared.positive

    @property
    def is_negated(self) -> bool:
        """Whether the operation is a negation."""
        return self.compared.is_negated

    @property
    def if_absent(self) -> Finding | None:
        """What is found where there is nothing to measure; None: that."""
        return self.compared.if_absent

    @property
    def name(self) -> str:
        """What is looked at."""
        return self.compared.name

    @property
    def subject(self) -> str:
        """What is looked at, as the head of a table."""
        return self.compared.name

    @property
    def counted_key(self) -> None:
        """See `CompiledCriterion.counted_key`: a report counts no values of a measure."""
        return None

    @property
    def label(self) -> str:
        """What stands for it in a table."""
        return self.describe()

    def describe(self) -> str:
        """Say what is asked, as ``number of instances of its series is at least 2``."""
        return self.compared.describe()


@dataclass(frozen=True, slots=True)
class CompiledGroup:
    """A group that is known to make sense.

    Attributes:
        kind: How its items count together.
        items: One or more.
        given_name: What people call it; may be empty.
        within: The sequences of which one item is looked at as a whole, outermost first.
    """

    kind: GroupKind
    items: tuple["CompiledItem", ...]
    given_name: str = ""
    within: tuple[Attribute, ...] = ()

    @property
    def leaves(self) -> tuple["Leaf", ...]:
        """Its criteria and measures, and those of the groups in it, in the order of the JSON."""
        return tuple(leaf for item in self.items for leaf in item.leaves)

    @property
    def needed_keys(self) -> tuple[str, ...]:
        """See `CompiledCriterion.needed_keys`."""
        if self.within:
            return (self.within[0].hex_tag,)
        return tuple(dict.fromkeys(key for leaf in self.items for key in leaf.needed_keys))

    @property
    def subject(self) -> str:
        """What is looked at, as the head of a table."""
        return " and ".join(dict.fromkeys(str(leaf.attribute) for leaf in self.leaves))

    @property
    def counted_key(self) -> None:
        """See `CompiledCriterion.counted_key`: a report counts no values of a group."""
        return None

    @property
    def label(self) -> str:
        """Its name, else its sentence."""
        return self.given_name or self.describe()

    def describe(self) -> str:
        """Say what is asked, as ``at least one of these is so: (…; or …)``."""
        opening, joint = _GROUP_WORDS[self.kind]
        where = "".join(f" in an item of {sequence}" for sequence in reversed(self.within))
        sentence = f"{opening}{where}: ({joint.join(item.describe() for item in self.items)})"
        return f"{self.given_name}, that is {sentence}" if self.given_name else sentence


@dataclass(frozen=True, slots=True)
class CompiledStep:
    """What becomes of instances that meet all criteria: a step behind these, with a finding of its own.

    Attributes:
        finding: What discards an instance.
        number: Of the step among those of its kind, from 1.
        sentence: What it asks.
        one: What is kept, or discarded, as a whole.
        per: Of what one is kept; None: of each other there may be any number.
        meets: What is better where it is met.
        attribute: Of which a value is better where it is higher, or lower.
        measured: Likewise.
        is_highest: Whether higher is better.
    """

    finding: Finding
    number: int
    sentence: str
    one: Scope
    per: Scope | None = None
    meets: tuple["CompiledItem", ...] = ()
    attribute: Attribute | None = None
    measured: CompiledMeasure | None = None
    is_highest: bool = True

    @property
    def key(self) -> str:
        """Under which the number of the step stands that discards an instance."""
        return f"{MEASURED}{self.finding}"

    @property
    def keys(self) -> tuple[str, ...]:
        """Everything that its finding is a pure function of."""
        return (self.key,)

    @property
    def leaves(self) -> tuple["Leaf", ...]:
        """No criterion."""
        return ()

    @property
    def needed_keys(self) -> tuple[str, ...]:
        """See `CompiledCriterion.needed_keys`."""
        return ()

    @property
    def within(self) -> tuple[Attribute, ...]:
        """The sequences around it: none."""
        return ()

    @property
    def subject(self) -> str:
        """What is looked at, as the head of a table."""
        return self.sentence

    @property
    def counted_key(self) -> None:
        """See `CompiledCriterion.counted_key`: a report counts no values of a step."""
        return None

    @property
    def label(self) -> str:
        """What stands for it in a table."""
        return self.sentence

    def describe(self) -> str:
        """Say what is asked."""
        return self.sentence

    @property
    def asked(self) -> Iterator["CompiledItem"]:
        """What it asks of instances by itself."""
        yield from self.meets
        if self.measured is not None:
            yield self.measured

    @property
    def attributes(self) -> Iterator[Attribute]:
        """The attributes that it looks at, those of what it asks left out."""
        if self.attribute is not None:
            yield self.attribute
        if self.per is not None:
            names = (*SCOPE_KEYWORDS[self.one], *SCOPE_KEYWORDS[self.per], *_UIDS.get(self.one, ()))
            yield from attributes_of(names)

    @property
    def is_identifying(self) -> bool:
        """See `CompiledMeasure.is_identifying`."""
        return self.per is Scope.PATIENT or any(leaf.is_identifying for item in self.asked for leaf in item.leaves)


_UIDS = {Scope.SERIES: ("SeriesInstanceUID",), Scope.STUDY: ("StudyInstanceUID",)}
Leaf = CompiledCriterion | CompiledMeasure
"""What gives a finding by itself."""
CompiledItem = Leaf | CompiledGroup | CompiledStep
"""What stands in a compiled list of criteria; behind these, the steps of a run."""


def leaves_of(items: Iterable[CompiledItem]) -> tuple[Leaf, ...]:
    """Give the criteria and measures of a list, groups opened, in the order of the JSON."""
    return tuple(leaf for item in items for leaf in item.leaves)


def asked_attributes(items: Iterable[CompiledItem]) -> tuple[Attribute, ...]:
    """Give every attribute that headers must have been read for, once each, in their order.

    Of what lies in a sequence that is the outermost one.
    """
    return tuple(dict.fromkeys(attribute for item in items for attribute in _asked(item)))


def attributes_read_for(items: Sequence[CompiledItem]) -> tuple[Attribute, ...]:
    """Give every attribute that headers must have been read for: those asked for, and where frames have them."""
    frames = {key for leaf in _all_leaves(items) for key in leaf.frame_keys}
    groups = (find_attribute(int(key, 16)) for key in sorted(frames))
    return (*asked_attributes(items), *(group for group in groups if isinstance(group, Attribute)))


def measures_in(items: Iterable[CompiledItem]) -> tuple[CompiledMeasure, ...]:
    """Give the measures of a list that belong to more than the instance itself, groups opened; not those in `where`."""
    leaves = leaves_of(items)
    return tuple(leaf for leaf in leaves if isinstance(leaf, CompiledMeasure) and leaf.scope is not None)


def compares_identities(items: Iterable[CompiledItem]) -> bool:
    """Tell whether anything that identifies is compared, or tells patients apart."""
    return any(
        item.is_identifying if isinstance(item, CompiledStep) else any(leaf.is_identifying for leaf in item.leaves)
        for item in items
    )


def _all_leaves(items: Iterable[CompiledItem]) -> Iterator[Leaf]:
    """Give the leaves of a list, and those of what its measures count."""
    for item in items:
        for leaf in item.leaves:
            yield leaf
            if isinstance(leaf, CompiledMeasure):
                yield from _all_leaves(leaf.where)
        if isinstance(item, CompiledStep):
            yield from _all_leaves(item.asked)


def _asked(item: CompiledItem) -> Iterator[Attribute]:
    if item.within:
        yield item.within[0]
    elif isinstance(item, CompiledGroup):
        for child in item.items:
            yield from _asked(child)
    elif isinstance(item, CompiledMeasure):
        yield from item.attributes
        for child in item.where:
            yield from _asked(child)
    elif isinstance(item, CompiledStep):
        yield from item.attributes
        for child in item.asked:
            yield from _asked(child)
    else:
        yield item.attribute
        if item.minus is not None:
            yield item.minus


_GROUP_WORDS = {
    GroupKind.ANY: ("at least one of these is so", "; or "),
    GroupKind.ALL: ("all of these are so", "; and "),
    GroupKind.NONE: ("none of these is so", "; nor "),
}
