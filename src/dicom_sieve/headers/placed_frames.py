"""Where each frame of an enhanced object lies, and what tells its volumes apart: the geometry of its series needs both.

What `dicom_sieve.headers.frames` says of all frames together does not tell which position belongs to which volume.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, TypeAlias

import orjson

from dicom_sieve.criteria.measures import FRAME_VOLUME_PATHS
from dicom_sieve.dicom.dictionary import key_of
from dicom_sieve.dicom.marks import NOT_KEPT
from dicom_sieve.headers.frames import Item, Value

FRAMES = "frames"
"""Under which it stands in the sum of the functional groups: no attribute is called so."""
NUMBER = "number"
POSITIONS, ORIENTATIONS, VOLUMES = "positions", "orientations", "volumes"
"""Under which each has what differs, in the order in which it comes first; left out where all is empty. Positions and
orientations are texts as they stand, with backslashes between their values; volumes are the texts of `volume_of`."""
OF_FRAMES = "of_"
"""Before a name: which of these each frame has, by place, with spaces between them; left out where there is one."""
MOST_FRAMES = 128 * 1024
"""More than an object has that is read: an item takes eight bytes, and groups of more than a MiB are not kept."""
_POSITION = (key_of("PlanePositionSequence"), key_of("ImagePositionPatient"))
_ORIENTATION = (key_of("PlaneOrientationSequence"), key_of("ImageOrientationPatient"))
_Tree: TypeAlias = Mapping[str, "_Tree"]


def place_frames(frames: Sequence[Item]) -> Item:
    """Give what the geometry of a series needs of each frame.

    Args:
        frames: The items of Per-frame Functional Groups (5200,9230); what all have in common stands elsewhere.
    """
    placed: dict[str, Value] = {NUMBER: [str(len(frames))]}
    for name, texts in (
        (POSITIONS, [position_of(frame) for frame in frames]),
        (ORIENTATIONS, [orientation_of(frame) for frame in frames]),
        (VOLUMES, [written_volume(volume_of(frame)) for frame in frames]),
    ):
        places: dict[str, int] = {}
        of_frames = [places.setdefault(text, len(places)) for text in texts]
        if any(places):
            placed[name] = list(places)
        if len(places) > 1:
            placed[OF_FRAMES + name] = [" ".join(map(str, of_frames))]
    return placed


def position_of(groups: Item) -> str:
    """Give the text of Image Position (Patient) (0020,0032) in functional groups; empty where there is none."""
    return _text(groups, *_POSITION)


def orientation_of(groups: Item) -> str:
    """Give the text of Image Orientation (Patient) (0020,0037) in functional groups; empty where there is none."""
    return _text(groups, *_ORIENTATION)


def volume_of(groups: Item) -> dict[str, str]:
    """Give what functional groups say of the volume of a frame: texts by path, NOT_KEPT of what is not known."""
    return dict(_volume_of(groups, _volume_tree(), ""))


def written_volume(volume: Mapping[str, str]) -> str:
    """Write what tells volumes apart: equal ones are written alike; empty where nothing does."""
    return orjson.dumps(volume, option=orjson.OPT_SORT_KEYS).decode() if volume else ""


def read_volume(text: str) -> dict[str, str]:
    """Read what `written_volume` wrote."""
    volume: dict[str, str] = orjson.loads(text) if text else {}
    return volume


def _volume_of(groups: Item, tree: _Tree, path: str) -> Iterator[tuple[str, str]]:
    for key in groups.keys() & tree.keys():
        values, below = groups[key], tree[key]
        if not below or NOT_KEPT in values:
            yield path + key, _joined(values)
            continue
        for item in values:
            if not isinstance(item, str):
                yield from _volume_of(item, below, f"{path}{key}.")


@cache
def _volume_tree() -> _Tree:
    tree: dict[str, dict[str, Any]] = {}
    for path in FRAME_VOLUME_PATHS:
        below = tree
        for name in path.split("."):
            below = below.setdefault(key_of(name), {})
    return tree


def _text(groups: Item, sequence: str, key: str) -> str:
    items = groups.get(sequence, ())
    parts = [NOT_KEPT if isinstance(item, str) else _joined(item.get(key, ())) for item in items]
    return NOT_KEPT if any(NOT_KEPT in part for part in parts) else "\\".join(parts)


def _joined(values: Value) -> str:
    return "\\".join(value for value in values if isinstance(value, str))
