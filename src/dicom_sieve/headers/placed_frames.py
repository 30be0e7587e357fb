"""Where each frame of an enhanced object lies, and what tells its volumes apart: the geometry of its series needs both.

What `dicom_sieve.headers.frames` says of all frames together does not tell which position belongs to which volume.
"""

from collections.abc import Iterator, Sequence
from functools import cache

from dicom_sieve.criteria.measures import FRAME_VOLUME_KEYWORDS
from dicom_sieve.dicom.dictionary import key_of
from dicom_sieve.dicom.marks import NOT_KEPT
from dicom_sieve.headers.frames import Item, Value

FRAMES = "frames"
"""Under which it stands in the sum of the functional groups: no attribute is called so."""
NUMBER = "number"
POSITIONS, ORIENTATIONS, VOLUMES = "positions", "orientations", "volumes"
"""Under which each has the different texts, in the order in which they come first; left out where all are empty.
Positions and orientations are written as they stand, with backslashes between their values."""
OF_FRAMES = "of_"
"""Before a name: the place of the text of each frame, with spaces between them; left out where all have the same."""
END_OF_PART = ";"
"""Between what tells volumes apart."""
_POSITION = (key_of("PlanePositionSequence"), key_of("ImagePositionPatient"))
_ORIENTATION = (key_of("PlaneOrientationSequence"), key_of("ImageOrientationPatient"))


def place_frames(frames: Sequence[Item]) -> Item:
    """Give what the geometry of a series needs of each frame.

    Args:
        frames: The items of Per-frame Functional Groups (5200,9230); what all have in common stands elsewhere.
    """
    placed: dict[str, Value] = {NUMBER: [str(len(frames))]}
    for name, texts in (
        (POSITIONS, [position_of(frame) for frame in frames]),
        (ORIENTATIONS, [orientation_of(frame) for frame in frames]),
        (VOLUMES, [END_OF_PART.join(volume_of(frame)) for frame in frames]),
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


def volume_of(groups: Item) -> list[str]:
    """Give what functional groups say of the volume of a frame: a text an attribute, sorted."""
    return sorted(_volume_of(groups))


def _volume_of(groups: Item) -> Iterator[str]:
    for key, values in groups.items():
        if key in _volume_keys():
            yield f"{key}={_joined(values)}"
        else:
            for part in values:
                if not isinstance(part, str):
                    yield from _volume_of(part)


@cache
def _volume_keys() -> frozenset[str]:
    return frozenset(map(key_of, FRAME_VOLUME_KEYWORDS))


def _text(groups: Item, sequence: str, key: str) -> str:
    items = groups.get(sequence, ())
    parts = [NOT_KEPT if isinstance(item, str) else _joined(item.get(key, ())) for item in items]
    return NOT_KEPT if any(NOT_KEPT in part for part in parts) else "\\".join(parts)


def _joined(values: Value) -> str:
    return "\\".join(value for value in values if isinstance(value, str))
