"""Automations of Prefect's server that serving and deploying set up, each once."""

from typing import Any

from prefect.client.orchestration import get_client
from prefect.events.schemas.automations import AutomationCore


def set_up(wanted: AutomationCore) -> None:
    """Ensure that Prefect's server has an automation of this name, once, and as it is wanted.

    One that somebody turned off stays off. One that is as it should be is left alone: changed, it would forget the
    events of which it is waiting to hear.
    """
    with get_client(sync_client=True) as client:
        found = client.read_automations_by_name(wanted.name)
        if not found:
            client.create_automation(wanted)
        for automation in found[:1]:
            if content_of(automation) != content_of(wanted):
                client.update_automation(automation.id, wanted.model_copy(update={"enabled": automation.enabled}))
        for duplicate in found[1:]:  # two processes began to serve at the same instant
            client.delete_automation(duplicate.id)


def content_of(automation: AutomationCore) -> dict[str, Any]:
    """Give what an automation does, without what a server numbers; its sets as sets, which have no order."""
    return {
        **automation.model_dump(include={"description", "actions"}),
        "trigger": automation.trigger.model_dump(exclude={"id"}),
    }
