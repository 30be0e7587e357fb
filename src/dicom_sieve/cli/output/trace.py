"""What ``trace`` tells: of an object forward to its verdicts and results, of a result back to what it comes from."""

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dicom_sieve.cli.output import text
from dicom_sieve.criteria import (
    CompiledItem,
    CompiledMeasure,
    Decider,
    Finding,
    asked_attributes,
    leaves_of,
    measures_in,
)
from dicom_sieve.criteria.items import CompiledStep, Leaf
from dicom_sieve.criteria.seal_tables import tables_in
from dicom_sieve.dicom.dictionary import format_tag
from dicom_sieve.dicom.marks import as_plain, show_text
from dicom_sieve.headers import Extent
from dicom_sieve.ledger import ComputedSeries, TracedObject, TracedResult
from dicom_sieve.ledger.reading.trace import TracedDecision
from dicom_sieve.reports.traced_findings import (
    NOT_RECORDED,
    extent_of,
    is_unknown_of_more,
    judged_by,
    known_of,
    value_of,
    value_of_measure,
)


def show_trace(traced: TracedObject, secret: bytes | None = None) -> None:
    """Print everything known of one object, in words.

    Args:
        traced: What is known.
        secret: Of the ledger, where a criterion compares what identifies.
    """
    gone = f"; gone by {text.moment(traced.gone_at)}" if traced.gone_at else ""
    text.show_lines(
        f"object     {traced.bucket}/{traced.object_key} at {traced.endpoint}",
        f"bytes      {traced.size:,}, etag {traced.etag}, modified {text.moment(traced.last_modified)}",
        f"seen       {text.moment(traced.seen_at)}{gone}",
    )
    for name, uid in (
        ("instance", traced.sop_instance_uid),
        ("series", traced.series_instance_uid),
        ("study", traced.study_instance_uid),
        ("SOP class", traced.sop_class_uid),
    ):
        if uid:
            text.show_lines(f"{name:<10} {uid}")
    if traced.attributes is None:
        text.show_lines("header     not read")
    extent = extent_of(traced)
    if traced.defect:
        text.show_lines(f"defect     {traced.defect}: {extent.describe((), {})}")
    elif extent.unreadable_from:
        text.show_lines(f"read       as far as {format_tag(int(extent.unreadable_from, 16))}, where a bound ended it")
    for judged in traced.decisions:
        text.show_lines(
            "", f"run {judged.run_id} of {text.moment(judged.started_at)}: {judged.verdict or 'not judged'}"
        )
        if judged.named:
            text.show_lines(f"  criteria {judged.named.describe()}")
        if reason := _reason(traced, judged):
            text.show_lines(f"  {reason}")
        text.show_lines(*(f"  conflict {conflict}: {conflict.describe()}" for conflict in judged.conflicts))
        attributes = known_of(traced, judged)
        for criterion, finding in zip(text.compiled(judged.criteria), judged.findings, strict=False):
            text.show_lines(*_found(criterion, finding, (attributes, extent), secret))
        _show_computed(judged.computations)


def _found(
    item: CompiledItem, finding: str, known: tuple[Mapping[str, Sequence[str]], Extent], secret: bytes | None
) -> list[str]:
    """Say what was found by one criterion; by a group, and by each criterion in it, worked out from the header."""
    attributes, extent = known
    if isinstance(item, CompiledStep):
        return [f"  {item.describe()}: {finding}"]
    leaves = leaves_of([item])
    if leaves == (item,):
        return [f"  {item.describe()}: {_with_value(leaves[0], finding, attributes)}"]
    if tables_in([item]):  # they are not kept: what each criterion found cannot be worked out
        return [f"  {item.label}: {finding}", *(f"    {leaf.describe()}" for leaf in item.leaves)]
    found = Decider((item,), secret).decide(judged_by(extent, attributes), extent.unreadable_from).leaves
    of_leaves = (
        NOT_RECORDED if is_unknown_of_more(leaf, attributes) else _with_value(leaf, of_leaf, attributes)
        for leaf, of_leaf in zip(leaves, found, strict=True)
    )
    lines = (f"    {leaf.describe()}: {said}" for leaf, said in zip(leaves, of_leaves, strict=True))
    return [f"  {item.label}: {finding}", *lines]


def _with_value(leaf: Leaf, finding: str, attributes: Mapping[str, Sequence[str]]) -> str:
    """Say what was found, and on which value; of an age, what it was worked out from."""
    if not isinstance(leaf, CompiledMeasure):
        return f"{finding}, value {_values(attributes.get(leaf.key), finding)}"
    value = value_of(leaf, None, attributes)
    if not value:
        return finding
    return f"{finding}, {value}" if leaf.scope is None else f"{finding}, value {value}"


def as_json(traced: TracedObject) -> dict[str, Any]:
    """Give everything known of one object, with values that were asked for, and reasons where damage is known."""
    content = dataclasses.asdict(traced)
    if traced.attributes is not None:
        content["attributes"] = {key: list(map(as_plain, texts)) for key, texts in traced.attributes.items()}
    for shown, judged in zip(content["decisions"], traced.decisions, strict=True):
        shown["reason"] = _reason(traced, judged)
        shown["measured"] = _measured(judged)
    return {**content, "named_values": named_values(traced)}


def _measured(judged: TracedDecision) -> dict[str, str | None]:
    """Give what was measured of the series, by the name of the measure; None: there was nothing to measure."""
    items = [item for item in text.compiled(judged.criteria) if not isinstance(item, CompiledStep)]
    names = {item.key: item.measure for item in measures_in(items)}
    kept = judged.measured.items()
    return {names[key]: None if values is None else value_of_measure(values) for key, values in kept}


def _reason(traced: TracedObject, judged: TracedDecision) -> str | None:
    """Say where a damaged object is damaged, and whether all that a run asked lies before; None of other objects."""
    if traced.damage is None or judged.verdict is None:
        return None
    return extent_of(traced).describe(text.compiled(judged.criteria), traced.attributes or {})


def named_values(traced: TracedObject) -> dict[str, list[str] | None]:
    """Give the values of the attributes that any criterion named, by keyword."""
    values: dict[str, list[str] | None] = {}
    for judged in traced.decisions:
        for attribute in asked_attributes(text.compiled(judged.criteria)):
            raw = (traced.attributes or {}).get(attribute.hex_tag)
            values[attribute.keyword or format_tag(attribute.tag)] = None if raw is None else list(map(as_plain, raw))
    return values


def _values(values: Sequence[str] | None, finding: str) -> str:
    if finding == Finding.UNREACHED:
        return "not reached"
    if values is None:
        return "absent"
    return " \\ ".join(map(show_text, values)) or "empty"


def _show_computed(rows: Iterable[ComputedSeries]) -> None:
    """Print what was computed on a series under one run, with its results."""
    for row in rows:
        reason = f": {row.failure}" if row.failure else ""
        text.show_lines(f"  computation {row.computation_id}, {row.name} {row.version}: {row.state}{reason}")
        for output in row.outputs:
            instance = f", instance {output.sop_instance_uid}" if output.sop_instance_uid else ""
            text.show_lines(f"    {output.uri}{instance}")


def show_result(traced: TracedResult) -> None:
    """Print where a result comes from: computation, series, run, criteria, objects."""
    output, series = traced.output, traced.series
    text.show_lines(f"result     {output.uri}", f"digest     {output.digest}")
    if output.sop_instance_uid:
        text.show_lines(f"instance   {output.sop_instance_uid}")
    text.show_lines(
        f"made by    computation {series.computation_id}, {series.name} {series.version}, "
        f"parameters {json.dumps(traced.parameters, sort_keys=True)}, {text.moment(output.recorded_at)}",
        f"series     {series.series_instance_uid or 'all of the run'}",
        f"run        {series.run_id} over {traced.bucket} at {traced.endpoint}",
    )
    criteria = text.compiled(traced.criteria)
    text.show_lines(*(f"criterion {number}: {criterion.describe()}" for number, criterion in enumerate(criteria, 1)))
    text.show_lines("")
    if not traced.inputs:
        text.show_lines(f"what it is made of: dicom-sieve objects {series.run_id}")
        return
    text.show_table(
        ("use", "object", "instance"),
        [(used.use, used.object_key, used.sop_instance_uid or "-") for used in traced.inputs],
    )
