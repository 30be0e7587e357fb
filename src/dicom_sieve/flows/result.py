"""What a flow run leaves for other programs: an artifact of type ``result`` that Prefect's API gives, as JSON.

It tells how the run ended and where the rest is: counts, addresses and ids, no value of a patient. Its shape is
versioned; fields are added without a new version, so readers ignore what they do not know.
"""

import datetime
from collections.abc import Mapping
from typing import Any, Final, Literal, cast

from pydantic import BaseModel, ConfigDict

from dicom_sieve.criteria.named import NamedCriteria
from dicom_sieve.flows.execution import Execution
from dicom_sieve.flows.names import CLEAN
from dicom_sieve.ledger import ComputationRow, Ledger, RunRow
from dicom_sieve.publishing.manifest import MANIFEST
from dicom_sieve.screening.divide import DividedOutcome
from dicom_sieve.stores import S3Store

KEY, TYPE = "result", "result"
VERSION: Final = 1
REPORT = "report.html"
State = Literal["COMPLETED", "INCOMPLETE", "FAILED", "CANCELLED"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)


class SeriesCounts(_Part):
    """Series by selection: all of their instances passed, some, or none."""

    WHOLE: int = 0
    """All instances passed."""
    PARTIAL: int = 0
    """Some did."""
    NONE: int = 0
    """None did."""


class Counts(_Part):
    """What was decided."""

    listed: int
    """Number of objects that the location held."""
    passed: int
    """Number of instances that met all criteria."""
    discarded: int
    """Number of all other objects that could be read."""
    unread: int = 0
    """Number of objects that could not be read; where it is not 0, the run is INCOMPLETE."""
    series: SeriesCounts
    """Number of series by selection."""


class LedgerPlace(_Part):
    """Where the ledger is, and what it calls this."""

    address: str
    """Address of the database, without credentials: a path (SQLite) or postgresql://host/database."""
    run_id: str | None
    """The run; None: it ended before there was one, or was a preview."""


class Published(_Part):
    """The manifest."""

    uri: str
    """Address of manifest.json."""
    digest: str
    """Digest of the manifest: SHA-256, as hex."""


class Link(_Part):
    """A URL that opens for everyone who has it."""

    url: str
    """Presigned: it needs no credentials."""
    expires_at: datetime.datetime
    """Time at which the link expires, at the latest."""


class ReportPlace(_Part):
    """The report."""

    uri: str | None
    """Address of report.html in the store; None: it was not published."""
    link: Link | None
    """Link that opens it; None: DICOM_SIEVE_REPORT_LINK_SECONDS is 0, or nothing was published."""
    how: str
    """How else to get it, in words."""


class Computed(_Part):
    """What was computed on the run."""

    id: int
    """Id of the computation in the ledger."""
    name: str
    """Name of the computation."""
    version: str
    """Version of its code."""
    series: dict[str, int]
    """Number of series by state: COMPLETED, REFUSED, FAILED, SKIPPED."""


class Named(_Part):
    """What criteria were saved as."""

    name: str
    """Name of the criteria."""
    version: int
    """Version of that name."""


class PartOfRun(_Part):
    """One part of a divided run."""

    prefix: str
    """What the keys of its objects begin with."""
    run_id: str | None
    """Its run in the ledger; None: there was none."""
    state: Literal["COMPLETED", "FAILED"]
    """Whether its run completed."""
    counts: Counts | None
    """What its run decided; None: it did not complete."""


class Divided(_Part):
    """The parts of a divided run: each is a location with a run of its own."""

    parts: list[PartOfRun]
    """In the order of their prefixes."""
    split_series: int
    """Number of series of which several parts hold instances; each counts in each of them."""
    folder_marks: int
    """Number of empty objects whose keys only mark folders: they lie in no part, and are not counted."""


class Result(_Part):
    """How a flow run ended, and where the rest is."""

    schema_version: Literal[1] = VERSION
    """Version of this schema."""
    flow: Literal["clean-dicom", "compute-series", "segment-series"]
    """Name of the flow."""
    state: State
    """State of the run in the ledger; where the ledger has none, of the flow run."""
    message: str
    """Sentence that the run ended with."""
    preview: bool = False
    """Whether it was a preview."""
    ledger: LedgerPlace | None
    """Ledger that holds the run; None: it could not be asked."""
    criteria: Named | None = None
    """What the criteria were saved as; None: they were given as a list, or were not found."""
    counts: Counts | None = None
    """Numbers of what was decided; None: it had not decided, or is a computation."""
    manifest: Published | None = None
    """None: nothing was published."""
    report: ReportPlace | None = None
    """None: there is none."""
    computation: Computed | None = None
    """Computation, of a run that computes; None: it had not begun."""
    divided: Divided | None = None
    """Parts of a divided run, whose counts are the sums over those that completed; None: it was not divided."""


def json_schema() -> dict[str, Any]:
    """Give the shape as JSON Schema: that of the file ``result-1.schema.json`` beside this module."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Result.model_json_schema()}


def of_clean(
    execution: Execution, ledger: Ledger | None, state: State, message: str, *, link_seconds: int = 0
) -> Result:
    """Make the result of a run of ``clean-dicom`` of what the ledger has of it.

    Args:
        execution: The flow run.
        ledger: None where it cannot be asked.
        state: How the flow run ended.
        message: With which sentence.
        link_seconds: For how long a link to the report opens; 0: there is none.
    """
    row = None if ledger is None or execution.is_preview else next(iter(ledger.attempts(execution.flow_run_id)), None)
    counts = execution.counts if row is None else row.counts
    if execution.divided is not None:
        counts = execution.divided.counts
    return Result(
        flow=CLEAN,
        state=state if row is None or row.state == "RUNNING" else cast("State", row.state),
        message=message,
        preview=execution.is_preview,
        ledger=_place(ledger, None if row is None else row.id),
        criteria=_named(execution.named if row is None else row.named),
        counts=_counts(counts),
        manifest=Published(uri=row.manifest_uri, digest=row.manifest_digest) if row and row.manifest_uri else None,
        report=None if row is None else _report(row, execution.output, link_seconds),
        divided=None if execution.divided is None else _divided(execution.divided),
    )


def of_computation(
    flow: Literal["compute-series", "segment-series"],
    execution: Execution,
    ledger: Ledger | None,
    state: State,
    message: str,
) -> Result:
    """Make the result of a run that computes, likewise."""
    row = None
    if ledger is not None and execution.computation is not None:
        row = next(
            (row for row in ledger.computations(execution.computed_run) if row.id == execution.computation), None
        )
    return Result(
        flow=flow,
        state=state,
        message=message,
        ledger=_place(ledger, None if row is None else row.run_id),
        computation=None if row is None else _computed(row),
    )


def _place(ledger: Ledger | None, run_id: str | None) -> LedgerPlace | None:
    return None if ledger is None else LedgerPlace(address=ledger.address, run_id=run_id)


def _named(named: NamedCriteria | None) -> Named | None:
    return None if named is None or named.version is None else Named(name=named.name, version=named.version)


def _counts(counts: Mapping[str, Any] | None) -> Counts | None:
    return None if counts is None else Counts.model_validate(counts)


def _divided(outcome: DividedOutcome) -> Divided:
    parts = [
        PartOfRun(
            prefix=part.location.prefix,
            run_id=part.run_id,
            state="COMPLETED" if part.is_completed else "FAILED",
            counts=_counts(part.counts),
        )
        for part in outcome.parts
    ]
    return Divided(parts=parts, split_series=outcome.split_series, folder_marks=outcome.marks)


def _computed(row: ComputationRow) -> Computed:
    return Computed(id=row.id, name=row.name, version=row.version, series=dict(row.counts))


def _report(row: RunRow, output: S3Store | None, link_seconds: int) -> ReportPlace | None:
    if row.counts is None:
        return None
    how = f"where the ledger is: dicom-sieve report {row.id} --output {REPORT}"
    if row.manifest_uri is None:
        return ReportPlace(uri=None, link=None, how=how)
    uri = row.manifest_uri.removesuffix(MANIFEST) + REPORT
    return ReportPlace(
        uri=uri, link=_link(uri, output, link_seconds), how=f"with credentials that may read the output; or {how}"
    )


def _link(uri: str, output: S3Store | None, seconds: int) -> Link | None:
    if output is None or not seconds:
        return None
    until = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=seconds)
    url = output.link_to(uri.removeprefix(output.location.uri("")), seconds)
    return None if url is None else Link(url=url, expires_at=until)
