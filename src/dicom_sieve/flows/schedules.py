"""Schedules with credentials as a text: they, and the runs that they make ahead, keep it in clear. Blocks only."""

from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import DeploymentUpdate
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType

from dicom_sieve.errors import DicomSieveError
from dicom_sieve.flows.redaction import has_secret, redact

PAGE = 200


class ScheduledCredentialsError(DicomSieveError):
    """A run that a schedule made, with credentials as a text."""

    def __init__(self) -> None:
        super().__init__()

    def __str__(self) -> str:
        return (
            "a schedule with credentials as a text is refused: it would keep them in Prefect's database in clear for "
            "good. They were removed from the schedule and from the runs that it made ahead; give the schedule a "
            'block: {"$ref": "<id of an AwsCredentials block>"}'
        )


def refuse_secret(flow_run: FlowRun) -> None:
    """Refuse a run that a schedule made with credentials as a text, and remove them where the schedule has them.

    Raises:
        ScheduledCredentialsError: It is such a run.
    """
    if not flow_run.auto_scheduled or not has_secret(flow_run.parameters):
        return
    if flow_run.deployment_id is not None:
        with get_client(sync_client=True) as client:
            _redact_schedules(client, flow_run.deployment_id)
            _redact_runs_made_ahead(client, flow_run.deployment_id)
    raise ScheduledCredentialsError


def _redact_schedules(client: SyncPrefectClient, deployment_id: UUID) -> None:
    deployment = client.read_deployment(deployment_id)
    if has_secret(deployment.parameters):
        client.update_deployment(deployment_id, DeploymentUpdate(parameters=redact(deployment.parameters)))
    for schedule in client.read_deployment_schedules(deployment_id):
        if has_secret(schedule.parameters):
            client.update_deployment_schedule(deployment_id, schedule.id, parameters=redact(schedule.parameters))


def _redact_runs_made_ahead(client: SyncPrefectClient, deployment_id: UUID) -> None:
    waiting = FlowRunFilter(
        deployment_id=FlowRunFilterDeploymentId(any_=[deployment_id]),
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED])),
    )
    offset = 0
    while page := client.read_flow_runs(flow_run_filter=waiting, limit=PAGE, offset=offset):
        for flow_run in page:
            if flow_run.auto_scheduled and has_secret(flow_run.parameters):
                client.update_flow_run(flow_run.id, parameters=redact(flow_run.parameters)).raise_for_status()
        offset += len(page)
