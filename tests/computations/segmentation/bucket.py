"""A bucket of phantoms, each spoilt in its own way, and what is to become of it."""

import random
from collections.abc import Callable, Iterator
from typing import Any

import pydicom
from pydicom.uid import MRImageStorage

from tests.computations.segmentation.phantom import Phantom, to_bytes

PHANTOM = Phantom(shape=(30, 80, 80), spacing=(4.0, 3.0, 3.0))
CRITERIA = [
    {"dicom_tag": ["0008", "0060"], "operation": "IN", "reference": ["CT", "MR"]},
    {"dicom_tag": ["0008", "0020"], "operation": "GREATER", "reference": "2022-01-01"},
]
Objects = dict[str, bytes]


def slices(name: str, phantom: Phantom = PHANTOM, **attributes: Any) -> list[pydicom.Dataset]:
    """Give the slices of a phantom that passes, with attributes set on each."""
    made = list(phantom.instances(name))
    for instance in made:
        instance.StudyDate = "20230314"
        with pydicom.config.disable_value_validation():
            for keyword, value in attributes.items():
                instance.pop(keyword, None)  # with the validation that it was read by
                setattr(instance, keyword, value)
    return made


def objects(name: str, datasets: list[pydicom.Dataset]) -> Objects:
    """Give the objects of a series; their keys tell nothing of their order."""
    keys = [f"{name}/{number:03}" for number in range(len(datasets))]
    random.Random(name).shuffle(keys)
    with pydicom.config.disable_value_validation():
        return {key: to_bytes(dataset) for key, dataset in zip(keys, datasets, strict=True)}


def whole(name: str) -> Objects:
    return objects(name, slices(name))


def one_discarded(name: str) -> Objects:
    made = slices(name)
    made[4].StudyDate = "20191231"
    return objects(name, made)


def slice_missing(name: str) -> Objects:
    made = slices(name)
    del made[12]
    return objects(name, made)


def slice_twice(name: str) -> Objects:
    made = slices(name)
    return {**objects(name, made), f"{name}/a copy": to_bytes(made[7])}


def other_modality(name: str) -> Objects:
    made = slices(name, Modality="MR", SOPClassUID=MRImageStorage)
    for instance in made:
        instance.file_meta.MediaStorageSOPClassUID = MRImageStorage
    return objects(name, made)


SERIES: dict[str, Callable[[str], Objects]] = {
    "whole": whole,
    "one discarded": one_discarded,
    "slice missing": slice_missing,
    "slice twice": slice_twice,
    "changed": whole,
    "other modality": other_modality,
}


def series_uid(name: str) -> str:
    """Give the Series Instance UID of a phantom of that name."""
    return str(next(PHANTOM.instances(name)).SeriesInstanceUID)


def fill(client: Any, bucket: str, *names: str) -> None:
    """Put series into a bucket."""
    for name in names:
        for key, body in SERIES[name](name).items():
            client.put_object(Bucket=bucket, Key=key, Body=body)


def instance_uids(name: str) -> Iterator[str]:
    """Give the SOP Instance UIDs of a phantom of that name."""
    return (str(instance.SOPInstanceUID) for instance in PHANTOM.instances(name))
