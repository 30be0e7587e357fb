"""The trace of one object of a run, as the drawer shows it."""

from collections.abc import Sequence
from dataclasses import dataclass

from dicom_sieve.criteria import CompiledGroup, CompiledItem, Finding
from dicom_sieve.criteria.reading import compile_recorded
from dicom_sieve.ledger import Ledger, RecordedRun, TracedObject
from dicom_sieve.ledger.reading.secret import secret_for
from dicom_sieve.ledger.reading.series_objects import SeriesObject, find_object, objects_of_series
from dicom_sieve.ledger.reading.trace import TracedDecision
from dicom_sieve.reports.traced_findings import extent_of, findings_on
from dicom_sieve.reports.words import headed
from dicom_sieve.web.drawn import middle_of
from dicom_sieve.web.names import HEADINGS, parts_of
from dicom_sieve.web.texts import gettext
from dicom_sieve.web.words import finding_in_words


@dataclass(frozen=True, slots=True)
class TraceLine:
    """One line of the trace.

    Attributes:
        number: Of the criterion; None within a group.
        sentence: What is asked.
        value: That it saw; may be empty.
        finding: In words; empty where it is not known.
        kind: ``m``, ``n`` or ``u``: passes, fails, undecided; empty where it is not known.
        depth: In how many groups it lies.
    """

    number: int | None
    sentence: str
    value: str
    finding: str
    kind: str
    depth: int


@dataclass(frozen=True, slots=True)
class Trace:
    """Everything of one object that the drawer shows.

    Attributes:
        traced: The object, as the ledger knows it.
        uri: Where it lies.
        heading: What came of it, in a sentence.
        lines: Criterion by criterion.
        notes: What else is to be known.
        place: Of the object within its series, from 1; 0: that is not known.
        count: Objects of the series.
        before: Key of the object before it; empty: there is none.
        after: Key of the one behind it; empty: there is none.
    """

    traced: TracedObject
    uri: str
    heading: str
    lines: Sequence[TraceLine]
    notes: Sequence[str]
    place: int
    count: int
    before: str
    after: str


def trace_of(ledger: Ledger, run: RecordedRun, series: str, name: str) -> Trace | None:
    """Trace an object of a run's snapshot.

    Args:
        ledger: Where it is.
        run: The run.
        series: Of which the middle image is taken, where no object is named.
        name: Key or SOP Instance UID of an object; empty: none is named.

    Returns:
        None where the snapshot holds no such object.
    """
    found = find_object(run.engine, run.row, name) if name else None
    objects = objects_of_series(run.engine, run.row, series if found is None else found.series_instance_uid or "")
    chosen = found or (None if name else middle_of(objects))
    if chosen is None:
        return None
    where = run.location
    for traced in ledger.trace(chosen.info.key):
        judged = next((each for each in traced.decisions if each.run_id == run.row.id), None)
        is_it = (traced.endpoint, traced.bucket, traced.etag) == (where.endpoint, where.bucket, chosen.info.etag)
        if judged is not None and is_it:
            return _trace(run, traced, judged, objects, chosen)
    return None


def _trace(
    run: RecordedRun,
    traced: TracedObject,
    judged: TracedDecision,
    objects: Sequence[SeriesObject],
    chosen: SeriesObject,
) -> Trace:
    criteria = compile_recorded(judged.criteria)
    lines = [
        TraceLine(
            found.number,
            _sentence(found.item),
            found.value,
            "" if found.finding is None else headed(finding_in_words(found.finding)),
            _kind_of(found.finding),
            found.depth,
        )
        for found in findings_on(traced, judged, secret_for(run.engine, criteria))
    ]
    keys = [each.info.key for each in objects]
    place = keys.index(chosen.info.key) if chosen.info.key in keys else -1
    notes = [f"{conflict.describe()} ({conflict})" for conflict in judged.conflicts]
    if traced.defect is not None:
        notes.insert(0, extent_of(traced).describe(criteria, traced.attributes or {}))
    return Trace(
        traced,
        run.location.uri(traced.object_key),
        heading_of(judged),
        lines,
        notes,
        place + 1,
        len(keys),
        keys[place - 1] if place > 0 else "",
        keys[place + 1] if 0 <= place < len(keys) - 1 else "",
    )


def heading_of(judged: TracedDecision) -> str:
    """Say what came of an object: passed, or which criteria discard it."""
    if judged.verdict is None:
        return gettext("The run could not read it")
    missed = [str(number) for number, name in enumerate(judged.findings, 1) if name != Finding.MET]
    if judged.verdict == "PASSED":
        return gettext("Passed")
    if not missed:
        return gettext("Could not be judged")
    if len(missed) == 1:
        return gettext("Discarded by criterion %(number)s alone", number=missed[0])
    return gettext("Discarded by criteria %(numbers)s and %(last)s", numbers=", ".join(missed[:-1]), last=missed[-1])


def _sentence(item: CompiledItem) -> str:
    """Give the sentence of a criterion; of a group its heading: what lies in it follows."""
    if isinstance(item, CompiledGroup) and not item.given_name:
        return gettext(HEADINGS[item.kind])
    return parts_of(item).sentence


def _kind_of(finding: Finding | None) -> str:
    if finding is None:
        return ""
    if finding is Finding.MET:
        return "m"
    return "n" if finding.is_decided else "u"
