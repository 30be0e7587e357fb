"""What the figures mean, in sentences. Everything from outside is made inert by who shows it."""

import datetime
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from dicom_sieve.advice import describe_causes
from dicom_sieve.criteria import CompiledCriterion, CompiledItem, Finding
from dicom_sieve.enumerations import any_of
from dicom_sieve.headers import Defect
from dicom_sieve.ledger.reading.conflicts import Conflict
from dicom_sieve.reports.damaged_objects import DamagedFigures
from dicom_sieve.reports.figures import CriterionFigures, Figures

_SPANS = (("day", 24 * 60), ("hour", 60), ("minute", 1))
"""In minutes."""
FRESH = datetime.timedelta(seconds=1)
"""A listing that is older than the run by more than this was not made for it; clocks may differ by less."""
PASSED, WOULD_PASS = "passed", "would pass"
MOST_NAMED = 10
"""Values that no instance has, in one sentence."""
_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB")


class Reason(NamedTuple):
    """Why objects were discarded.

    Attributes:
        sentence: What was asked, or what was wrong.
        name: The finding's or the defect's.
        objects: How many.
    """

    sentence: str
    name: str
    objects: int


def headline(
    passed: int, listed: int, series: Mapping[str, int], passed_in: Mapping[str, int] | None, verb: str = PASSED
) -> str:
    """Say what came of a run in a sentence: how much passed, in how many whole series, and in how many partial ones.

    Args:
        passed: Instances that passed.
        listed: All objects that were looked at.
        series: Series by selection.
        passed_in: Instances that passed, by the selection of their series; None where that was not recorded.
        verb: What instances do.

    Examples:
        >>> headline(111, 427, {"WHOLE": 3, "PARTIAL": 1, "NONE": 8}, {"WHOLE": 84, "PARTIAL": 27})
        '111 of 427 instances passed: 84 in 3 whole series, 27 in 1 partial'
    """
    sentence = f"{passed:,} of {listed:,} instances {verb}"
    whole, partial = series.get("WHOLE", 0), series.get("PARTIAL", 0)
    if not whole:
        return f"{sentence} in {partial:,} partial series" if partial else sentence
    if not partial:
        return f"{sentence} in {whole:,} whole series"
    if passed_in is None:
        return f"{sentence} in {whole:,} whole series and {partial:,} partial"
    in_whole, in_partial = passed_in.get("WHOLE", 0), passed_in.get("PARTIAL", 0)
    return f"{sentence}: {in_whole:,} in {whole:,} whole series, {in_partial:,} in {partial:,} partial"


def describe_outcome(counts: Mapping[str, Any], verb: str = PASSED) -> str:
    """Say what came of a run's counts, or would come of it; of damaged instances that passed, too.

    And how many objects were read again, because their headers had not been read for what was asked.
    """
    sentence = headline(counts["passed"], counts["listed"], counts["series"], counts.get("passed_in"), verb)
    if damaged := counts.get("damaged", {}).get("passed", 0):
        sentence = f"{sentence}; damaged instances among them: {damaged:,}"
    again = counts.get("read_again", 0)
    return f"{sentence}; objects read again, for more attributes: {again:,}" if again else sentence


def describe_sum(reasons: Sequence[Reason], discarded: int) -> str | None:
    """Say why reasons add up to more than was discarded; None where they do not."""
    total = sum(reason.objects for reason in reasons)
    if total <= discarded:
        return None
    return (
        f"Reasons add up to {total:,}, and {discarded:,} {_were(discarded)} discarded: "
        "an instance that does not meet several criteria counts for each."
    )


def reasons_to_discard(
    criteria: Sequence[CompiledItem], findings: Sequence[Mapping[str, int]], defects: Mapping[str, int]
) -> list[Reason]:
    """Give every reason of a run, criteria in their order, then defects.

    Args:
        criteria: The run's.
        findings: One mapping a criterion: instances by finding. None where nothing could be judged.
        defects: Objects by defect.
    """
    of_criteria = (
        Reason(f"criterion {number}: {criterion.label}", name.value, by_name[name])
        for number, (criterion, by_name) in enumerate(zip(criteria, findings, strict=False), 1)
        for name in Finding
        if name is not Finding.MET and name in by_name
    )
    return [*of_criteria, *(Reason(Defect(name).describe(), name, count) for name, count in defects.items())]


def describe_listed_before(listed_at: datetime.datetime | None, started_at: datetime.datetime) -> list[str]:
    """Say how old the listing was that a run judged; nothing where it listed the location itself."""
    if listed_at is None or started_at - listed_at < FRESH:
        return []
    return [f"What was judged had been listed {age_of(started_at - listed_at)} before the run, and not again since."]


def age_of(span: datetime.timedelta) -> str:
    """Give a span of time in its largest unit, as ``3 days``; what is less than a minute counts as one."""
    minutes = int(span.total_seconds()) // 60
    unit, each = next(((unit, each) for unit, each in _SPANS if minutes >= each), _SPANS[-1])
    number = max(minutes // each, 1)
    return f"{number:,} {unit}" if number == 1 else f"{number:,} {unit}s"


def describe_unread(unread: int, causes: Mapping[str, int]) -> list[str]:
    """Say how many objects a run could not read, and why; nothing where it could read all."""
    why = describe_causes(causes)
    said = f"{counted(unread, 'object')} could not be read: the run is INCOMPLETE."
    return [f"{said} Why: {why}." if why else said] if unread else []


def warnings_of(criteria: Sequence[CompiledItem], figures: Figures) -> list[str]:
    """Say what is worth a look before the result is trusted."""
    warnings = []
    if figures.damaged is not None and (passed := figures.damaged.passed):
        warnings.append(
            f"{counted(passed, 'instance')} that passed {_are(passed)} damaged: what opens {_them(passed)} may fail."
        )
    for number, (criterion, of) in enumerate(zip(criteria, figures.criteria, strict=True), 1):
        warnings.extend(f"Criterion {number}: {text}" for text in _warnings_of(criterion, of))
    if figures.born_without_age:
        warnings.append(
            f"age absent, birth date present in {counted(figures.born_without_age, 'instance')}: criteria on "
            "PatientAge (0010,1010) read what is written there, and work no age out."
        )
    for name, instances in figures.modified_dates.items():
        warnings.append(
            f"{counted(instances, 'instance')} {_say(instances)} (0028,0303) that dates were {name} by "
            "de-identification: criteria on dates judge what is left of them."
        )
    return warnings


def warnings_of_conflicts(counts: Mapping[Conflict, int]) -> list[str]:
    """Say how many series are in conflict, and what becomes of them."""
    warnings = []
    for conflict, series in sorted(counts.items(), key=lambda item: list(Conflict).index(item[0])):
        sentence = conflict.describe().removesuffix(".")
        refused = f" Computations refuse {_them(series)}." if conflict.is_refused else ""
        warnings.append(f"{counted(series, 'series')}: {sentence[0].lower()}{sentence[1:]} ({conflict}).{refused}")
    return warnings


def _warnings_of(criterion: CompiledItem, figures: CriterionFigures) -> Iterator[str]:
    attribute = criterion.subject
    if figures.placeholders and isinstance(criterion, CompiledCriterion):
        yield (
            f"{counted(figures.placeholders, 'instance')} {_have(figures.placeholders)} {criterion.vr.placeholder} "
            f"as {attribute}, which stands for an unknown value."
        )
    if figures.unseen:
        yield f"no instance has {attribute} equal to {any_of(figures.unseen, MOST_NAMED)}."
    if figures.findings and Finding.MET not in figures.findings:
        yield "no instance meets it."


def describe_findings(findings: Sequence[str], defect: str | None = None) -> str:
    """Say what was found on an instance, by criterion: ``criterion 2: NOT_MET``; where it has a defect, also that."""
    missed = [f"criterion {number}: {name}" for number, name in enumerate(findings, 1) if name != Finding.MET]
    found = ", ".join(missed) or ("passed" if findings else "not judged")
    return f"{found}, {defect}" if defect else found


def describe_damaged(damaged: DamagedFigures | None, *, is_judged: bool) -> str | None:
    """Say how many objects are damaged, of how many all that was asked lies before that, and what became of them."""
    if damaged is None:
        return None
    how_many = (
        f"{counted(damaged.objects, 'object')} {_are(damaged.objects)} CORRUPT, "
        f"of which {damaged.all_before:,} with all that was asked before the damage."
    )
    if not is_judged:
        return f"{how_many} Damaged objects were discarded."
    return f"{how_many} Damaged objects were judged by what lies before the damage: {damaged.passed:,} passed."


def describe_patients(without: int) -> str:
    """Say how patients are counted, and of how many instances none is known."""
    rest = f"; {counted(without, 'instance')} {_have(without)} none that is known" if without else ""
    return (
        f"Patients are told apart by Patient ID and its issuer, of which the ledger keeps a keyed digest alone{rest}."
    )


def counted(number: int, noun: str) -> str:
    """Give ``1 instance``, ``12,340 instances``, ``2 studies``, ``3 series``."""
    if number == 1 or noun == "series":
        return f"{number:,} {noun}"
    return f"{number:,} {noun[:-1]}ies" if noun.endswith("y") else f"{number:,} {noun}s"


def spoken(name: str) -> str:
    """Give the name of a finding or a defect as one says it: ``not met``."""
    return name.replace("_", " ").lower().replace("dicom", "DICOM")


def headed(text: str) -> str:
    """Give a text with a capital letter first."""
    return text[:1].upper() + text[1:]


def size_of(size: int) -> str:
    """Give bytes as ``1.2 GiB``."""
    amount, place = float(size), 0
    while amount >= 1024 and place < len(_UNITS) - 1:
        amount, place = amount / 1024, place + 1
    return f"{amount:,.1f} {_UNITS[place]}" if place else f"{size:,} bytes"


def _have(number: int) -> str:
    return "has" if number == 1 else "have"


def _are(number: int) -> str:
    return "is" if number == 1 else "are"


def _were(number: int) -> str:
    return "was" if number == 1 else "were"


def _them(number: int) -> str:
    return "it" if number == 1 else "them"


def _say(number: int) -> str:
    return "says" if number == 1 else "say"
