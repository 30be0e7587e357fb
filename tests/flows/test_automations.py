"""An automation is what it does: neither the numbers nor the order that a server gives make it another."""

from prefect.events.schemas.automations import AutomationCore, EventTrigger

from dicom_sieve.flows.automations import content_of
from dicom_sieve.flows.heartbeats import describe_automation


def test_events_have_no_order() -> None:
    for number in range(200):  # where two hashes collide, the order of a set tells which came first
        names = [f"event.{number}.{index}" for index in range(7)]
        assert content_of(_that_expects(names)) == content_of(_that_expects(names[::-1]))


def test_another_event_makes_another_automation() -> None:
    assert content_of(_that_expects(["a"])) != content_of(_that_expects(["b"]))


def _that_expects(names: list[str]) -> AutomationCore:
    automation = describe_automation()
    assert isinstance(automation.trigger, EventTrigger)
    trigger = automation.trigger.model_copy(update={"expect": set(names)})
    return automation.model_copy(update={"trigger": trigger})
