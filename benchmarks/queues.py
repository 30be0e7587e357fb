"""A small discrete-event simulation: requests that go round and round through what they have to wait for."""

import heapq
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

BUSY = 0.95
"""From which part of the time on something is called the limit."""


@dataclass(frozen=True, slots=True)
class Resource:
    """What requests wait for, the first that came first.

    Attributes:
        name: In words.
        servers: How many requests it serves at the same time; None: any number.
        groups: How many of it there are; each request belongs to one of them for good.
    """

    name: str
    servers: int | None = 1
    groups: int = 1


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that a request needs.

    Attributes:
        resource: Of what.
        low: Seconds, at least.
        high: Seconds, at most; in between all are as likely.
    """

    resource: Resource
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Flow:
    """What came of a simulation.

    Attributes:
        rate: Rounds that ended, a second.
        busy: By resource, the part of its servers' time that was used.
    """

    rate: float
    busy: Mapping[str, float]

    @property
    def limit(self) -> str:
        """What there is too little of; where there is enough of all, the requests just wait for their answers."""
        name = max(self.busy, key=lambda group: self.busy[group], default="")
        return name if name and self.busy[name] >= BUSY else "requests in flight"


def always(resource: Resource, seconds: float) -> Step:
    """Give a step that always takes as long."""
    return Step(resource, seconds, seconds)


def simulate(steps: Sequence[Step], in_flight: int, *, rounds: int, seed: int = 1) -> Flow:
    """Let requests go through all steps, again and again, until N rounds are done.

    Args:
        steps: In their order.
        in_flight: How many requests there are, all the while.
        rounds: After the first of each request, in which they spread.
        seed: Of the chance within steps.
    """
    chance = random.Random(seed)
    free: dict[tuple[str, int], list[float]] = {}
    used: dict[str, float] = {step.resource.name: 0.0 for step in steps if step.resource.servers}
    events = [(0.0, request, 0) for request in range(in_flight)]
    done, began, now = -2 * in_flight, 0.0, 0.0
    while done < rounds:
        now, request, place = heapq.heappop(events)
        if place == len(steps):
            done, place = done + 1, 0
            if done == 0:
                began = now
        step = steps[place]
        seconds, end = chance.uniform(step.low, step.high), now
        if servers := step.resource.servers:
            group = free.setdefault((step.resource.name, request % step.resource.groups), [0.0] * servers)
            end = max(now, group[0])
            heapq.heapreplace(group, end + seconds)
            used[step.resource.name] += seconds if done >= 0 else 0.0
        heapq.heappush(events, (end + seconds, request, place + 1))
    among = {step.resource.name: (step.resource.servers or 1) * step.resource.groups for step in steps}
    return Flow(rounds / (now - began), {name: time / (now - began) / among[name] for name, time in used.items()})
