"""A report as JSON and as Markdown."""

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from dicom_sieve.ledger.reading.report import Reason as SeriesReason
from dicom_sieve.reports.attrition import mermaid_of
from dicom_sieve.reports.distribution import Bar
from dicom_sieve.reports.report import Report
from dicom_sieve.reports.words import counted, describe_findings, describe_patients, size_of

FORMAT = "dicom-sieve report"
FORMAT_VERSION = 1
_MEANS_SOMETHING = re.compile(r"([\\`*_{}\[\]<>#|~&$@]|:(?=//)|(?<=www)\.)", re.IGNORECASE)


def as_json(report: Report) -> str:
    """Give it as JSON: the figures by their names, and the sentences."""
    run, figures = report.run, report.figures
    content = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "title": report.title,
        "run": cite(report),
        "criteria": [
            {**dict(given), "describe": criterion.describe(), **asdict(of)}
            for given, criterion, of in zip(run.criteria, report.criteria, figures.criteria, strict=True)
        ],
        "counts": {name: asdict(amount) for name, amount in amounts(report).items()},
        "without_patient": figures.without_patient,
        "unread": figures.unread,
        **({"unread_causes": report.unread_causes} if report.unread_causes else {}),
        "defects": figures.defects,
        **({} if figures.damaged is None else {"damaged": asdict(figures.damaged)}),
        "attrition": [asdict(step) for step in figures.steps],
        "series": {
            "selections": figures.selections,
            "passed_in": figures.passed_in,
            "partial": [
                {
                    "series_instance_uid": series.series_instance_uid,
                    "reasons": [_as_json(reason) for reason in series.reasons],
                }
                for series in report.partial
            ],
        },
        "duplicates": report.duplicates._asdict(),
        "conflicts": {"series": dict(report.conflicts.counts), "examples": dict(report.conflicts.examples)},
        "warnings": report.warnings,
        "min_cell": report.min_cell,
    }
    return json.dumps(content, indent=2) + "\n"


def _as_json(reason: SeriesReason) -> dict[str, Any]:
    """Give it with its defect only where it has one."""
    return {name: value for name, value in reason._asdict().items() if name != "defect" or value is not None}


def as_markdown(report: Report) -> str:
    """Give it as Markdown, with the attrition as Mermaid; texts from outside are inert in it."""
    return "\n".join(_markdown(report)) + "\n"


def cite(report: Report) -> dict[str, Any]:
    """Give what identifies the run and its result."""
    run = report.run
    return {
        "run_id": run.id,
        "state": run.state,
        "location": {"endpoint": run.endpoint, "bucket": run.bucket, "prefix": run.prefix},
        "snapshot_listed_at": run.listed_at and run.listed_at.isoformat(),
        "started_at": run.started_at.isoformat(),
        "software": {"name": "dicom-sieve", "version": run.software_version},
        "criteria_digest": run.criteria_digest,
        **({} if run.named is None else {"criteria_name": run.named.name, "criteria_version": run.named.version}),
        **({} if run.damaged is None else {"damaged": run.damaged}),
        "manifest": {"uri": run.manifest_uri, "digest": run.manifest_digest} if run.manifest_uri else None,
    }


def amounts(report: Report) -> dict[str, Any]:
    """Give how much was looked at, passed and was discarded, by these names."""
    figures = report.figures
    return {"looked_at": figures.looked_at, "passed": figures.passed, "discarded": figures.discarded}


def inert_markdown(text: str) -> str:
    """Write a text so that Markdown, and HTML within it, take it for nothing but text."""
    visible = (
        character
        if not unicodedata.category(character).startswith("C")
        else character.encode("unicode_escape").decode()
        for character in text
    )
    return _MEANS_SOMETHING.sub(r"\\\1", "".join(visible)).replace("\\<", "&lt;").replace("\\>", "&gt;")


def _table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """Give a table; all columns but the first are numbers, or short."""
    yield ""
    yield f"| {' | '.join(columns)} |"
    yield f"| --- | {' | '.join('---:' for _ in columns[1:])} |"
    for row in rows:
        yield f"| {' | '.join(inert_markdown(f'{cell:,}' if isinstance(cell, int) else str(cell)) for cell in row)} |"
    yield ""


def _markdown(report: Report) -> Iterator[str]:
    run, figures = report.run, report.figures
    yield f"# {report.title}"
    yield ""
    place = inert_markdown(f"{run.bucket}/{run.prefix}".rstrip("/"))
    yield f"{place}, listed {run.listed_at and f'{run.listed_at:%Y-%m-%d %H:%M} UTC'}"
    if report.warnings:
        yield from ("", "## Worth a look", "", *(f"- {inert_markdown(warning)}" for warning in report.warnings))
    yield from ("", "## Criteria", "")
    if run.named:
        yield from (f"Saved as {inert_markdown(run.named.describe())}.", "")
    yield from (f"{number}. {inert_markdown(asked.describe())}" for number, asked in enumerate(report.criteria, 1))
    yield from ("", "## Counts")
    rows = [
        (name.replace("_", " "), of.patients, of.studies, of.series, of.instances, size_of(of.bytes))
        for name, of in amounts(report).items()
    ]
    yield from _table(("", "patients", "studies", "series", "instances", "size"), rows)
    yield from (describe_patients(figures.without_patient), "")
    if report.damaged:
        yield from (report.damaged, "")
    yield from ("## Attrition", "", "```mermaid", mermaid_of(report), "```", "", "## Reasons to discard")
    yield from _table(("reason", "", "objects"), report.reasons)
    if report.sum_of_reasons:
        yield from (report.sum_of_reasons, "")
    yield from ("## Values",)
    for number, (criterion, of) in enumerate(zip(report.criteria, figures.criteria, strict=True), 1):
        yield from ("", f"### Criterion {number}: {inert_markdown(criterion.describe())}", "")
        yield f"It alone discards {counted(of.alone, 'instance')}; only it discards {counted(of.only, 'instance')}."
        bars: tuple[Bar, ...] = of.distribution.bars + ((of.distribution.other,) if of.distribution.other else ())
        if criterion.counted_key is None:
            yield from ("", "Values are counted for criteria on one attribute at the top level alone.", "")
            continue
        rows_of_values = ((bar.label, bar.instances, bar.met) for bar in bars)
        yield from _table((criterion.subject, "instances", "that meet it"), rows_of_values)
    yield from ("## Series",)
    of_selections = [
        (name.lower(), count, figures.passed_in.get(name, 0)) for name, count in figures.selections.items()
    ]
    yield from _table(("selection", "series", "instances that passed"), of_selections)
    twice = report.duplicates
    yield f"Duplicates: {counted(twice.instances, 'instance')} in {counted(twice.series, 'series')}."
    if report.conflicts.examples:
        in_conflict = ((uid, ", ".join(found)) for uid, found in report.conflicts.examples.items())
        yield from _table(("series in conflict", "with what"), in_conflict)
    if report.partial:
        yield from _table(
            ("partial series", "why"),
            ((series.series_instance_uid, why_partial(series.reasons)) for series in report.partial),
        )
    yield from ("", "## How to cite", "", inert_markdown(citation(report)))


def why_partial(reasons: Iterable[SeriesReason]) -> str:
    """Say what became of a series' instances: ``3 passed; 2 criterion 1: NOT_MET``."""
    return "; ".join(f"{reason.instances:,} {describe_findings(reason.findings, reason.defect)}" for reason in reasons)


def citation(report: Report) -> str:
    """Say what others need to find this result again."""
    run = report.run
    manifest = f", manifest SHA-256 {run.manifest_digest}" if run.manifest_digest else ""
    damaged = ", damaged objects judged" if run.damaged else ""
    named = f" {run.named}" if run.named else ""
    digest = f"criteria{named} SHA-256 {run.criteria_digest}"
    return f"dicom-sieve {run.software_version}, run {run.id}, {digest}{damaged}{manifest}."
