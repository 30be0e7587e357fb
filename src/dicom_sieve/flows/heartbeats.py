"""Each run sends a heartbeat; an automation of Prefect acts when a heartbeat stops.

The runner itself reports a flow process that ends. Where it died too, or its machine, only an automation of Prefect's
server notices: without it such a flow run would be shown as Running permanently.
"""

import datetime

from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification

from dicom_sieve.flows.names import FLOWS

HEARTBEAT_SECONDS = 30
"""Seconds between heartbeats: the least that Prefect accepts."""
ENVIRONMENT = {"PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(HEARTBEAT_SECONDS)}
"""What tells Prefect so in a flow's process."""
SECONDS_WITHOUT = 90
"""Three heartbeats missed; Prefect looks every 5 s, so that a run is Crashed within 120 s of its death."""
AUTOMATION = "dicom-sieve: a run that no longer says that it lives is Crashed"
_LIVES = {"prefect.flow-run.heartbeat", "prefect.flow-run.Running"}
_ENDED = {f"prefect.flow-run.{name}" for name in ("Completed", "Failed", "Cancelled", "Crashed", "Paused", "Suspended")}
"""A paused run has no process: it is started again when it is resumed."""


def describe_automation() -> AutomationCore:
    """Describe it: a run of our flows of which nothing was heard for so long is Crashed."""
    return AutomationCore(
        name=AUTOMATION,
        description="Made by dicom-sieve. The ledger says how far the run came.",
        trigger=EventTrigger(
            posture=Posture.Proactive,
            match=ResourceSpecification({"prefect.resource.id": "prefect.flow-run.*"}),
            match_related=ResourceSpecification(
                {"prefect.resource.role": "flow", "prefect.resource.name": list(FLOWS)}
            ),
            for_each={"prefect.resource.id"},
            after=_LIVES,
            expect=_LIVES | _ENDED,
            threshold=1,
            within=datetime.timedelta(seconds=SECONDS_WITHOUT),
        ),
        actions=[
            ChangeFlowRunState(
                state=StateType.CRASHED,
                message=f"nothing was heard of its process for {SECONDS_WITHOUT} s; start another run",
            )
        ],
    )
