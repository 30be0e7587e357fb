"""Made stacks of slices, by key: with gaps, volumes and duplicates, some odd, some of which one object is damaged."""

import random

from tests.columns.made_series import made_series
from tests.columns.naive_geometry import NaiveImage
from tests.screening.made_series import bytes_of

_NUMBERS = ("", None, "abc", "1\\2", "07")
_THICKNESSES = ("2.5", "2.50", "1E1", "10", "x", "1\\2", "", None, "0")
_IMAGE_TYPES = ("ORIGINAL\\PRIMARY\\AXIAL", "DERIVED\\SECONDARY", "ORIGINAL\\PRIMARY\\M\\MOSAIC", "", None)


def some_stacks(chance: random.Random, name: str, series: int, first: int = 0) -> dict[str, bytes]:
    """Make the objects of some series.

    Args:
        chance: Decides all.
        name: Of the bucket: series of two names are different.
        series: How many.
        first: Number of the first series.
    """
    objects: dict[str, bytes] = {}
    for number in range(first, first + series):
        common = {"SliceThickness": chance.choice(_THICKNESSES), "ImageType": chance.choice(_IMAGE_TYPES[:2])}
        for place, image in enumerate(made_series(chance)):
            objects[f"{name}/{number:04}/{place:03}"] = slice_of(chance, f"{name}.{number}", place, image, common)
    return objects


def slice_of(chance: random.Random, series: str, place: int, image: NaiveImage, common: dict[str, str | None]) -> bytes:
    """Make one object."""
    values = {
        "SOPClassUID": "1.2.840.10008.5.1.4.1.1.2",
        "StudyInstanceUID": f"1.2.{series}",
        "SeriesInstanceUID": f"1.3.{series}",
        "SOPInstanceUID": f"1.4.{series}.{place}",
        "Modality": "CT",
        "EchoNumbers": str(image.volume),
        "InstanceNumber": str(place + chance.choice([1, 1, 1, 2])),
        **common,
    }
    if image.state != "ABSENT":
        values["ImagePositionPatient"] = "\\".join(image.position)
        values["ImageOrientationPatient"] = "\\".join(f"{cosine:g}" for cosine in image.orientation)
    if image.state == "UNKNOWN":
        values["ImagePositionPatient"] = chance.choice(["a\\b\\c", "1\\2", "1\\2\\3\\4"])
    if chance.random() < 0.03:
        values["InstanceNumber"] = chance.choice(_NUMBERS)
    if chance.random() < 0.03:
        values["NumberOfFrames"] = chance.choice(["1", "3", "", "0", "x"])
    if chance.random() < 0.02:
        values["SliceThickness"] = chance.choice(_THICKNESSES)
    if chance.random() < 0.02:
        values["ImageType"] = chance.choice(_IMAGE_TYPES)
    cut_at = (
        chance.choice(["InstanceNumber", "EchoNumbers", "ImagePositionPatient"]) if chance.random() < 0.02 else None
    )
    return bytes_of(values, cut_at if cut_at in values else None)
