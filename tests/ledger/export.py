"""What a ledger says, as text: two ledgers that say the same give the same bytes, on whichever database.

Left out is what depends on the way there: numbers of rows, times of runs, and what a run had to do to
know what it knows; and what depends on the ledger's secret: a header is named by its content without its patient, a
patient by all headers that are of them.
"""

import datetime
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from dicom_sieve import Ledger
from dicom_sieve.dicom.marks import IDENTITY
from dicom_sieve.headers.header import digest_content
from dicom_sieve.ledger.database.decisions import decisions
from dicom_sieve.ledger.database.header_values import Values, values_of_headers
from dicom_sieve.ledger.database.tables import (
    computation,
    computation_input,
    computation_output,
    computation_region,
    header,
    header_change,
    location,
    object_,
    run,
)
from dicom_sieve.ledger.database.views import instance_decision, series_decision

EFFORT = {"added", "removed", "indexed", "reads", "bytes_read"}


def export(ledger: Ledger, *run_ids: str) -> str:
    """Give everything that the ledger says of all runs, or of those named, and of its objects as they are now.

    Returns:
        JSON, one fact a line; the lines of one kind together, and sorted.
    """
    lines: list[str] = []
    with ledger.engine.connect() as connection:
        chosen = sa.select(run.c.number)
        if run_ids:
            chosen = chosen.where(run.c.id.in_(run_ids))
        numbers = connection.scalars(chosen.order_by(run.c.number)).all()
        values = values_of_headers(connection, connection.scalars(sa.select(header.c.id)).all())
        contents, patients = _headers(connection, values)
        lines.extend(sorted(json.dumps({"kind": "patient", "headers": sorted(of)}) for of in patients))
        for kind, query in _queries(numbers):
            facts = (_as_fact(kind, row._asdict(), values) for row in connection.execute(query))
            named = ({**fact, "digest": contents.get(fact.get("digest"))} for fact in facts)
            lines.extend(sorted(json.dumps(fact, sort_keys=True, default=_plain) for fact in named))
    return "".join(f"{line}\n" for line in lines)


def _headers(connection: sa.Connection, values: Mapping[int, Values]) -> tuple[dict[str | None, str], list[list[str]]]:
    """Give what stands for each header, by its digest; and for each patient all that stands for their headers."""
    contents: dict[str | None, str] = {}
    patients = defaultdict[str, list[str]](list)
    of = header.c
    columns = (of.study_instance_uid, of.series_instance_uid, of.sop_class_uid)
    query = sa.select(of.id, of.digest, of.patient, of.damage, of.unreadable_from, of.defect, *columns)
    for row_id, digest, patient, damage, tag, defect, study, series, sop_class in connection.execute(query):
        attributes = {key: [_without_secret(text) for text in texts] for key, texts in values[row_id].items()}
        contents[digest] = digest_content(
            study, series, sop_class, attributes, defect, patient=None, damage=damage, unreadable_from=tag
        )
        if patient is not None:
            patients[patient].append(contents[digest])
    return contents, list(patients.values())


def _without_secret(text: str) -> str:
    """Give a text of a header, of what identifies only that it is there: its digest is the ledger's own."""
    return IDENTITY if text.startswith(IDENTITY) else text


def _queries(numbers: Any) -> Iterator[tuple[str, sa.Select[Any]]]:
    place = [location.c.endpoint, location.c.bucket, location.c.prefix]
    of_runs = run.c.number.in_(numbers)
    yield "location", sa.select(*place)
    yield (
        "header",
        sa.select(
            header.c.digest,
            header.c.study_instance_uid,
            header.c.series_instance_uid,
            header.c.sop_class_uid,
            header.c.id.label("attributes"),
            header.c.defect,
            header.c.damage,
            header.c.unreadable_from,
        ),
    )
    yield (
        "object",
        sa.select(
            *place,
            object_.c.key,
            object_.c.etag,
            object_.c.size,
            object_.c.last_modified,
            object_.c.sop_instance_uid,
            header.c.digest,
        )
        .select_from(object_.join(location).outerjoin(header, header.c.id == object_.c.header_id))
        .where(object_.c.removed_in.is_(None)),
    )
    yield (
        "run",
        sa.select(
            *place,
            run.c.id,
            run.c.criteria,
            run.c.criteria_digest,
            run.c.state,
            run.c.counts,
            run.c.software_version,
            run.c.manifest_uri,
            run.c.failure,
            run.c.damaged,
        )
        .select_from(run.join(location))
        .where(of_runs),
    )
    decided = decisions.headers(sa.true()).subquery("decided")
    headers = decided.join(run, run.c.number == decided.c.run_number).join(header, header.c.id == decided.c.header_id)
    yield (
        "decision",
        sa.select(run.c.id, header.c.digest, decisions.verdict, decisions.findings)
        .select_from(decisions.join(headers, header.c.id, decisions.run_number == run.c.number))
        .where(of_runs),
    )
    ids = sa.select(run.c.id).where(of_runs)
    yield "instance", sa.select(instance_decision).where(instance_decision.c.run_id.in_(ids))
    yield "series", sa.select(series_decision).where(series_decision.c.run_id.in_(ids))
    yield "instances of a header", _instances_of_headers().where(of_runs)
    yield from _computations(of_runs)


def _instances_of_headers() -> sa.Select[Any]:
    """Select how many instances each header has in the snapshot of each run."""
    instances, size = sa.func.sum(header_change.c.instances), sa.func.sum(header_change.c.bytes)
    until = sa.and_(header_change.c.location_id == run.c.location_id, header_change.c.snapshot_id <= run.c.snapshot_id)
    return (
        sa.select(run.c.id, header.c.digest, sa.cast(instances, sa.Text), sa.cast(size, sa.Text))
        .select_from(run.join(header_change, until).join(header, header.c.id == header_change.c.header_id))
        .group_by(run.c.id, header.c.digest)
        .having(instances != 0)
    )


def _computations(of_runs: sa.ColumnElement[bool]) -> Iterator[tuple[str, sa.Select[Any]]]:
    what = [run.c.id, computation.c.name, computation.c.version, computation.c.parameters]
    yield (
        "computation",
        sa.select(*what, computation.c.state)
        .select_from(computation.join(run, run.c.number == computation.c.run_number))
        .where(of_runs),
    )
    inputs, outputs = computation_input.c, computation_output.c
    yield (
        "computation input",
        sa.select(*what, inputs.series_instance_uid, object_.c.key, object_.c.etag, inputs.state, inputs.failure)
        .select_from(
            computation.join(run, run.c.number == computation.c.run_number).join(computation_input).outerjoin(object_)
        )
        .where(of_runs),
    )
    yield (
        "computation output",
        sa.select(
            *what, outputs.series_instance_uid, outputs.uri, outputs.digest.label("sha_256"), outputs.sop_instance_uid
        )
        .select_from(computation.join(run, run.c.number == computation.c.run_number).join(computation_output))
        .where(of_runs),
    )
    yield _regions(of_runs, what)


def _regions(of_runs: sa.ColumnElement[bool], what: Sequence[sa.ColumnElement[Any]]) -> tuple[str, sa.Select[Any]]:
    columns = [each for each in computation_region.columns if each.name not in ("id", "computation_id")]
    joined = computation.join(run, run.c.number == computation.c.run_number).join(computation_region)
    return "computation region", sa.select(*what, *columns).select_from(joined).where(of_runs)


def _as_fact(kind: str, row: Mapping[str, Any], values: Mapping[int, Values]) -> dict[str, Any]:
    fact = {"kind": kind, **row}
    if kind == "header":
        held = values[fact["attributes"]]
        fact["attributes"] = {key: list(map(_without_secret, texts)) for key, texts in held.items()}
    if kind == "run" and fact["counts"]:
        fact["counts"] = {name: value for name, value in fact["counts"].items() if name not in EFFORT}
    return fact


def _plain(value: object) -> str:
    assert isinstance(value, datetime.datetime), type(value)
    return value.isoformat()
