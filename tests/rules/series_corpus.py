"""Series, studies and patients to select from: whole DICOM files, and how an oracle looks at them."""

import functools
import itertools
import math
import struct
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from tests.rules.datasets import Values, read, text, texts

AXIAL, CORONAL, SAGITTAL = "1 0 0 0 1 0", "1 0 0 0 0 -1", "0 1 0 0 0 -1"
Row = Sequence[Values]
"""Images that show one way to pass or to fail."""
_BINARY = {"US": "<H", "FD": "<d", "UL": "<I"}
_LONG = {"SQ", "UT", "OB"}


_NUMBERS = itertools.count(10_000)


def new_uid() -> str:
    """Give a UID that no other image has."""
    return f"1.9.{next(_NUMBERS)}"


def image(**values: Any) -> Values:
    """Give one image; what is None it does not have."""
    return values


def stack(places: Iterable[Any], each: Callable[[int], Values] = lambda _: {}, **values: Any) -> list[Values]:
    """Give images in a row.

    Args:
        places: Where each lies: z, or x, y and z as a text.
        each: What differs from image to image, by number from 0.
        values: What is the same.
    """
    alike = {"ImageOrientationPatient": AXIAL, **values}
    positions = [place if isinstance(place, str) and " " in place else f"0 0 {place}" for place in places]
    return [
        {**alike, "InstanceNumber": str(number + 1), "ImagePositionPatient": position, **each(number)}
        for number, position in enumerate(positions)
    ]


def slices(count: int, spacing: float = 1, **values: Any) -> list[Values]:
    """Give evenly spaced images."""
    return stack((round(number * spacing, 6) for number in range(count)), **values)


def volumes(count: int, positions: int = 1, **values: Any) -> list[Values]:
    """Give the same positions several times, each time with another acquisition number."""
    return stack(
        (place for _ in range(count) for place in range(positions)),
        lambda number: {"AcquisitionNumber": str(number // positions + 1)},
        **values,
    )


def change(row: Row, numbers: Iterable[int] = (0,), **values: Any) -> list[Values]:
    """Give a row of which some images are changed."""
    changed = set(numbers)
    return [{**one, **values} if number in changed else one for number, one in enumerate(row)]


def apart(*rows: Row, **values: Any) -> list[Values]:
    """Give one row of several series, in the order of their UIDs, which are `values` alike."""
    return [{"SeriesInstanceUID": uid, **one, **values} for row in rows for uid in [new_uid()] for one in row]


def rows(good: Mapping[str, Any], /, **others: Sequence[Any]) -> dict[str, Row]:
    """Give series of one image: a good one, and for each value of a keyword one that differs in it."""
    found: dict[str, Row] = {"good": [good]}
    for keyword, each in others.items():
        found.update({f"{keyword} {value}": [{**good, keyword: value}] for value in each})
    return found


def _number_or_text(value: str) -> float | str:
    try:
        return float(value)
    except ValueError:
        return value.upper()


class Group:
    """The images of a series, a study or a patient. What cannot be told is NaN: nothing is true of it.

    Attributes:
        images: What is in it.
        whole: Of what passes: the series or study that it is of.
    """

    def __init__(self, images: Sequence[Dataset], whole: "Group | None" = None) -> None:
        self.images, self.whole = images, whole or self

    def __len__(self) -> int:
        return len(self.images)

    def count(self, meets: Callable[[Dataset], bool]) -> int:
        """Count the images of which something is true."""
        return sum(map(meets, self.images))

    def series(self, meets: Callable[[Dataset], bool]) -> int:
        """Count the series with such an image."""
        return len({one.SeriesInstanceUID for one in self.images if meets(one)})

    def values(self, keyword: str) -> set[tuple[Any, ...]]:
        """Give the different values of an attribute: of numbers, whatever their digits."""
        return {tuple(map(_number_or_text, texts(one, keyword))) for one in self.images if texts(one, keyword)}

    @cached_property
    def firsts(self) -> list[Dataset]:
        """One image of each series."""
        return list({one.SeriesInstanceUID: one for one in self.images}.values())

    @cached_property
    def normal(self) -> Any:
        """The mean normal; None: there is none, or the images do not face one way."""
        if not all(one.get("ImageOrientationPatient") and one.get("ImagePositionPatient") for one in self.images):
            return None
        cosines = np.array([one.ImageOrientationPatient for one in self.images], float)
        if (np.abs((cosines[:, :3] * cosines[:, 3:]).sum(axis=1)) > 1e-3).any():
            return None
        crosses = np.cross(cosines[:, :3], cosines[:, 3:])
        crosses /= np.linalg.norm(crosses, axis=1, keepdims=True)
        mean = crosses.mean(axis=0)
        mean /= np.linalg.norm(mean) or 1
        return mean if (crosses @ mean >= math.cos(math.radians(1))).all() else None

    @cached_property
    def levels(self) -> dict[float, int]:
        """How many images lie at each position along the normal, in its order; less than 0.01 mm apart is one."""
        if self.normal is None:
            return {}
        along = np.array([one.ImagePositionPatient for one in self.images], float) @ self.normal
        found: dict[float, int] = {}
        last = -math.inf
        for place in sorted(np.round(along, 6).tolist()):
            key = next(reversed(found)) if round(place - last, 6) < 0.01 else place
            found[key], last = found.get(key, 0) + 1, place
        return found

    @property
    def slices(self) -> float:
        """How many positions there are."""
        return len(self.levels) or math.nan

    @property
    def volumes(self) -> float:
        """How many images each position has."""
        return next(iter(self.levels.values())) if len(set(self.levels.values())) == 1 else math.nan

    @cached_property
    def gaps(self) -> Any:
        """The distances of neighbouring positions."""
        return np.round(np.diff(list(self.levels)), 4)

    @property
    def spacing(self) -> float:
        """Their median."""
        return float(np.median(self.gaps)) if len(self.gaps) else math.nan

    @property
    def variation(self) -> float:
        """The largest deviation from it."""
        return round(float(np.abs(self.gaps - self.spacing).max()), 4) if len(self.gaps) else math.nan

    @property
    def is_axial(self) -> bool:
        """Whether the normal is at most 25 degrees from the patient's axis."""
        return self.normal is not None and bool(abs(self.normal[2]) >= math.cos(math.radians(25)))


class Corpus:
    """All that is selected from, as an oracle sees it.

    Args:
        files: By key.
    """

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.images = {key: read(file) for key, file in files.items()}
        self._groups: dict[tuple[str, ...], dict[tuple[str, ...], Group]] = {}

    def _group(self, one: Dataset, *keywords: str) -> Group:
        if keywords not in self._groups:
            members = defaultdict(list)
            for each in self.images.values():
                members[tuple(text(each, keyword) for keyword in keywords)].append(each)
            self._groups[keywords] = {key: Group(images) for key, images in members.items()}
        key = tuple(text(one, keyword) for keyword in keywords)
        return self._groups[keywords][key] if all(key) else Group([])

    def series(self, one: Dataset) -> Group:
        """Give the series of an image."""
        return self._group(one, "SeriesInstanceUID")

    def study(self, one: Dataset) -> Group:
        """Give its study; it is empty where none is known."""
        return self._group(one, "StudyInstanceUID")

    def patient(self, one: Dataset) -> Group:
        """Give its patient, likewise."""
        return self._group(one, "PatientID")


@dataclass(frozen=True)
class SeriesCase:
    """A rule as plain Python, and rows that show each way to pass it and to fail.

    Attributes:
        passes: The oracle, written from the rule's sentence: of one image.
        rows: By name; the first one passes, but for what is chosen. Each is a series, study and patient of its own,
            unless its images say otherwise.
        is_whole: Whether one image that fails discards its series.
        one: What one is chosen of, by keyword.
        per: For each of what.
        best: Of a group's images that pass, a key: the least one is chosen, at last by UID. None: nothing is chosen.
    """

    passes: Callable[[Dataset, Corpus], bool]
    rows: Mapping[str, Row]
    is_whole: bool = False
    one: str = "SeriesInstanceUID"
    per: str = "StudyInstanceUID"
    best: Callable[[Group], Any] | None = None

    def files(self) -> dict[str, bytes]:
        """Write all rows."""
        return dict(_written(self.rows))

    def passed(self, corpus: Corpus) -> set[str]:
        """Give the keys of what the rule selects."""
        passed = {key: one for key, one in corpus.images.items() if self.passes(one, corpus)}
        if self.is_whole:
            ids = {id(one) for one in passed.values()}
            passed = {
                key: one for key, one in passed.items() if all(id(other) in ids for other in corpus.series(one).images)
            }
        if self.best is None:
            return set(passed)
        candidates: dict[str, dict[str, list[Dataset]]] = defaultdict(lambda: defaultdict(list))
        for one in passed.values():
            if text(one, self.per):
                candidates[text(one, self.per)][text(one, self.one)].append(one)
        whole = corpus.series if self.one == "SeriesInstanceUID" else corpus.study
        chosen = set()
        for among in candidates.values():
            keys = {uid: self.best(Group(images, whole(images[0]))) for uid, images in among.items()}
            chosen.add(min(keys, key=lambda uid: (keys[uid], uid)))
        return {key for key, one in passed.items() if text(one, self.one) in chosen}


def _written(named: Mapping[str, Row]) -> Iterator[tuple[str, bytes]]:
    number = 0
    for place, (name, row) in enumerate(named.items(), 1):
        own = {
            "SOPClassUID": CTImageStorage,
            "StudyInstanceUID": f"1.2.{place}",
            "SeriesInstanceUID": f"1.2.{place}.1",
            "PatientID": f"P{place}",
        }
        for values in row:
            number += 1
            yield f"{name}/{number}", to_bytes({**own, **values, "SOPInstanceUID": f"1.2.3.{number}"})


def to_bytes(values: Values) -> bytes:
    """Write a DICOM file (PS3.10) with some values; pydicom takes a hundred times as long."""
    meta = _data_set({"TransferSyntaxUID": ExplicitVRLittleEndian, "MediaStorageSOPClassUID": values["SOPClassUID"]})
    length = b"\x02\0\0\0UL\4\0" + struct.pack("<I", len(meta))
    return bytes(128) + b"DICM" + length + meta + _data_set(values)


def _data_set(values: Values) -> bytes:
    elements = (
        _element(keyword, tuple(map(_data_set, value)) if isinstance(value, list) else value)
        for keyword, value in values.items()
        if value is not None
    )
    return b"".join(encoded for _, encoded in sorted(elements))


@functools.cache
def _element(keyword: str, value: Any) -> tuple[int, bytes]:
    """Encode an element: a text, in which a space stands between the numbers of a DS; a number; items of a sequence."""
    tag = tag_for_keyword(keyword) or 0
    vr = dictionary_VR(tag)
    if isinstance(value, tuple):
        data = b"".join(b"\xfe\xff\0\xe0" + struct.pack("<I", len(item)) + item for item in value)
    elif vr in _BINARY:
        data = struct.pack(_BINARY[vr], value)
    else:
        data = (str(value).replace(" ", "\\") if vr == "DS" else str(value)).encode()
        data += (b"\0" if vr == "UI" else b" ") * (len(data) % 2)
    head = struct.pack("<HH", tag >> 16, tag & 0xFFFF) + vr.encode()
    size = b"\0\0" + struct.pack("<I", len(data)) if vr in _LONG else struct.pack("<H", len(data))
    return tag, head + size + data
