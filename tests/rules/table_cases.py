"""Rules that need what no object holds: a table of patients, or of studies, beside plain Python that reads it, too."""

import csv
import datetime
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydicom.dataset import Dataset

from tests.rules.datasets import low, text

TABLE = b"""patient_id;study_uid;pcr;surgery
P1;1.7.1;2020-03-10;2020-04-01
P2;1.7.8;2020-03-01;
P2;;2020-03-17;
;1.7.4;;
p3;;;2019-01-01
"""
Rows = Sequence[Mapping[str, str]]
B, D = "BodyPartExamined", "SeriesDescription"


@dataclass(frozen=True)
class TableCase:
    """A rule.

    Attributes:
        passes: Tells of an image, all images of its study, and the rows of the table whether it passes.
        good: Attributes of an image of patient P1 that passes.
        others: Values of a keyword that it has instead, each in an image of its own.
    """

    passes: Callable[[Dataset, Sequence[Dataset], Rows], bool]
    good: Mapping[str, Any]
    others: Mapping[str, Sequence[Any]]

    def images(self) -> list[dict[str, Any]]:
        """Give the attributes of all images: each is of a study and a series of its own."""
        alike = {"PatientID": "P1", "StudyInstanceUID": "1.7.1", **self.good}
        changed = [{**alike, keyword: value} for keyword, values in self.others.items() for value in values]
        return [alike, *changed]


def rows_of(table: bytes) -> Rows:
    return list(csv.DictReader(io.StringIO(table.decode()), delimiter=";"))


def is_listed(one: Dataset, rows: Rows, column: str = "patient_id", keyword: str = "PatientID") -> bool:
    """Tell whether a column has its value; capital and small letters of a Patient ID are alike."""
    return bool(text(one, keyword)) and low(one, keyword) in {row[column].lower() for row in rows}


def days_after(one: Dataset, rows: Rows, column: str) -> list[int]:
    """Give the days from each date that the table has of its patient to its study."""
    if not text(one, "StudyDate") or not text(one, "PatientID"):
        return []
    studied = datetime.datetime.strptime(text(one, "StudyDate"), "%Y%m%d").date()  # noqa: DTZ007 - a day has no zone
    days = []
    for row in rows:
        if row["patient_id"].lower() == low(one, "PatientID"):
            try:
                days.append((studied - datetime.date.fromisoformat(row[column])).days)
            except ValueError:
                continue
    return days


def years(one: Dataset) -> float:
    """Give the age in whole years: as it is written, else from the birth date; none is NaN."""
    if text(one, "PatientAge"):
        return int(text(one, "PatientAge")[:3]) if text(one, "PatientAge").endswith("Y") else 0
    born, studied = text(one, "PatientBirthDate"), text(one, "StudyDate")
    if not born or not studied:
        return float("nan")
    return int(studied[:4]) - int(born[:4]) - (studied[4:] < born[4:])


def is_chest_ct(one: Dataset) -> bool:
    return text(one, "Modality") == "CT" and text(one, B).upper() == "CHEST"


def modalities(images: Sequence[Dataset]) -> set[str]:
    return {text(one, "Modality") for one in images}


PATIENTS = ["P1", "p1", "P2", "P3", "P4", "", None]
CASES = {
    "R133": TableCase(
        lambda one, study, rows: {"CT", "SEG"} <= modalities(study) and is_listed(one, rows),
        {"Modality": "CT", "also": "SEG"},
        {"PatientID": PATIENTS, "also": ["MR", None], "Modality": ["SEG", "PT"]},
    ),
    "R190": TableCase(
        lambda one, _, rows: is_listed(one, rows, "study_uid", "StudyInstanceUID"),
        {"Modality": "CT"},
        {"StudyInstanceUID": ["1.7.8", "1.7.4", "1.7.9", "1.7.11"]},
    ),
    "R195": TableCase(
        lambda one, _, rows: (
            years(one) >= 18 and is_chest_ct(one) and any(abs(days) <= 7 for days in days_after(one, rows, "pcr"))
        ),
        {"Modality": "CT", B: "CHEST", "PatientAge": "040Y", "StudyDate": "20200312"},
        {
            "StudyDate": ["20200303", "20200302", "20200317", "20200318", "20190310", "", None],
            "PatientAge": ["018Y", "017Y", "017M", ""],
            "PatientID": PATIENTS,
            "Modality": ["MR", None],
            B: ["chest", "HEAD", None],
        },
    ),
    "R196": TableCase(
        lambda one, _, rows: (
            years(one) >= 18
            and text(one, "Modality") == "MR"
            and any(days < 0 for days in days_after(one, rows, "surgery"))
        ),
        {"Modality": "MR", "PatientBirthDate": "20020331", "StudyDate": "20200331"},
        {
            "PatientBirthDate": ["20020330", "20020401", "", None],
            "StudyDate": ["20200401", "20200402", "20180101", "", None],
            "PatientID": PATIENTS,
            "Modality": ["CT", None],
        },
    ),
    "R197": TableCase(
        lambda one, _, rows: is_chest_ct(one) and "venous" in low(one, D) and is_listed(one, rows),
        {"Modality": "CT", B: "CHEST", D: "Thorax portal-VENOUS 2.0"},
        {D: ["arterial", "venous", "", None], "PatientID": PATIENTS, B: ["ABDOMEN", ""], "Modality": ["MR"]},
    ),
    "R199": TableCase(
        lambda one, _, rows: (
            text(one, "Modality") in {"CT", "CR", "DX"}
            and "20200201" <= text(one, "StudyDate") <= "20200531"
            and is_listed(one, rows)
        ),
        {"Modality": "CR", "StudyDate": "20200401"},
        {
            "StudyDate": ["20200201", "20200131", "20200531", "20200601", "", None],
            "Modality": ["CT", "DX", "MR", ""],
            "PatientID": PATIENTS,
        },
    ),
    "R200": TableCase(
        lambda one, _, rows: (
            is_chest_ct(one)
            and not text(one, "ContrastBolusAgent")
            and any(days < 0 for days in days_after(one, rows, "surgery"))
        ),
        {"Modality": "CT", B: "CHEST", "StudyDate": "20200301"},
        {
            "ContrastBolusAgent": ["", "Iomeprol", None],
            "StudyDate": ["20200331", "20200401", "20200501", None],
            "PatientID": PATIENTS,
            B: ["HEAD"],
        },
    ),
}
