"""How far two masks overlap."""

import numpy as np
import numpy.typing as npt


def dice(first: npt.NDArray[np.bool_], other: npt.NDArray[np.bool_]) -> float:
    return float(2 * (first & other).sum() / (first.sum() + other.sum()))
