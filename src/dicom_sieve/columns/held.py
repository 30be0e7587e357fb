"""The headers that a snapshot holds, and how often: sums of changes, as arrays in the order of the headers' ids."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dicom_sieve.columns.lookup import Numbers


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """The distinct headers of a snapshot's objects.

    Attributes:
        ids: Of the headers, ascending.
        instances: Of each, in the snapshot.
        bytes: Of these instances.
    """

    ids: Numbers
    instances: Numbers
    bytes: Numbers


def add_up(ids: Numbers, instances: Numbers, size: Numbers) -> Held:
    """Add up changes, in any order; a header that is added and removed as often is not held."""
    order = np.argsort(ids, kind="stable")
    ids = ids[order]
    starts = np.flatnonzero(np.diff(ids, prepend=-1))
    if not len(starts):
        return Held(ids, instances, size)
    added_up, of_bytes = np.add.reduceat(instances[order], starts), np.add.reduceat(size[order], starts)
    is_held = added_up > 0
    return Held(ids[starts][is_held], added_up[is_held], of_bytes[is_held])


def joined(parts: Sequence[Held]) -> Held:
    """Give headers whose ids ascend from part to part."""
    nothing = np.zeros(0, np.int64)
    return Held(
        np.concatenate([nothing, *(part.ids for part in parts)]),
        np.concatenate([nothing, *(part.instances for part in parts)]),
        np.concatenate([nothing, *(part.bytes for part in parts)]),
    )


def is_same(left: Held, right: Held) -> bool:
    """Tell whether both hold the same."""
    pairs = (left.ids, right.ids), (left.instances, right.instances), (left.bytes, right.bytes)
    return all(np.array_equal(*pair) for pair in pairs)
