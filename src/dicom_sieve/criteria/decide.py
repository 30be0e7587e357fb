"""How a header is judged: one finding per criterion, one verdict. Pure, and worked out once per distinct value."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from dicom_sieve.criteria.criterion import CompiledCriterion
from dicom_sieve.dicom.vr.value_type import Comparable, Operation, ValueType, trim
from dicom_sieve.errors import MalformedValueError


class Finding(StrEnum):
    """What one criterion found on one instance."""

    MET = "MET"
    NOT_MET = "NOT_MET"
    ABSENT = "ABSENT"
    EMPTY = "EMPTY"
    MALFORMED = "MALFORMED"
    UNREACHED = "UNREACHED"

    def describe(self) -> str:
        """Say it in a sentence."""
        return _FINDING_SENTENCES[self]


_FINDING_SENTENCES = {
    Finding.MET: "A value meets the criterion.",
    Finding.NOT_MET: "No value meets the criterion.",
    Finding.ABSENT: "The instance has no such attribute.",
    Finding.EMPTY: "The instance has the attribute, without a value.",
    Finding.MALFORMED: "No value conforms to the attribute's VR, and none meets the criterion.",
    Finding.UNREACHED: "Reading ended before the attribute, at damage or at a bound: the instance may have it.",
}


class Verdict(StrEnum):
    """What becomes of an instance."""

    PASSED = "PASSED"
    DISCARDED = "DISCARDED"


@dataclass(frozen=True, slots=True)
class Decision:
    """The judgement on one header.

    Attributes:
        verdict: PASSED when every finding is MET.
        findings: One per criterion, in their order; none where the header could not be judged.
    """

    verdict: Verdict
    findings: tuple[Finding, ...]


UNJUDGED = Decision(Verdict.DISCARDED, ())
"""The decision on an object whose header has a defect: its reason is the defect, not a finding."""


CACHE_SIZE = 65_536
MAX_CACHED_LENGTH = 256
"""Distinct values per criterion, and characters of each: more of them would be no gain, and have no end."""


@dataclass(slots=True)
class Decider:
    """Judges headers by a fixed set of criteria and remembers what it found for distinct values.

    Attributes:
        criteria: In the order of the findings.
    """

    criteria: tuple[CompiledCriterion, ...]
    _cache: tuple[dict[tuple[str, ...] | None, Finding], ...] = field(init=False, repr=False)
    _tags: tuple[str, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._cache = tuple({} for _ in self.criteria)
        self._tags = tuple(criterion.attribute.hex_tag for criterion in self.criteria)

    def decide(self, attributes: Mapping[str, Sequence[str]], unreadable_from: str | None = None) -> Decision:
        """Judge one header.

        Args:
            attributes: Tag (eight upper-case hex digits) to raw values, as `dicom_sieve.headers.Header` holds them. An
                attribute that the object does not have is not in it.
            unreadable_from: A tag: what is not in the attributes may be in the object with this tag or a higher one.
                None: it is absent.
        """
        findings = tuple(
            Finding.UNREACHED
            if unreadable_from is not None and unreadable_from <= tag and tag not in attributes
            else self._find(criterion, cache, attributes.get(tag))
            for criterion, cache, tag in zip(self.criteria, self._cache, self._tags, strict=True)
        )
        passed = all(finding is Finding.MET for finding in findings)
        return Decision(Verdict.PASSED if passed else Verdict.DISCARDED, findings)

    @staticmethod
    def _find(
        criterion: CompiledCriterion, cache: dict[tuple[str, ...] | None, Finding], raw: Sequence[str] | None
    ) -> Finding:
        values = None if raw is None else tuple(raw)
        finding = cache.get(values)
        if finding is None:
            finding = find(criterion, values)
            if len(cache) < CACHE_SIZE and len("\\".join(values or ())) <= MAX_CACHED_LENGTH:
                cache[values] = finding
        return finding


def find(criterion: CompiledCriterion, values: Sequence[str] | None) -> Finding:
    """Apply one criterion to the values of one attribute.

    A multi-valued attribute meets a criterion when any one value does, as in DICOM query matching (PS3.4 C.2.2.2).

    Args:
        criterion: What is asked.
        values: The raw values, or None where the object has no such attribute.
    """
    if values is None:
        return Finding.ABSENT
    present = [value for value in values if trim(value)]
    if not present:
        return Finding.EMPTY
    read = [_read(value, criterion.attribute.vr) for value in present]
    meets = _MEETS[criterion.operation]
    if any(value is not None and meets(value, criterion.references) for value, _ in read):
        return Finding.MET
    return Finding.NOT_MET if any(conforms for _, conforms in read) else Finding.MALFORMED


def _read(text: str, vr: ValueType) -> tuple[Comparable | None, bool]:
    """Read one value: what to compare (None: nothing can be), and whether it conforms to its VR."""
    try:
        value = vr.parse(text)
    except MalformedValueError:
        return None, False
    return value, vr.conforms(value)


def _equals(value: Comparable, references: tuple[Comparable, ...]) -> bool:
    return value in references


def _greater(value: Comparable, references: tuple[Comparable, ...]) -> bool:
    return bool(value > references[0])  # type: ignore[operator]  # a compiled criterion holds one type


def _less(value: Comparable, references: tuple[Comparable, ...]) -> bool:
    return bool(value < references[0])  # type: ignore[operator]  # a compiled criterion holds one type


_MEETS: dict[Operation, Callable[[Comparable, tuple[Comparable, ...]], bool]] = {
    Operation.EQUALS: _equals,
    Operation.IN: _equals,
    Operation.GREATER: _greater,
    Operation.LESS: _less,
}
