"""What a criterion finds, and how findings count together. Truth has three values (Kleene): met, not met, undecided."""

from collections.abc import Iterable, Sequence
from enum import StrEnum

from dicom_sieve.criteria.criterion import GroupKind


class Finding(StrEnum):
    """What one criterion found on one instance; the last two come of the steps behind all criteria."""

    MET = "MET"
    NOT_MET = "NOT_MET"
    ABSENT = "ABSENT"
    EMPTY = "EMPTY"
    MALFORMED = "MALFORMED"
    UNREACHED = "UNREACHED"
    UNDECIDED = "UNDECIDED"
    SERIES = "SERIES"
    NOT_CHOSEN = "NOT_CHOSEN"

    def describe(self) -> str:
        """Say it in a sentence."""
        return _FINDING_SENTENCES[self]

    @property
    def is_decided(self) -> bool:
        """Whether it is an answer; else there is none, most often for want of a value."""
        return self in _DECIDED


_FINDING_SENTENCES = {
    Finding.MET: "A value meets the criterion.",
    Finding.NOT_MET: "No value meets the criterion.",
    Finding.ABSENT: "The instance has no such attribute.",
    Finding.EMPTY: "The instance has the attribute, without a value.",
    Finding.MALFORMED: "No value conforms to the attribute's VR, and none meets the criterion.",
    Finding.UNREACHED: "Reading ended before the attribute, at damage or at a bound: the instance may have it.",
    Finding.UNDECIDED: "It depends on a criterion of the group that is undecided, or on a value that is not kept.",
    Finding.SERIES: "Another instance of its series does not pass.",
    Finding.NOT_CHOSEN: "Another series, or study, is preferred.",
}
_DECIDED = frozenset({Finding.MET, Finding.NOT_MET, Finding.SERIES, Finding.NOT_CHOSEN})
NEGATED = {Finding.MET: Finding.NOT_MET, Finding.NOT_MET: Finding.MET}
"""All others are undecided, and stay what they are."""
_OF_SEVERAL = (
    Finding.MET,
    Finding.UNDECIDED,
    Finding.NOT_MET,
    Finding.MALFORMED,
    Finding.EMPTY,
    Finding.ABSENT,
)


def combine(kind: GroupKind, findings: Sequence[Finding]) -> Finding:
    """Give the finding of a group: MET, NOT_MET or UNDECIDED.

    Args:
        kind: Of the group.
        findings: Of its items.
    """
    if kind is GroupKind.NONE:
        found = combine(GroupKind.ANY, findings)
        return NEGATED.get(found, found)
    decisive = Finding.MET if kind is GroupKind.ANY else Finding.NOT_MET
    if decisive in findings:
        return decisive
    if all(finding in NEGATED for finding in findings):
        return NEGATED[decisive]
    return Finding.UNDECIDED


def first_of(findings: Iterable[Finding]) -> Finding:
    """Give what is found where one of several items, or frames, is enough (PS3.4 C.2.2.2.6).

    As with several values: MET if one is, NOT_MET if none is and one conforms.
    """
    present = set(findings)
    return next((finding for finding in _OF_SEVERAL if finding in present), Finding.ABSENT)
