"""OpenLineage events of runs and computations. Pure: rows of the ledger in, an event out.

An event follows the state in a run's row: RUNNING is START, COMPLETED is COMPLETE, CANCELLED is ABORT, else FAIL.
Events hold no key, no UID and no value of an attribute; of results, they hold the addresses.

Source:
    OpenLineage 2-0-2: the object model, custom facets, and naming conventions.
"""

import datetime
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import attr
from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
from openlineage.client.facet_v2 import (
    DatasetFacet,
    InputDatasetFacet,
    RunFacet,
    dataset_version_dataset,
    datasource_dataset,
    error_message_run,
    input_statistics_input_dataset,
    job_dependencies_run,
    job_type_job,
    processing_engine_run,
)

from dicom_sieve.advice import describe_causes
from dicom_sieve.ledger import ComputationRow, RunRow
from dicom_sieve.lineage.names import (
    PRODUCER,
    identify_computation,
    identify_run,
    name_location,
    name_results,
    name_uri,
)
from dicom_sieve.objects import DIRECTORY_ENDPOINT

SCREENING = "clean-dicom"
"""Job name of all runs: the name of the flow."""
_Dataset = TypeVar("_Dataset", InputDataset, OutputDataset)
_STATES = {"RUNNING": RunState.START, "COMPLETED": RunState.COMPLETE, "CANCELLED": RunState.ABORT}
_WITHOUT_ERROR = ("RUNNING", "COMPLETED")


@attr.define
class ScreeningRunFacet(RunFacet):
    """What was asked, and how much of it: the facet ``dicomSieve_screening``."""

    runId: str  # noqa: N815 - as JSON has it
    criteria: list[dict[str, Any]]
    criteriaDigest: str  # noqa: N815 - as JSON has it
    counts: dict[str, Any] | None = None
    damaged: str | None = None
    criteriaName: str | None = None  # noqa: N815 - as JSON has it
    criteriaVersion: int | None = None  # noqa: N815 - as JSON has it

    @staticmethod
    def _get_schema() -> str:
        return f"{PRODUCER}#dicom_sieve/lineage/ScreeningRunFacet.json"


@attr.define
class ComputationRunFacet(RunFacet):
    """What was computed on which run, and how much: the facet ``dicomSieve_computation``."""

    runId: str  # noqa: N815 - as JSON has it
    computationId: int  # noqa: N815 - as JSON has it
    codeVersion: str  # noqa: N815 - as JSON has it
    series: dict[str, int]
    results: int

    @staticmethod
    def _get_schema() -> str:
        return f"{PRODUCER}#dicom_sieve/lineage/ComputationRunFacet.json"


def run_event(row: RunRow, namespace: str, now: datetime.datetime) -> RunEvent:
    """Make the event of a run in its present state.

    Args:
        row: The run.
        namespace: Namespace of jobs.
        now: Taken for its end, if that is not recorded yet: its process may have lost the lease.
    """
    facets: dict[str, RunFacet] = {
        "dicomSieve_screening": ScreeningRunFacet(
            runId=row.id,
            criteria=[dict(criterion) for criterion in row.criteria],
            criteriaDigest=row.criteria_digest,
            counts=None if row.counts is None else dict(row.counts),
            damaged=row.damaged,
            criteriaName=row.criteria_name,
            criteriaVersion=row.criteria_version,
            producer=PRODUCER,
        )
    }
    if row.state not in _WITHOUT_ERROR:
        facets["errorMessage"] = _error(row.failure or _describe_incomplete(row.counts or {}))
    return _event(
        row.state,
        moment=_moment(row.state, row.started_at, row.finished_at, now),
        run=Run(runId=identify_run(row.id), facets={**facets, **_engine(row.software_version)}),
        job=_job(namespace, SCREENING),
        inputs=[_location(row)],
        outputs=_manifest(row, OutputDataset),
    )


def computation_event(
    row: ComputationRow, run: RunRow, uris: Sequence[str], namespace: str, now: datetime.datetime
) -> RunEvent:
    """Make the event of a computation in its present state: it fails when one of its series did.

    Args:
        row: The computation.
        run: The run whose series it computes on.
        uris: URIs of its results.
        namespace: Namespace of jobs.
        now: Taken for its end, if that is not recorded yet.
    """
    failed = row.counts.get("FAILED", 0)
    state = "FAILED" if failed and row.state == "COMPLETED" else row.state
    facets: dict[str, RunFacet] = {
        "dicomSieve_computation": ComputationRunFacet(
            runId=run.id,
            computationId=row.id,
            codeVersion=row.version,
            series=dict(row.counts),
            results=len(uris),
            producer=PRODUCER,
        ),
        "jobDependencies": job_dependencies_run.JobDependenciesRunFacet(
            upstream=[
                job_dependencies_run.JobDependency(
                    job=job_dependencies_run.JobIdentifier(namespace=namespace, name=SCREENING),
                    run=job_dependencies_run.RunIdentifier(runId=identify_run(run.id)),
                )
            ],
            producer=PRODUCER,
        ),
    }
    if state not in _WITHOUT_ERROR:
        ended = (
            "it ended before all series were computed"
            if row.state in ("FAILED", "CANCELLED")
            else "the others are complete"
        )
        facets["errorMessage"] = _error(f"{failed:,} of {sum(row.counts.values()):,} series failed; {ended}")
    return _event(
        state,
        moment=_moment(state, row.started_at, row.finished_at, now),
        run=Run(runId=identify_computation(run.id, row.id), facets={**facets, **_engine(run.software_version)}),
        job=_job(namespace, row.name),
        inputs=[_location(run), *_manifest(run, InputDataset)],
        outputs=[OutputDataset(*place) for place in name_results(row.name, uris)],
    )


def _event(
    state: str,
    *,
    moment: datetime.datetime,
    run: Run,
    job: Job,
    inputs: list[InputDataset],
    outputs: list[OutputDataset],
) -> RunEvent:
    return RunEvent(
        eventType=_STATES.get(state, RunState.FAIL),
        eventTime=moment.isoformat(),
        producer=PRODUCER,
        run=run,
        job=job,
        inputs=inputs,
        outputs=outputs,
    )


def _moment(
    state: str, started_at: datetime.datetime, finished_at: datetime.datetime | None, now: datetime.datetime
) -> datetime.datetime:
    return started_at if state == "RUNNING" else finished_at or now


def _job(namespace: str, name: str) -> Job:
    facet = job_type_job.JobTypeJobFacet(processingType="BATCH", integration="DICOM_SIEVE", producer=PRODUCER)
    return Job(namespace=namespace, name=name, facets={"jobType": facet})


def _engine(version: str) -> dict[str, RunFacet]:
    facet = processing_engine_run.ProcessingEngineRunFacet(name="dicom-sieve", version=version, producer=PRODUCER)
    return {"processing_engine": facet}


def _error(message: str) -> RunFacet:
    return error_message_run.ErrorMessageRunFacet(message=message, programmingLanguage="Python", producer=PRODUCER)


def _describe_incomplete(counts: Mapping[str, Any]) -> str:
    why = describe_causes(counts.get("unread_causes", {}))
    unread = f"{counts.get('unread', 0):,} of {counts.get('listed', 0):,} objects could not be read after all attempts"
    return f"{unread}: {why}" if why else unread


def _location(run: RunRow) -> InputDataset:
    """Name the location, its version (when it was listed), and its server, which a dataset's name does not hold."""
    facets: dict[str, DatasetFacet] = {}
    if run.listed_at is not None:
        facets["version"] = _version(run.listed_at.isoformat())
    if run.endpoint != DIRECTORY_ENDPOINT:
        facets["dataSource"] = datasource_dataset.DatasourceDatasetFacet(
            name=run.endpoint, uri=run.endpoint, producer=PRODUCER
        )
    statistics: dict[str, InputDatasetFacet] = {}
    if run.counts is not None:
        statistics["inputStatistics"] = input_statistics_input_dataset.InputStatisticsInputDatasetFacet(
            fileCount=run.counts["listed"], size=run.counts["bytes"], producer=PRODUCER
        )
    place = name_location(run.location)
    return InputDataset(*place, facets=facets, inputFacets=statistics)


def _manifest(run: RunRow, kind: type[_Dataset]) -> list[_Dataset]:
    """Name the manifest, if there is one; its digest is its version."""
    if run.manifest_uri is None or run.manifest_digest is None:
        return []
    return [kind(*name_uri(run.manifest_uri), facets={"version": _version(run.manifest_digest)})]


def _version(version: str) -> DatasetFacet:
    return dataset_version_dataset.DatasetVersionDatasetFacet(datasetVersion=version, producer=PRODUCER)
