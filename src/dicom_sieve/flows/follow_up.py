"""From a completed cleaning run to what is computed on it: an event, and an automation that waits for it.

The two flows know nothing of each other. The event tells of a run without any value; who waits for it is set up where
the deployments are served, and anyone else may wait for it, too.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from prefect.events import emit_event
from prefect.events.actions import RunDeployment
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification

from dicom_sieve.computations.computation import Computation
from dicom_sieve.computations.kind import Kind
from dicom_sieve.computations.registry import find_kind
from dicom_sieve.computations.segmentation import LUNG_SEGMENTATION
from dicom_sieve.contract.read import HOLDERS, LOCATIONS, OUTPUT, read_source
from dicom_sieve.contract.read_location import as_mapping, read_location
from dicom_sieve.errors import InvalidRequestError
from dicom_sieve.flows.blocks_in_requests import rules_of, with_blocks
from dicom_sieve.flows.names import CLEAN, COMPUTATION_COMPLETED, COMPUTE, RUN_COMPLETED, SEGMENT
from dicom_sieve.flows.notifications import count_undecided, labels_of
from dicom_sieve.objects import Location
from dicom_sieve.screening import Outcome
from dicom_sieve.settings import load_settings
from dicom_sieve.stores import Retries

PARAMETERS, AFTER = "parameters", "after"
COMPUTED = "dicom-sieve.computation"
"""The label that names a computation."""
_COUNTS = ("listed", "passed", "discarded", "series")


def announce(outcome: Outcome, location: Location) -> None:
    """Say that a run has completed: its id, counts, and where its objects lie."""
    undecided = count_undecided(outcome.counts)
    emit_event(
        RUN_COMPLETED,
        resource={
            "prefect.resource.id": f"dicom-sieve.run.{outcome.run_id}",
            "prefect.resource.name": outcome.run_id,
            **_labels(location),
            "dicom-sieve.prefix": location.prefix,
            **labels_of(undecided),
        },
        payload={
            "run_id": outcome.run_id,
            "counts": {name: outcome.counts[name] for name in _COUNTS},
            "undecided": undecided,
        },
    )


def announce_computation(computation: Computation, counts: Mapping[str, int]) -> None:
    """Say that a computation has ended: its run's id, series by what became of them, and where the objects lie."""
    emit_event(
        COMPUTATION_COMPLETED,
        resource={
            "prefect.resource.id": f"dicom-sieve.computation.{computation.id}",
            "prefect.resource.name": computation.name,
            **_labels(computation.run.location),
            COMPUTED: computation.name,
        },
        payload={"run_id": computation.run.id, "counts": dict(counts)},
    )


@dataclass(frozen=True, slots=True)
class Following:
    """What is computed on each run that completes on a location.

    Attributes:
        flow: `COMPUTE`, or `SEGMENT`, as it was called once.
        computation: What is computed, by its name in the registry.
        location: Whose runs are waited for.
        parameters: Of the flow, without the run's id.
        after: The computation whose end is waited for; None: the run's.
    """

    flow: str
    computation: str
    location: Location
    parameters: Mapping[str, Any]
    after: str | None = None


def read_following(then: Mapping[str, Any], then_segment: Any = None) -> tuple[Following, ...]:
    """Read what is to be computed after each run that completed.

    Args:
        then: By the name of the computation: ``input_s3_parameters``, ``output_s3_parameters``, and where it has any
            ``parameters``, as JSON has them; and ``after``, the computation that it waits for, if not for the run.
            Credentials are references to blocks, or absent: a text would stay in Prefect's database.
        then_segment: The same for ``segment-series``; None: it does not follow.

    Raises:
        InvalidRequestError: Every problem, one line each; no line quotes credentials.
    """
    following = []
    for name, given in then.items():
        kind = find_kind(name, "--then")
        location, asked = _read_locations(given, kind)
        parameters = {"computation": name, **{each: value for each, value in asked.items() if each != AFTER}}
        following.append(Following(COMPUTE, name, location, parameters, _read_after(then, name)))
    if then_segment is not None:
        kind = find_kind(LUNG_SEGMENTATION.name, SEGMENT)
        following.append(Following(SEGMENT, kind.name, *_read_locations(then_segment, kind)))
    return tuple(following)


def _read_after(then: Mapping[str, Any], name: str) -> str | None:
    """Give the computation that one waits for, which waits for nothing that waits for it.

    Raises:
        InvalidRequestError: It is none that is known, or they wait for each other.
    """
    waiting, after = {name}, then[name].get(AFTER)
    first = after
    while after is not None:
        find_kind(after, f"--then {name}: {AFTER}")
        if after in waiting:
            raise InvalidRequestError((f"--then {name}: {AFTER}: {after} waits for it",))
        waiting.add(after)
        asked = then.get(after)
        after = asked.get(AFTER) if isinstance(asked, dict) else None
    return None if first is None else str(first)


def _read_locations(given: Any, kind: Kind) -> tuple[Location, Mapping[str, Any]]:
    if not isinstance(given, dict):
        raise InvalidRequestError((f"a value of type {type(given).__name__}; accepted: {' and '.join(LOCATIONS)}",))
    accepted = (*HOLDERS, PARAMETERS, AFTER)
    problems = [f"{name}: not known; accepted: {', '.join(accepted)}" for name in given if name not in accepted]
    try:
        kind.read_parameters(as_mapping(given.get(PARAMETERS) or {}) or {})
    except InvalidRequestError as error:
        problems.extend(error.problems)
    found, rules = with_blocks(given), rules_of(load_settings())
    for name in HOLDERS:
        location = given.get(name)
        if isinstance(location, dict) and isinstance(location.get("credentials"), str):
            problems.append(f'{name}.credentials: a text would be stored; accepted: {{"$ref": "<block id>"}}, or none')
            found[name] = {**location, "credentials": None}
    source = read_source(found, Retries(), problems, rules)
    read_location(found.get(OUTPUT), OUTPUT, Retries(), problems, rules, model=LOCATIONS[OUTPUT])
    if problems or source is None:
        raise InvalidRequestError(tuple(problems))
    return source.location, given


def describe_automation(following: Following, deployment_id: UUID) -> AutomationCore:
    """Describe it: a run that completed on this bucket is followed by a computation on what it let pass."""
    location, parameters = following.location, following.parameters
    called = SEGMENT if following.flow == SEGMENT else f"{following.flow} {following.computation}"
    if following.after is None:
        waits_for, event = CLEAN, RUN_COMPLETED
        match = {"prefect.resource.id": "dicom-sieve.run.*", **_labels(location)}
    else:
        waits_for, event = f"{COMPUTE} {following.after}", COMPUTATION_COMPLETED
        match = {
            "prefect.resource.id": "dicom-sieve.computation.*",
            **_labels(location),
            COMPUTED: following.after,
        }
    return AutomationCore(
        name=f"{called} follows {waits_for} on {location.bucket} at {location.endpoint}",
        description="Made by dicom-sieve, with --then.",
        trigger=EventTrigger(
            posture=Posture.Reactive,
            expect={event},
            match=ResourceSpecification(match),
            threshold=1,
        ),
        actions=[
            RunDeployment(
                deployment_id=deployment_id,
                parameters={
                    **parameters,
                    "run_id": {"__prefect_kind": "jinja", "template": "{{ event.payload.run_id }}"},
                },
            )
        ],
    )


def _labels(location: Location) -> dict[str, str]:
    return {"dicom-sieve.endpoint": location.endpoint, "dicom-sieve.bucket": location.bucket}
