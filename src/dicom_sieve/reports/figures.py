"""What a report counts, typed."""

from collections.abc import Mapping
from dataclasses import dataclass

from dicom_sieve.criteria import Finding
from dicom_sieve.reports.damaged_objects import DamagedFigures
from dicom_sieve.reports.distribution import Distribution


@dataclass(frozen=True, slots=True)
class Amount:
    """How much: patients, studies and series, as far as they are known; objects and their bytes."""

    patients: int = 0
    studies: int = 0
    series: int = 0
    instances: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Excluded:
    """What fell out at a step, by one finding; series: those whose last instances fell here by nothing but this."""

    finding: Finding
    instances: int
    series: int


@dataclass(frozen=True, slots=True)
class Step:
    """One criterion in the order of all.

    Attributes:
        fell: What fell out, by finding.
        fell_mixed: Series whose last instances fell here by several findings.
        mixed_undecided: Of these the ones that no instance is decided of, as where one is absent and one malformed.
        instances: That are left.
        series: Of which any instance is left.
    """

    fell: tuple[Excluded, ...]
    fell_mixed: int
    mixed_undecided: int
    instances: int
    series: int


@dataclass(frozen=True, slots=True)
class CriterionFigures:
    """What one criterion did.

    Attributes:
        findings: Instances by finding, by its name.
        alone: Instances that it discards, whatever the others say.
        only: Instances that it discards and no other criterion does: near misses.
        distribution: Of the values it saw.
        placeholders: Instances with a value that stands for none.
        unseen: References, as given, that no value equals; of EQUALS and IN.
    """

    findings: Mapping[str, int]
    alone: int
    only: int
    distribution: Distribution
    placeholders: int
    unseen: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Figures:
    """All of them.

    Attributes:
        looked_at: What could be judged, and what could not.
        passed: Patients, studies and series: of which any instance passed.
        discarded: Patients, studies and series: of which none passed.
        without_patient: Instances that could be judged and of which no patient is known.
        unread: Objects that the run could not read; 0 but for an INCOMPLETE run.
        defects: Objects that could not be judged, by defect.
        damaged: Objects that are CORRUPT, judged or not; None where of none is known how far it can be trusted.
        judged: Instances that could be, and their series.
        steps: One a criterion.
        criteria: One a criterion.
        selections: Series by selection: ``WHOLE``, ``PARTIAL``, ``NONE``.
        passed_in: Instances that passed, by the selection of their series: ``WHOLE``, ``PARTIAL``.
        partial: Some of the series that are PARTIAL, at most `MOST_PARTIAL`.
        modified_dates: Instances by what de-identification did to their dates; none where no criterion is on a date.
        born_without_age: Instances without a Patient's Age that have a birth date; 0 where no criterion is on the age.
    """

    looked_at: Amount
    passed: Amount
    discarded: Amount
    without_patient: int
    unread: int
    defects: Mapping[str, int]
    damaged: DamagedFigures | None
    judged: Amount
    steps: tuple[Step, ...]
    criteria: tuple[CriterionFigures, ...]
    selections: Mapping[str, int]
    passed_in: Mapping[str, int]
    partial: tuple[str, ...]
    modified_dates: Mapping[str, int]
    born_without_age: int
