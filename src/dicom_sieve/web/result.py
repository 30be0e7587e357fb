"""What came of a run, as its page shows it: attrition, counts, near misses, criterion by criterion."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dicom_sieve.criteria import CompiledItem, Finding
from dicom_sieve.headers import Defect
from dicom_sieve.reports.attrition import steps_left
from dicom_sieve.reports.distribution import Distribution
from dicom_sieve.reports.figures import Amount
from dicom_sieve.reports.markdown import amounts
from dicom_sieve.reports.report import Report
from dicom_sieve.reports.would_be import Only, StepLeft, Three, three_of
from dicom_sieve.web.names import parts_of
from dicom_sieve.web.texts import gettext
from dicom_sieve.web.words import DEFECTS


@dataclass(frozen=True, slots=True)
class Near:
    """What one criterion alone discards.

    Attributes:
        number: Of the criterion, from 1.
        sentence: What is asked.
        instances: How many.
        series: Of how many series; None: that is still being counted.
        undecided: Instances among them for want of an answer.
    """

    number: int
    sentence: str
    instances: int
    series: int | None
    undecided: int


@dataclass(frozen=True, slots=True)
class OfCriterion:
    """One criterion by itself.

    Attributes:
        sentence: What is asked.
        subject: Of what.
        three: Instances by answer.
        only: What it alone discards.
        distribution: Of the values that it saw.
    """

    sentence: str
    subject: str
    three: Three
    only: Only
    distribution: Distribution


@dataclass(frozen=True, slots=True)
class Result:
    """What the page shows of a report.

    Attributes:
        judged: In the unit of the page.
        unjudged: Objects that could not be judged, or not read, with why.
        steps: Of the attrition.
        amounts: By what they count.
        near: The most first.
        criteria: One by one.
    """

    judged: int
    unjudged: tuple[int, Sequence[str]]
    steps: Sequence[StepLeft]
    amounts: Mapping[str, Amount]
    near: Sequence[Near]
    criteria: Sequence[OfCriterion]


def result_of(report: Report, unit: str, near: Sequence[tuple[int, int, int]] | None) -> Result:
    """Put together what the page shows.

    Args:
        report: Of the run.
        unit: ``instances`` or ``series``.
        near: For each criterion: instances that it alone discards, their series, and instances for want of an answer.
    """
    figures = report.figures
    sentences = [parts_of(item).sentence for item in report.criteria]
    is_series = unit == "series"
    why = [f"{gettext(DEFECTS[Defect(name)])}: {count:,}" for name, count in figures.defects.items()]
    why += [gettext("not read: %(count)s", count=f"{figures.unread:,}")] if figures.unread else []
    return Result(
        figures.judged.series if is_series else figures.judged.instances,
        (figures.looked_at.instances - figures.judged.instances, why),
        steps_left(sentences, figures.steps, is_series=is_series),
        amounts(report),
        _near(report, sentences, near),
        [_criterion(report, place, item) for place, item in enumerate(report.criteria)],
    )


def _near(report: Report, sentences: Sequence[str], counted: Sequence[tuple[int, int, int]] | None) -> list[Near]:
    found = []
    for place, of in enumerate(report.figures.criteria):
        known = counted[place] if counted is not None and place < len(counted) else None
        if of.only:
            series, undecided = (None, 0) if known is None else known[1:]
            found.append(Near(place + 1, sentences[place], of.only, series, undecided))
    return sorted(found, key=lambda each: -each.instances)


def _criterion(report: Report, place: int, item: CompiledItem) -> OfCriterion:
    of = report.figures.criteria[place]
    findings = {Finding(name): count for name, count in of.findings.items()}
    parts = parts_of(item)
    return OfCriterion(parts.sentence, parts.subject, three_of(findings), Only(of.only), of.distribution)
