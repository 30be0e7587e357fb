"""What a change of what others rely on means for the version (Semantic Versioning 2.0.0). See docs/compatibility.md."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum

from scripts.surfaces import TOLD


class Step(IntEnum):
    """How far the version has to go."""

    NONE = 0
    MINOR = 1
    MAJOR = 2


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is not as it was.

    Attributes:
        name: What changed.
        before: What it was; None where it is new.
        now: What it is; None where it is gone.
        step: What it means for the version.
    """

    name: str
    before: str | None
    now: str | None
    step: Step

    def describe(self) -> str:
        """Say it in a line."""
        return f"{self.step.name}: {self.name}: {self.before or 'was not there'} -> {self.now or 'is gone'}"


def changes(before: Mapping[str, str], now: Mapping[str, str], kind: str) -> Iterator[Change]:
    """Compare a surface with what it was.

    Args:
        before: As it was released.
        now: As it is.
        kind: What others do with it: see `scripts.surfaces`.
    """
    for name in sorted({*before, *now}):
        was, became = before.get(name), now.get(name)
        if was != became:
            yield Change(name, was, became, _step(name, was, became, kind))


def next_version(released: str, step: Step) -> str:
    """Give the lowest version that may follow; before 1.0.0 each part counts one place further to the right."""
    major, minor, patch = map(int, released.split("."))
    place = step if major else step - 1 if step else Step.NONE
    if step is Step.NONE:
        return released
    if place == Step.MAJOR:
        return f"{major + 1}.0.0"
    return f"{major}.{minor + 1}.0" if place == Step.MINOR else f"{major}.{minor}.{patch + 1}"


def allows(version: str, released: str, step: Step) -> bool:
    """Tell whether a version is far enough from the one that was released."""
    return _numbers(version) >= _numbers(next_version(released, step))


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def _step(name: str, was: str | None, became: str | None, kind: str) -> Step:
    if kind == TOLD:
        return _step_of_what_is_read(was, became)
    if was is None:
        return Step.MAJOR if str(became).startswith(("required", "limit")) else Step.MINOR
    if became is None:
        return Step.MINOR if was.startswith("limit") else Step.MAJOR
    if was.startswith("limit"):
        return Step.MINOR if _is_wider(name, was, became) else Step.MAJOR
    return Step.MINOR if was.replace("required", "optional", 1) == became else Step.MAJOR


def _step_of_what_is_read(was: str | None, became: str | None) -> Step:
    if was is None:
        return Step.MINOR
    is_surer = became is not None and was.replace("optional", "required", 1) == became
    return Step.MINOR if is_surer else Step.MAJOR


def _is_wider(name: str, was: str, became: str) -> bool:
    before, now = (json.loads(text.removeprefix("limit ")) for text in (was, became))
    limit = name.rpartition(" ")[2]
    if limit.startswith(("max", "exclusiveMax")):
        return bool(now > before)
    return limit.startswith(("min", "exclusiveMin")) and bool(now < before)
