"""What is known of each of many things: a number, that there is none, or that it cannot be decided."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

S = TypeVar("S", bound=np.generic)
UNIT = 1e-6
"""Numbers that were worked out are rounded to this: 2.5 is 2.5, not 2.4999999999."""
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


class FactState(IntEnum):
    """What is known."""

    VALUE = 0
    ABSENT = 1
    UNDECIDED = 2


@dataclass(frozen=True, slots=True, eq=False)
class Fact:
    """A number of each of many things, or why there is none.

    Attributes:
        values: NaN where there is none.
        states: A `FactState` each.
    """

    values: Floats
    states: NDArray[np.uint8]


def fact_of(values: Floats, states: NDArray[np.uint8]) -> Fact:
    """Make a fact; values that are not known do not matter."""
    return Fact(np.where(states == FactState.VALUE, values, np.nan), states)


def join_facts(facts: Sequence[Fact]) -> Fact:
    """Give the facts of several parts, one behind the other."""
    values = join_arrays([fact.values for fact in facts], np.float64)
    return Fact(values, join_arrays([fact.states for fact in facts], np.uint8))


def join_arrays(parts: Sequence[NDArray[S]], kind: type[S]) -> NDArray[S]:
    """Give the elements of several arrays, or of none, one behind the other."""
    return np.concatenate(parts) if parts else np.zeros(0, kind)


def states_of(is_absent: Flags, is_decided: Flags) -> NDArray[np.uint8]:
    """Give the state of each thing: one that is absent is no more to be decided."""
    known = np.where(is_decided, FactState.VALUE, FactState.UNDECIDED)
    return np.where(is_absent, FactState.ABSENT, known).astype(np.uint8)


def rounded(values: Floats) -> Floats:
    """Round to a multiple of `UNIT`, as the double that is nearest to its decimal."""
    return np.asarray(np.rint(values * (1 / UNIT)) / (1 / UNIT))
