"""Rules R142 to R157 as plain Python, with series: whole volumes, and the best of several."""

import math
import re
from typing import Any

from pydicom.dataset import Dataset

from tests.rules.datasets import low, nested, number, text, texts
from tests.rules.series_cases_2 import planes
from tests.rules.series_corpus import (
    SAGITTAL,
    Corpus,
    Group,
    Row,
    SeriesCase,
    apart,
    change,
    image,
    slices,
    stack,
)

D, B = "SeriesDescription", "BodyPartExamined"
CHEST: dict[str, Any] = {
    "Modality": "CT",
    "SliceThickness": "2.5",
    "PixelSpacing": "0.7 0.7",
    "ImageType": "ORIGINAL\\PRIMARY\\AXIAL",
    "Rows": 512,
    "Columns": 512,
}
GOOD = slices(101, 2.5, **CHEST)
LOCALIZER: dict[str, Any] = {**GOOD[0], "ImageType": "ORIGINAL\\PRIMARY\\LOCALIZER"}
VOLUME = slices(50, 2.5, **CHEST)
WORDS = (
    *("head", "brain", "skull", "sinus", "maxillofacial", "neck", "spine", "sternum", "bone", "abdomen", "abd"),
    *("adrenal", "liver", "kidney", "colon", "pelvis", "femoral", "leg", "extremity", "abscess", "needle", "drain"),
    *("circleofwillis", "tavr", "mip", "arterial", "venous", "delay", "runoff", "enhanced"),
)
HEART: dict[str, Any] = {
    "Modality": "CT",
    "SliceThickness": "3",
    D: "Cardiac CaSc",
    "StudyDescription": "Chest",
    B: "HEART",
}
CC: dict[str, Any] = {"ViewCodeSequence": [{"CodeValue": "399162004", "CodingSchemeDesignator": "SCT"}]}
MLO: dict[str, Any] = {"ViewCodeSequence": [{"CodeValue": "399368009", "CodingSchemeDesignator": "SCT"}]}
T2: dict[str, Any] = {D: "t2_tse_tra", "PixelSpacing": "0.5 0.5"}


def is_chest_volume(one: Dataset, of: Corpus) -> bool:
    """Tell whether an image, and its series as a whole, is of a volume of the chest."""
    series = of.series(one)
    return (
        text(one, "Modality") == "CT"
        and 1.5 <= number(one, "SliceThickness") <= 3.5
        and len(series) > 100
        and series.slices == len(series)
        and len(series.values("PixelSpacing")) == 1
        and len(series.values("ImageOrientationPatient")) == 1
        and series.count(lambda other: "LOCALIZER" in texts(other, "ImageType")) == 0
    )


def is_for_segmentation(one: Dataset, of: Corpus) -> bool:
    """Tell whether a series is a volume for segmentation."""
    series = of.series(one)
    alike = ("ImageOrientationPatient", "PixelSpacing", "Rows", "Columns")
    return (
        text(one, "Modality") == "CT"
        and all(len(series.values(keyword)) == 1 for keyword in alike)
        and series.normal is not None
        and len({tuple(other.ImagePositionPatient[:2]) for other in series.images}) == 1
        and series.slices == len(series)
        and abs(series.normal[2]) >= 0.99
        and series.variation < 0.01
        and len(series) >= 50
    )


def score(one: Dataset) -> int:
    """Add up what speaks for the left CC view."""
    views = [text(code, "CodeValue") for code in nested(one, "ViewCodeSequence")]
    is_left = any("L" in value for value in texts(one, "PatientOrientation"))
    return 10 * ("399162004" in views) + 5 * is_left + 20 * ("L CC" in text(one, D))


def views() -> dict[str, Row]:
    """Give studies of two series each, whose images have each pair of scores."""
    each = [
        {**view, D: words, "PatientOrientation": orientation}
        for view in (CC, MLO, {})
        for words in ("L CC", "l cc", None)
        for orientation in ("A\\L", "P\\R", None)
    ]
    pairs = [(first, second) for first in range(0, 27, 2) for second in range(1, 27, 3)]
    pairs += [(first + number + 1, first + number) for first in range(0, 27, 3) for number in range(2)]
    return {f"{first} and {second}": apart([each[first]], [each[second]]) for first, second in pairs}


def finest(passed: Group) -> tuple[float, float]:
    """Prefer more slices, then finer pixels."""
    spacings = [float(value) for one in passed.images for value in texts(one, "PixelSpacing")]
    count = passed.whole.slices
    return -(0 if math.isnan(count) else count), min(spacings, default=math.inf)


def is_calcium_scan(one: Dataset, of: Corpus) -> bool:
    """Tell whether a series may show calcium."""
    series = of.series(one)
    has_orientation = any(texts(other, "ImageOrientationPatient") for other in series.images)
    return (
        text(one, "Modality") == "CT"
        and 0.5 <= number(one, "SliceThickness") <= 5
        and len(series) > 15
        and not text(one, "ContrastBolusAgent")
        and (series.is_axial or not has_orientation)
        and not any(word in low(one, keyword) for word in WORDS for keyword in ("StudyDescription", D, B))
        and not re.search(r"(?<!\S)a/p(?!\S)", low(one, D))
    )


CASES = {
    "R142": SeriesCase(
        is_chest_volume,
        {
            "good": GOOD,
            "100": GOOD[:100],
            "102": [*GOOD, *stack([900], **CHEST)],
            "one twice": [*GOOD, GOOD[5]],
            "one twice, another acquisition": [*GOOD, {**GOOD[5], "AcquisitionNumber": "2"}],
            "localizer among them": [*GOOD, {**LOCALIZER, "ImageOrientationPatient": SAGITTAL}],
            "one says localizer": change(GOOD, [4], ImageType="ORIGINAL\\PRIMARY\\LOCALIZER"),
            "one without a type": change(GOOD, [4], ImageType=None),
            **{f"one is {value} thick": change(GOOD, [7], SliceThickness=value) for value in ("1.5", "3.50", "1.49")},
            **{f"one is {value} thick ": change(GOOD, [7], SliceThickness=value) for value in ("3.51", None, "")},
            "other pixels": change(GOOD, [3], PixelSpacing="0.7 0.71"),
            "other digits": change(GOOD, [3], PixelSpacing="0.70 0.700"),
            "one without pixel spacing": change(GOOD, [3], PixelSpacing=None),
            "no pixel spacing": slices(101, 2.5, **{**CHEST, "PixelSpacing": None}),
            "other cosines": change(GOOD, [3], ImageOrientationPatient="1 0 0 0 0.999999 0.001"),
            "one without position": change(GOOD, [3], ImagePositionPatient=None),
            "one of MR": change(GOOD, [3], Modality="MR"),
            "two of a study": apart(GOOD, GOOD),
            "second of a study": apart(GOOD[:50], GOOD),
        },
        is_whole=True,
        best=lambda _: 0,
    ),
    "R144": SeriesCase(
        is_for_segmentation,
        {
            "good": VOLUME,
            "49": VOLUME[:49],
            "49 and a repeat": [*VOLUME[:49], VOLUME[0]],
            "repeat": [*VOLUME, VOLUME[9]],
            "repeat of another time": [*VOLUME, {**VOLUME[9], "AcquisitionNumber": "2"}],
            "gap": [*VOLUME, *stack([127.5], **CHEST)],
            "0.009 mm off": [*VOLUME, *stack(["0 0 125.009"], **CHEST)],
            "0.01 mm off": [*VOLUME, *stack(["0 0 125.01"], **CHEST)],
            "0.02 mm off": [*VOLUME, *stack(["0 0 124.98"], **CHEST)],
            "an image beside": change(VOLUME, [49], ImagePositionPatient="3 0 122.5"),
            "one in the middle beside": change(VOLUME, [20], ImagePositionPatient="0 -0.5 50"),
            "tilted": stack((f"0 {place * 0.1:.6f} {place * 2.5}" for place in range(50)), **CHEST),
            "gantry tilted by 5 deg": slices(
                50, 2.5, **{**CHEST, "ImageOrientationPatient": "1 0 0 0 0.9961947 0.0871557"}
            ),
            "gantry tilted by 8.1 deg": slices(
                50, 2.5, **{**CHEST, "ImageOrientationPatient": "1 0 0 0 0.9900237 0.1409012"}
            ),
            "gantry tilted by 8.2 deg": slices(
                50, 2.5, **{**CHEST, "ImageOrientationPatient": "1 0 0 0 0.9897764 0.1426290"}
            ),
            "oblique along its normal": stack(
                (f"0 {-0.0871557 * place:.6f} {0.9961947 * place:.6f}" for place in range(50)),
                **{**CHEST, "ImageOrientationPatient": "1 0 0 0 0.9961947 0.0871557"},
            ),
            "other cosines": change(VOLUME, [3], ImageOrientationPatient="1 0 0 0 1 0.0001"),
            "other matrix": change(VOLUME, [3], Rows=256),
            "other columns": change(VOLUME, [3], Columns=256),
            "other pixels": change(VOLUME, [3], PixelSpacing="0.8 0.8"),
            "no matrix": slices(50, 2.5, **{**CHEST, "Rows": None}),
            "localizer": [*VOLUME, {**LOCALIZER, "ImageOrientationPatient": SAGITTAL}],
            "one of MR": change(VOLUME, [3], Modality="MR"),
            "sagittal": stack(
                (f"{place} 0 0" for place in range(50)), **{**CHEST, "ImageOrientationPatient": SAGITTAL}
            ),
        },
    ),
    "R148": SeriesCase(lambda one, _: score(one) > 0, views(), best=lambda passed: -max(map(score, passed.images))),
    "R152": SeriesCase(
        lambda one, of: (
            sum(int(text(other, "NumberOfFrames") or 1) for other in of.series(one).images if text(other, "Rows")) >= 1
        ),
        {
            "good": [image(Rows=64, NumberOfFrames="20")],
            "one frame": [image(Rows=64, NumberOfFrames="1")],
            "no number": [image(Rows=64)],
            "empty number": [image(Rows=64, NumberOfFrames="")],
            "no frame": [image(Rows=64, NumberOfFrames="0")],
            "no image": [image()],
            "one is no image": [image(), image(Rows=64)],
            "frames of no image": [image(NumberOfFrames="3")],
        },
    ),
    "R155": SeriesCase(
        lambda one, _: "t2" in low(one, D),
        {
            "most slices": apart(slices(3, **T2), slices(5, **T2), slices(4, **T2)),
            "finest pixels": apart(
                *(slices(3, **{**T2, "PixelSpacing": value}) for value in ("0.5 0.5", "0.400 0.4", "0.45 0.45"))
            ),
            "alike": apart(slices(3, **T2), slices(3, **{**T2, "PixelSpacing": "0.50 0.50"})),
            "repeats are no slices": apart(slices(3, **T2) * 2, slices(4, **T2)),
            "unknown slices come last": apart(
                [*slices(9, **T2), {**slices(1, **T2)[0], "ImageOrientationPatient": SAGITTAL}], slices(2, **T2)
            ),
            "no geometry, finer": apart([image(**T2)] * 9, [image(**{**T2, "PixelSpacing": "0.3 0.3"})]),
            "no pixel spacing comes last": apart(slices(3, SeriesDescription="T2"), slices(3, **T2)),
            "most slices of another role": apart(slices(2, **T2), slices(9, SeriesDescription="adc")),
            "another role": slices(3, SeriesDescription="adc"),
        },
        best=finest,
    ),
    "R157": SeriesCase(
        is_calcium_scan,
        {
            "good": slices(16, 3, **HEART),
            "15": slices(15, 3, **HEART),
            **{name: [{**row[0], "InstanceNumber": None}] * 12 + list(row) for name, row in planes(**HEART).items()},
            "thickness": [
                {**one, "SliceThickness": (None, "", "0.49", "0.50", "5.0", "5.01")[place % 6]}
                for place, one in enumerate(slices(18, **HEART))
            ],
            "agent": [
                {**one, "ContrastBolusAgent": (None, "", "Omnipaque")[place % 3]}
                for place, one in enumerate(slices(18, **HEART))
            ],
            **{
                keyword: [
                    {**one, keyword: (*WORDS, None, "", "CHEST", "CT THORAX")[place]}
                    for place, one in enumerate(slices(len(WORDS) + 4, **HEART))
                ]
                for keyword in ("StudyDescription", D, B)
            },
            "words within": change(slices(16, **HEART), [3], SeriesDescription="Two-leg study"),
            "A/P": [
                {**one, D: ("A/P", "CT a/p 3mm", "3mm A/P", "A/P x", "xA/P", "A/Px", "CT A/P/C", "A / P")[place % 8]}
                for place, one in enumerate(slices(16, **HEART))
            ],
            "modality": change(change(slices(16, **HEART), [0], Modality="MR"), [1], Modality=None),
        },
    ),
}
