"""What is handed on of a run: lists of what is shown, criteria, report."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse

from dicom_sieve.errors import LedgerError, UnknownRunError
from dicom_sieve.inert import inert_cell
from dicom_sieve.ledger import RecordedRun
from dicom_sieve.reports.html import as_html
from dicom_sieve.reports.listed_series import ListedSeries, SeriesLine
from dicom_sieve.web.kept import Deadline
from dicom_sieve.web.of_run import find_run
from dicom_sieve.web.pages import context_of, person_of
from dicom_sieve.web.people import Role
from dicom_sieve.web.texts import gettext
from dicom_sieve.web.view import View, read_view

if TYPE_CHECKING:
    import pyarrow as pa

router = APIRouter()
SECONDS = 60.0
"""That a download waits for what it is made of."""
ROWS_A_PART = 2_000
SERIES = {
    "series_instance_uid": "string",
    "study_instance_uid": "string",
    "series_description": "string",
    "modality": "string",
    "body_part_examined": "string",
    "study_date": "string",
    "patient_age": "string",
    "instances": "int64",
    "passed": "int64",
    "discarded": "int64",
    "missed_criteria": "string",
}
"""Columns of the list of series, and their types; what is measured follows, as text."""
INSTANCES = (
    "bucket",
    "object_key",
    "etag",
    "study_instance_uid",
    "series_instance_uid",
    "sop_instance_uid",
    "verdict",
    "findings",
    "defect",
)
"""Columns of the list of instances."""
Rows = Iterable[Sequence[object]]


@router.get("/runs/{run_id}/hand-on/{name}")
def hand_on(request: Request, run_id: str, name: str) -> Response:
    """Send one of the files."""
    person_of(request, Role.MANAGER)
    run = find_run(context_of(request).ledger, run_id)
    make = FILES.get(name)
    if run is None or make is None:
        raise UnknownRunError(run_id)
    view = read_view(run.row.id, request.query_params, request.query_params.getlist("columns"))
    answer = make(request, run, view)
    called = f"{run.row.id[:8]}-{name}"
    answer.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(called, safe='')}"
    return answer


def _series_csv(request: Request, run: RecordedRun, view: View) -> Response:
    listed = _listed(request, run, view)
    return _as_csv([*SERIES, *view.columns], _series_rows(listed, view))


def _series_parquet(request: Request, run: RecordedRun, view: View) -> Response:
    import pyarrow as pa  # noqa: PLC0415 - heavy
    import pyarrow.parquet as pq  # noqa: PLC0415 - as above

    names = [*SERIES, *view.columns]
    schema = pa.schema([(name, getattr(pa, SERIES.get(name, "string"))()) for name in names])
    file = io.BytesIO()
    with pq.ParquetWriter(file, schema) as writer:
        for rows in _parts(_series_rows(_listed(request, run, view), view)):
            writer.write_batch(_batch(rows, schema))
    return Response(file.getvalue(), media_type="application/vnd.apache.parquet")


def _series_json(request: Request, run: RecordedRun, view: View) -> Response:
    names = [*SERIES, *view.columns]
    rows = _series_rows(_listed(request, run, view), view)
    text = json.dumps([dict(zip(names, row, strict=True)) for row in rows], indent=2, ensure_ascii=False)
    return Response(text + "\n", media_type="application/json")


def _instances_csv(request: Request, run: RecordedRun, view: View) -> Response:
    listed = _listed(request, run, view)
    chosen = {line.uid for line in listed.lines(listed.select(view.filter))}
    rows = (
        [
            ", ".join(value) if isinstance(value, tuple) else value
            for value in (getattr(row, name) for name in INSTANCES)
        ]
        for row in run.instances()
        if row.series_instance_uid in chosen
    )
    return _as_csv(INSTANCES, rows)


def _criteria(request: Request, run: RecordedRun, view: View) -> Response:
    del request, view
    return Response(json.dumps(list(run.row.criteria), indent=2) + "\n", media_type="application/json")


def _report(request: Request, run: RecordedRun, view: View) -> Response:
    del view
    report = context_of(request).runs.report(run, Deadline(SECONDS))
    if report is None:
        raise LedgerError(gettext("run %(run)s: its report is still being counted; try again", run=run.row.id))
    return Response(as_html(report), media_type="text/html; charset=utf-8")


FILES: Mapping[str, Callable[[Request, RecordedRun, View], Response]] = {
    "series.csv": _series_csv,
    "series.parquet": _series_parquet,
    "series.json": _series_json,
    "instances.csv": _instances_csv,
    "criteria.json": _criteria,
    "report.html": _report,
}
"""By name."""


def _listed(request: Request, run: RecordedRun, view: View) -> ListedSeries:
    listed = context_of(request).runs.listed(run, view.columns, Deadline(SECONDS))
    if listed is None:
        raise LedgerError(gettext("run %(run)s: its series are still being read; try again", run=run.row.id))
    return listed


def _series_rows(listed: ListedSeries, view: View) -> Iterator[list[object]]:
    for place in listed.select(view.filter).tolist():
        line = listed.line(place)
        facts = ["" if line.facts[name] is None else str(line.facts[name]) for name in view.columns]
        yield [*_cells(line), *facts]


def _cells(line: SeriesLine) -> list[object]:
    missed = ", ".join(map(str, line.missed))
    return [
        line.uid,
        line.study,
        *line.texts.values(),
        line.instances,
        line.passed,
        line.instances - line.passed,
        missed,
    ]


def _as_csv(columns: Sequence[str], rows: Rows) -> Response:
    """Send CSV, a part at a time; no cell of it is a formula."""

    def written() -> Iterator[str]:
        yield _lines([columns])
        for part in _parts(rows):
            yield _lines([[inert_cell(value) for value in row] for row in part])

    return StreamingResponse(written(), media_type="text/csv; charset=utf-8")


def _lines(rows: Rows) -> str:
    file = io.StringIO()
    csv.writer(file).writerows(rows)
    return file.getvalue()


def _parts(rows: Rows) -> Iterator[list[Sequence[object]]]:
    part: list[Sequence[object]] = []
    for row in rows:
        part.append(row)
        if len(part) == ROWS_A_PART:
            yield part
            part = []
    if part:
        yield part


def _batch(rows: Rows, schema: "pa.Schema") -> Any:
    import pyarrow as pa  # noqa: PLC0415 - as above

    cells = zip(zip(*rows, strict=True), schema, strict=True)
    return pa.record_batch([pa.array(values, field.type) for values, field in cells], schema=schema)
