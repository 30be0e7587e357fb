"""The end of the demo: what a person wants to see, in few lines."""

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from dicom_sieve.computations.segmentation import LUNG_SEGMENTATION
from dicom_sieve.criteria.reading import compile_recorded
from dicom_sieve.demo.bucket import SERIES
from dicom_sieve.ledger import ComputedSeries, Ledger, RecordedRun
from dicom_sieve.reports.words import reasons_to_discard

MOST_REASONS = 5
SHOWN = ("volume_mesh_RNU0", "mean_intensity_Q4LE")
"""Features that are shown."""


def summarize(ledger: Ledger, run: str, key: str) -> tuple[list[str], str | None]:
    """Tell what came of a run: verdicts, series, one object's trace, the segmentation, features.

    Args:
        ledger: That holds it.
        run: Its id.
        key: Of the object that is traced.

    Returns:
        The lines, and the SOP Instance UID of the segmentation of the lungs; None where nothing was segmented.
    """
    recorded = ledger.run(run)
    lungs = next(series.uid for series in SERIES if series.has_lungs)
    computed = [series for series in recorded.computed() if series.outputs]
    results = (uid for series in computed if series.series_instance_uid == lungs for uid in _instances(series))
    return [
        f"RUN {run}",
        *_verdicts(recorded),
        *_series(recorded),
        *_trace(ledger, run, key),
        *_segmentation([series for series in computed if series.name == LUNG_SEGMENTATION.name], lungs),
        *_features(recorded, lungs),
    ], next(results, None)


def _verdicts(recorded: RecordedRun) -> Iterator[str]:
    counts = recorded.row.counts or {}
    criteria = compile_recorded(recorded.row.criteria)
    yield f"  {counts['listed']:,} objects: {counts['passed']:,} passed, {counts['discarded']:,} discarded, because"
    reasons = reasons_to_discard(criteria, counts["findings"], counts["defects"])
    reasons.sort(key=lambda reason: -reason.objects)
    for reason in reasons[:MOST_REASONS]:
        yield f"  {reason.objects:>5,}  {reason.sentence} {reason.name}"
    if others := reasons[MOST_REASONS:]:
        yield f"  {sum(reason.objects for reason in others):>5,}  for {len(others)} other reasons"


def _series(recorded: RecordedRun) -> Iterator[str]:
    counts = (recorded.row.counts or {})["series"]
    words = ", ".join(f"{counts.get(name, 0):,} {name}" for name in ("WHOLE", "PARTIAL", "NONE"))
    yield f"SERIES {words}"
    names = {series.uid: series.name for series in SERIES}
    for series in recorded.series():
        if series.series_instance_uid in names:
            name = names[series.series_instance_uid]
            yield f"  {name:<16} {series.passed:>3} of {series.instances:>3} passed: {series.selection}"


def _trace(ledger: Ledger, run: str, key: str) -> Iterator[str]:
    traced = ledger.trace(key)[0]
    judged = next(decision for decision in traced.decisions if decision.run_id == run)
    yield f"TRACE of {key!r}"
    yield f"  {traced.size:,} bytes, etag {traced.etag}: {judged.verdict} {traced.defect or ''}".rstrip()
    criteria = compile_recorded(judged.criteria)
    for criterion, finding in zip(criteria, judged.findings, strict=False):
        yield f"  {criterion.describe()}: {finding}"


def _segmentation(computed: Sequence[ComputedSeries], lungs: str) -> Iterator[str]:
    if not computed:
        yield "SEGMENTATION none"
        return
    yield f"SEGMENTATION of {len(computed)} series, not for clinical use; of the one with lungs"
    for series in computed:
        if series.series_instance_uid == lungs:
            yield f"  {', '.join(PurePosixPath(output.uri).name for output in series.outputs)}"
            yield f"  in {str(PurePosixPath(series.outputs[0].uri).parent).replace('s3:/', 's3://')}/"


def _features(recorded: RecordedRun, lungs: str) -> Iterator[str]:
    regions = recorded.regions()
    if not regions:
        return
    series = {each.series_instance_uid for each in regions}
    yield f"FEATURES of {len(regions)} regions of {len(series)} series; of the one with lungs"
    for each in regions:
        if each.series_instance_uid == lungs:
            measured = {name: value for name, value in each.measured.features.items() if value is not None}
            shown = ", ".join(f"{name} {measured[name]:.6g}" for name in SHOWN if name in measured)
            yield f"  {each.measured.region:<6} {len(measured)} values: {shown}"


def _instances(series: ComputedSeries) -> Iterator[str]:
    return (output.sop_instance_uid for output in series.outputs if output.sop_instance_uid)
