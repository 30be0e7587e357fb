"""A made place as a manager meets it: chest CT and MR of several years, thick and thin, with localizers among them."""

import random
from collections.abc import Iterator

from dicom_sieve.objects import Location
from tests.screening.screenings import ct, mr
from tests.support.simulated_store import SimulatedStore

PLACE = Location("https://made", "challenge-tech")
AXIAL, SAGITTAL = [1, 0, 0, 0, 1, 0], [0, 1, 0, 0, 0, -1]
SEED = 20_261_131
PATIENTS = 40


def objects() -> Iterator[tuple[str, bytes]]:
    """Give objects of some 120 series of 40 patients, each with its key."""
    chance = random.Random(SEED)
    for patient in range(PATIENTS):
        age = chance.choice([3, 12, 17, 18, 25, 44, 61, 80, None])
        for number in range(chance.choice([2, 3, 4])):
            year = 2012 + (patient * 7 + number * 3) % 15
            part = chance.choice(["CHEST", "THORAX", "HEAD", "ABDOMEN", None])
            thickness = chance.choice(["0.75", "1", "2.5", "3", "5", "8"])
            name = chance.choice(["Chest angio", "Thorax lung", "Localizer", "Head plain", "Topogram", None])
            values = {
                "PatientID": f"P{patient:03}",
                "StudyInstanceUID": f"2.25.{patient + 1}.{year}",
                "StudyDate": f"{year}{chance.randrange(1, 13):02}{chance.randrange(1, 28):02}",
                "SliceThickness": thickness,
                "ImageOrientationPatient": chance.choice([AXIAL, AXIAL, SAGITTAL]),
                **({"PatientAge": f"{age:03}Y"} if age is not None else {}),
                **({"BodyPartExamined": part} if part else {}),
                **({"SeriesDescription": f"{name} {thickness}"} if name else {}),
            }
            make, series = chance.choice([ct, ct, mr]), f"2.25.{patient + 1}.{year}.{number + 1}"
            for place in range(chance.choice([2, 4, 6])):
                at = {"ImagePositionPatient": [0, place, place * 2], "InstanceNumber": str(place + 1)}
                key = f"{patient:03}/{number}/{place:03}.dcm"
                yield key, make(series, f"{series}.{place + 1}", **values, **at)


def store() -> SimulatedStore:
    """Give a store that holds them."""
    return SimulatedStore(dict(objects()), location=PLACE)
