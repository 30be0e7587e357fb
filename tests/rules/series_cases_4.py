"""Rules R163 to R184 as plain Python, with series: the thinnest cut, even slices, and studies of one patient."""

import datetime

from pydicom.dataset import Dataset

from tests.rules.datasets import Values, low, text
from tests.rules.series_corpus import (
    CORONAL,
    SAGITTAL,
    Corpus,
    SeriesCase,
    apart,
    change,
    image,
    new_uid,
    slices,
    stack,
    volumes,
)

D, B, S = "SeriesDescription", "BodyPartExamined", "StudyDescription"
CT, PT, MR = (image(Modality=modality) for modality in ("CT", "PT", "MR"))
CHEST = {"Modality": "CT", B: "CHEST", S: "CT", D: "axial"}
MATRIX = {"Rows": 512, "Columns": 512}


def steps(*lengths: float) -> list[Values]:
    """Give slices by the distances between them."""
    return stack(f"0 0 {round(sum(lengths[:count]), 6)}" for count in range(len(lengths) + 1))


def located(row: list[Values], **values: object) -> list[Values]:
    """Give images that say themselves where they lie along the normal."""
    return [{**one, "SliceLocation": str(one["ImagePositionPatient"]).split()[2], **values} for one in row]


def is_of_volume(one: Dataset, of: Corpus) -> bool:
    """Tell whether it has the matrix of the volume, and is the first one of its position."""
    same = [other for other in of.series(one).images if (other.Rows, other.Columns) == (one.Rows, one.Columns)]
    here = [other for other in same if other.ImagePositionPatient[2] == one.ImagePositionPatient[2]]
    return len(same) >= 4 and min(here, key=lambda other: other.InstanceNumber) is one


def date_of(one: Dataset) -> datetime.date:
    """Give the date of a study."""
    return datetime.date.fromisoformat(one.StudyDate)


def is_before_pet(one: Dataset, of: Corpus) -> bool:
    """Tell whether a study holds nothing but CT, and the patient has a PET/CT at most 60 days after it."""
    if {text(other, "Modality") for other in of.study(one).images} != {"CT"} or not text(one, "StudyDate"):
        return False
    return bool(text(one, "PatientID")) and any(
        text(other, "Modality") == "PT"
        and ("CT",) in of.study(other).values("Modality")
        and text(other, "StudyDate")
        and 1 <= (date_of(other) - date_of(one)).days <= 60
        for other in of.patient(one).images
    )


def study(date: str | None, *kinds: Values) -> list[Values]:
    """Give a study with a series of each kind."""
    return apart(*([kind] * 2 for kind in kinds), StudyInstanceUID=new_uid(), StudyDate=date)


CASES = {
    "R163": SeriesCase(
        lambda one, _: text(one, "Modality") == "CT",
        {
            "most": apart([CT] * 2, [CT] * 4, [CT] * 3),
            "as many": apart([CT] * 2, [CT] * 2),
            "two of one position": apart(slices(3, Modality="CT") * 2, slices(5, Modality="CT")),
            "of MR": apart([MR] * 5, [CT]),
            "one study after the other": [*study("20200101", CT, CT), *study("20200102", CT)],
        },
        best=lambda passed: -len(passed.whole),
    ),
    "R168": SeriesCase(
        lambda one, of: of.series(one).slices >= 4,
        {
            "good": slices(4),
            "three": slices(3),
            "five": slices(5, 0.5),
            "three, one twice": [*slices(3), *slices(1)],
            "three at two times": volumes(2, 3),
            "two near one another": [*slices(3), *stack(["0 0 2.009"])],
            "two not so near": [*slices(3), *stack(["0 0 2.011"])],
            "three planes": [
                *slices(2),
                *slices(2, ImageOrientationPatient=SAGITTAL),
                *slices(2, ImageOrientationPatient=CORONAL),
            ],
            "one without position": change(slices(5), [2], ImagePositionPatient=None),
            "one with an empty position": change(slices(5), [2], ImagePositionPatient=""),
            "no orientation": slices(5, ImageOrientationPatient=None),
        },
    ),
    "R170": SeriesCase(
        lambda one, of: of.series(one).variation <= max(0.1, 0.05 * of.series(one).spacing),
        {
            "good": slices(5, 2),
            "0.1 mm more": steps(2, 2, 2.1),
            "0.11 mm more": steps(2, 2, 2.11),
            "0.1 mm less": steps(1, 1, 0.9),
            "0.11 mm less": steps(1, 1, 0.89),
            **{f"5 % of {gap} mm": steps(gap, gap, round(1.05 * gap, 6)) for gap in (3, 4, 5, 6, 8, 10)},
            **{f"5 % less than {gap} mm": steps(gap, gap, round(0.95 * gap, 6)) for gap in (3, 4, 5, 6, 8, 10)},
            **{
                f"0.01 mm more than that, {gap}": steps(gap, gap, round(1.05 * gap + 0.01, 6))
                for gap in (3, 4, 5, 6, 8, 10)
            },
            **{
                f"5 % of 0.01 mm more, {gap}": steps(gap - 0.01, gap - 0.01, round(1.05 * gap - 0.01, 6))
                for gap in (3, 4, 5, 6, 8, 10)
            },
            "one missing": steps(2, 2, 4, 2),
            "two volumes": volumes(2, 3),
            "one position": slices(1),
            "one position, twice": slices(1) * 2,
            "localizer among them": [*slices(5), *stack([0], ImageOrientationPatient=CORONAL)],
        },
    ),
    "R173": SeriesCase(
        is_of_volume,
        {
            "good": located(slices(5), **MATRIX),
            "four": located(slices(4), **MATRIX),
            "three": located(slices(3), **MATRIX),
            "with localizers": [
                *located(slices(5), **MATRIX),
                *located(slices(2, ImageOrientationPatient=SAGITTAL), Rows=512, Columns=888),
            ],
            "with a localizer of as many rows": [
                *located(slices(5), **MATRIX),
                *located(stack(["0 0 -9"], ImageOrientationPatient=SAGITTAL), Rows=900, Columns=512),
            ],
            "repeats": [
                *located(slices(5), **MATRIX),
                *[{**one, "InstanceNumber": str(50 + place)} for place, one in enumerate(located(slices(5), **MATRIX))],
            ],
            "two by two": located(stack(number // 2 for number in range(8)), **MATRIX),
            "localizer at the same place": [
                *located(slices(5), **MATRIX),
                *located(slices(1, ImageOrientationPatient=SAGITTAL), Rows=512, Columns=888, InstanceNumber="0"),
                *located(slices(1, ImageOrientationPatient=SAGITTAL), Rows=888, Columns=512, InstanceNumber="0"),
            ],
            "repeat before": [
                *located(slices(5), **MATRIX),
                {**located(slices(2), **MATRIX)[1], "InstanceNumber": "0"},
            ],
        },
    ),
    "R175": SeriesCase(
        lambda one, of: 0.5 <= of.series(one).spacing <= 1.5 and of.series(one).slices >= 2,
        {
            "good": slices(5),
            "two": slices(2),
            "one": slices(1),
            **{f"{spacing} mm": slices(4, spacing) for spacing in (0.49, 0.5, 1.5, 1.51)},
            "one missing": steps(1, 1, 2, 1),
            "most missing": steps(1, 2, 2, 1, 2),
            "median of two": steps(1, 2),
            "median of two, above": steps(1, 2.1),
            "tilted": stack(f"0 {place * 3} {place}" for place in range(4)),
            "two planes": [*slices(3), *stack([0], ImageOrientationPatient=CORONAL)],
            "no position": [image()] * 3,
        },
    ),
    "R182": SeriesCase(
        lambda one, of: {("PT",), ("CT",)} <= of.study(one).values("Modality"),
        {
            "good": apart([PT], [CT], [MR]),
            "in one series": [PT, CT, image()],
            "PT alone": apart([PT], [MR]),
            "CT alone": [CT, CT],
            "in two studies": [*study(None, CT), *study(None, PT)],
            "of no study": apart([PT], [CT], StudyInstanceUID=None),
            "other case": [image(Modality="pt"), CT],
        },
    ),
    "R183": SeriesCase(
        lambda one, of: (
            of.study(one).count(lambda other: text(other, "Modality") != "CT") == 0
            and ("chest" in low(one, B) or any(word in low(one, S) for word in ("chest", "thorax", "torax")))
            and not any(word in low(one, D) for word in ("scout", "topogram"))
        ),
        {
            "good": [image(**CHEST)] * 2,
            "with PT": apart([image(**CHEST)] * 2, [PT]),
            "with no modality": apart([image(**CHEST)] * 2, [image()]),
            "with another CT": apart([image(**CHEST)], [CT]),
            "body part": [image(**{**CHEST, B: value}) for value in ("CHEST", "UPPER CHEST", "ABDOMEN", None, "")],
            "study": [
                image(**{**CHEST, B: None, S: value})
                for value in ("CT Chest", "TC de TORAX", "Thorax nativ", "Abdomen", None, "")
            ],
            "series": [image(**{**CHEST, D: value}) for value in ("Scout", "TOPOGRAM 0.6", "lung", "topo", None, "")],
        },
    ),
    "R184": SeriesCase(
        is_before_pet,
        {
            "good": [*study("20200101", CT), *study("20200110", PT, CT)],
            "nearest": [
                *study("20200101", CT),
                *study("20200105", CT, CT),
                *study("20200110", CT),
                *study("20200110", PT, CT),
                *study("20200111", CT),
            ],
            "60 days": [*study("20200101", CT), *study("20200301", PT, CT)],
            "61 days": [*study("20200101", CT), *study("20200302", PT, CT)],
            "same day": [*study("20200101", CT), *study("20200101", PT, CT)],
            "a day": [*study("20191231", CT), *study("20200101", PT, CT)],
            "two of a day": [*study("20200101", CT), *study("20200101", CT), *study("20200110", PT, CT)],
            "with MR": [*study("20200101", CT, MR), *study("20200110", PT, CT)],
            "with no modality": [*study("20200101", CT, image()), *study("20200110", PT, CT)],
            "PET alone": [*study("20200101", CT), *study("20200110", PT)],
            "PET and CT apart": [*study("20200101", CT), *study("20200110", PT), *study("20200110", CT)],
            "no date": [*study(None, CT), *study("20200110", PT, CT)],
            "no date of PET": [*study("20200101", CT), *study(None, PT, CT)],
            "no PET": study("20200101", CT),
            "of other patients": [
                *[{**one, "PatientID": "Q"} for one in study("20200101", CT)],
                *study("20200110", PT, CT),
            ],
            "of nobody": [{**one, "PatientID": None} for one in [*study("20200101", CT), *study("20200110", PT, CT)]],
        },
        one="StudyInstanceUID",
        per="PatientID",
        best=lambda passed: -date_of(passed.images[0]).toordinal(),
    ),
}
