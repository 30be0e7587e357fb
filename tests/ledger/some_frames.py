"""Made series as enhanced objects: some frames in each, written in ways that the standard allows."""

import random
from collections.abc import Mapping, Sequence
from typing import Any

from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from tests.columns.naive_geometry import NaiveImage

_WAYS = ("echo", "time", "diffusion")
"""What tells the volumes of a series apart."""


def enhanced_objects(chance: random.Random, series: str, images: Sequence[NaiveImage]) -> list[Dataset]:
    """Make the objects of one series, of one image or several each."""
    left, objects, way = list(images), list[Dataset](), chance.choice(_WAYS)
    while left:
        many = chance.choice([1, 2, 5, len(left)])
        objects.append(enhanced_object(chance, f"{series}.{len(objects)}", series, left[:many], way))
        left = left[many:]
    return objects


def enhanced_object(
    chance: random.Random, uid: str, series: str, images: Sequence[NaiveImage], way: str = "echo"
) -> Dataset:
    """Make an object with a frame for each image; what all have alike stands in the shared groups at times."""
    dataset = Dataset()
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.4.1"
    dataset.SOPInstanceUID, dataset.SeriesInstanceUID, dataset.StudyInstanceUID = f"1.4.{uid}", f"1.3.{series}", "1.2.9"
    dataset.Modality, dataset.NumberOfFrames, dataset.InstanceNumber = "MR", len(images), chance.randrange(1, 4)
    shared, frames = Dataset(), [Dataset() for _ in images]
    for name, values in {
        "PlanePositionSequence": [_position(chance, image) for image in images],
        "PlaneOrientationSequence": [_orientation(image) for image in images],
        **_volumes(images, way),
    }.items():
        is_shared = all(value == values[0] for value in values) and chance.random() < 0.5
        for target, value in zip([shared] if is_shared else frames, values, strict=False):
            if value is not None:
                setattr(target, name, [_item(value)])
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SharedFunctionalGroupsSequence = [shared]
    dataset.PerFrameFunctionalGroupsSequence = frames
    return dataset


def _position(chance: random.Random, image: NaiveImage) -> Mapping[str, Any] | None:
    if image.state == "ABSENT":
        return chance.choice([None, {"ImagePositionPatient": None}])
    if image.state == "UNKNOWN":
        return {"ImagePositionPatient": chance.choice([["1", "2"], ["1", "2", "3", "4"]])}
    return {"ImagePositionPatient": list(image.position)}


def _orientation(image: NaiveImage) -> Mapping[str, Any] | None:
    return None if image.state == "ABSENT" else {"ImageOrientationPatient": [f"{part:g}" for part in image.orientation]}


def _volumes(images: Sequence[NaiveImage], way: str) -> Mapping[str, list[Any]]:
    numbers = [image.volume for image in images]
    if way == "echo":
        return {"MREchoSequence": [{"EffectiveEchoTime": 5.0 * number} for number in numbers]}
    if way == "time":
        return {"FrameContentSequence": [{"TemporalPositionIndex": number + 1} for number in numbers]}
    directions = [[{"DiffusionGradientOrientation": [1.0 * number, 0.0, 1.0]}] for number in numbers]
    return {
        "MRDiffusionSequence": [
            {"DiffusionBValue": 1000.0, "DiffusionGradientDirectionSequence": direction} for direction in directions
        ]
    }


def _item(values: Mapping[str, Any]) -> Dataset:
    item = Dataset()
    for name, value in values.items():
        is_sequence = isinstance(value, list) and value and isinstance(value[0], Mapping)
        setattr(item, name, [_item(part) for part in value] if is_sequence else value)
    return item
