"""One of few things for each of many rows."""

from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")
Codes = NDArray[np.unsignedinteger]


@dataclass(frozen=True, slots=True, eq=False)
class Coded(Generic[T]):
    """One of few things for each of many rows.

    Attributes:
        things: Each that occurs, once.
        codes: For each row the place of its thing in `things`.
    """

    things: tuple[T, ...]
    codes: Codes
