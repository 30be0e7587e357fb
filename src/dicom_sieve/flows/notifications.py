"""Who is told of what: automations of Prefect that send a notification, through a block that holds the address."""

import datetime
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.events.actions import SendNotification
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification
from prefect.exceptions import ObjectNotFound

from dicom_sieve.criteria import Finding
from dicom_sieve.errors import InvalidRequestError
from dicom_sieve.flows.automations import set_up
from dicom_sieve.flows.names import FLOWS, RUN_COMPLETED
from dicom_sieve.flows.reach import check_named_server

ABOVE = (0, *(10**power for power in range(9)))
"""Numbers of undecided objects that may be asked for: an automation compares labels, not numbers."""
UNDECIDED = "dicom-sieve.undecided"
STUCK = datetime.timedelta(hours=24)
_STATE = "prefect.flow-run."
_ENDED = {f"{_STATE}{name}" for name in ("Completed", "Failed", "Cancelled", "Crashed", "Paused", "Suspended")}
_RUN = "{{ flow.name }}, run {{ flow_run.id }}"


class Situation(StrEnum):
    """What may be told of."""

    FAILED = "failed"
    LATE = "late"
    STUCK = "stuck"
    UNDECIDED = "undecided"
    POOL = "pool"


@dataclass(frozen=True, slots=True)
class Recipe:
    """When something is told, and in which words; Prefect fills in what stands in braces."""

    trigger: EventTrigger
    subject: str
    body: str


def count_undecided(counts: Mapping[str, Any]) -> int:
    """Count objects of a run for which there is no answer: the defective ones, and those that a criterion leaves open.

    Of several criteria the one counts that leaves most open, since it is not known whether it is the same objects.
    """
    defective: Mapping[str, int] = counts.get("defects", {})
    left_open = [
        sum(number for name, number in by_name.items() if not Finding(name).is_decided)
        for by_name in counts.get("findings", [])
    ]
    return sum(defective.values()) + max(left_open, default=0)


def labels_of(undecided: int) -> dict[str, str]:
    """Give the labels that an automation compares.

    Examples:
        >>> list(labels_of(2))
        ['dicom-sieve.undecided', 'dicom-sieve.undecided.above-0', 'dicom-sieve.undecided.above-1']
    """
    return {UNDECIDED: str(undecided), **{f"{UNDECIDED}.above-{n}": "true" for n in ABOVE if undecided > n}}


def recipe_for(situation: Situation, *, above: int = ABOVE[0], stuck: datetime.timedelta = STUCK) -> Recipe:
    """Give the recipe of a situation.

    Args:
        situation: Which.
        above: Number of undecided objects that is not told of yet, one of `ABOVE`.
        stuck: How long a run may take.
    """
    match situation:
        case Situation.FAILED:
            ended = {f"{_STATE}Failed", f"{_STATE}Crashed"}
            return Recipe(
                _of_runs(expect=ended), f"{_RUN}: {{{{ flow_run.state.name }}}}", "{{ flow_run.state.message }}"
            )
        case Situation.LATE:
            late = {f"{_STATE}Late"}
            return Recipe(_of_runs(expect=late), f"{_RUN}: late", "It waits, and nobody takes it: is anything serving?")
        case Situation.STUCK:
            trigger = _of_runs(expect=_ENDED, after={f"{_STATE}Running"}, posture=Posture.Proactive, within=stuck)
            return Recipe(trigger, f"{_RUN}: has not ended after {stuck}", "Is it as large as that, or stuck?")
        case Situation.UNDECIDED:
            completed = EventTrigger(
                posture=Posture.Reactive,
                expect={RUN_COMPLETED},
                match=ResourceSpecification(
                    {"prefect.resource.id": "dicom-sieve.run.*", f"{UNDECIDED}.above-{above}": "true"}
                ),
                threshold=1,
            )
            subject = "run {{ event.payload.run_id }}: {{ event.payload.undecided }} objects undecided"
            return Recipe(completed, subject, "They are discarded for want of an answer; its report says why.")
        case Situation.POOL:
            pools = EventTrigger(
                posture=Posture.Reactive,
                expect={"prefect.work-pool.not-ready"},
                match=ResourceSpecification({"prefect.resource.id": "prefect.work-pool.*"}),
                for_each={"prefect.resource.id"},
                threshold=1,
            )
            return Recipe(pools, "work pool {{ work_pool.name }}: not ready", "No worker of it has been heard of.")


def notify(block: str, situations: Collection[Situation], *, above: int = ABOVE[0]) -> list[str]:
    """Have Prefect's server tell of situations; what it was told before is brought up to date.

    Args:
        block: What is sent by, as ``slack-webhook/team``: the slug of its type, and its name.
        situations: Which.
        above: As for `recipe_for`.

    Returns:
        What the automations are called.

    Raises:
        InvalidRequestError: There is no such block, or it sends no notifications.
        NoServerError: There is no server.
    """
    check_named_server()
    block_id = find_block(block)
    made = [
        describe_automation(situation, block, block_id, recipe_for(situation, above=above)) for situation in situations
    ]
    for automation in made:
        set_up(automation)
    return [automation.name for automation in made]


def describe_automation(situation: Situation, block: str, block_id: UUID, recipe: Recipe) -> AutomationCore:
    """Describe the automation that sends what a recipe says by a block."""
    return AutomationCore(
        name=f"dicom-sieve: tell {block} of {situation}",
        description="Made by dicom-sieve notify.",
        trigger=recipe.trigger,
        actions=[SendNotification(block_document_id=block_id, subject=recipe.subject, body=recipe.body)],
    )


def find_block(block: str) -> UUID:
    """Give the id of a block that sends notifications.

    Raises:
        InvalidRequestError: There is none.
    """
    slug, _, name = block.partition("/")
    accepted = "accepted: a block that sends notifications, as slack-webhook/NAME; see docs/notifications.md"
    with get_client(sync_client=True) as client:
        try:
            found = client.read_block_document_by_name(name, slug, include_secrets=False)
        except ObjectNotFound:
            raise InvalidRequestError((f"{block}: Prefect's server has no such block; {accepted}",)) from None
    if found.block_schema is None or "notify" not in found.block_schema.capabilities:
        raise InvalidRequestError((f"{block}: sends no notifications; {accepted}",))
    return found.id


def _of_runs(
    *,
    expect: set[str],
    after: Collection[str] = (),
    posture: Posture = Posture.Reactive,
    within: datetime.timedelta = datetime.timedelta(0),
) -> EventTrigger:
    return EventTrigger(
        posture=posture,
        match=ResourceSpecification({"prefect.resource.id": f"{_STATE}*"}),
        match_related=ResourceSpecification({"prefect.resource.role": "flow", "prefect.resource.name": list(FLOWS)}),
        for_each={"prefect.resource.id"},
        after=set(after),
        expect=expect,
        threshold=1,
        within=within,
    )
