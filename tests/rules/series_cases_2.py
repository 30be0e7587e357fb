"""Rules R110 to R129 as plain Python, with series: how many images they have, their plane, the one with most."""

from typing import Any

from tests.rules.datasets import low, number, text
from tests.rules.series_corpus import (
    AXIAL,
    CORONAL,
    SAGITTAL,
    SeriesCase,
    apart,
    change,
    image,
    slices,
    stack,
)

D, M = "SeriesDescription", "Manufacturer"
GE_NUMBERS = ("1200", "1201", "1202", "1203", "1301", "1501")
MAKERS = ("agfa", "canon", "carestream", "fujifilm", "hitachi", "siemens", "toshiba")
NUMBERED: dict[str, Any] = {"ge medical systems": (*GE_NUMBERS, "1000"), "philips": ("9000", "1151418")}
SCREENED = ("localizer", "localiser", "scout", "positioning", "mip")
WORDS = (
    *SCREENED,
    *("screen save", "lungscreening result", "key_images", "color", "casc", "cardiac_fundction_global_findings_1"),
    *("dose info", "dose report", "dose record", "patient protocol", "enhancement curve", "exam summary"),
    *("medrad injection images", "sectra reconstruction", "impax volume viewing", "evidence documents"),
)
GE: dict[str, Any] = {"Modality": "CT", M: "GE MEDICAL SYSTEMS", "SeriesNumber": "2", D: "Chest"}
SIEMENS: dict[str, Any] = {"Modality": "MR", M: "Siemens Healthineers", "SeriesNumber": "1200", D: "t1"}
CT: dict[str, Any] = {"Modality": "CT", "SliceThickness": "2.5"}
MR: dict[str, Any] = {"Modality": "MR", "SliceThickness": "2.5", "MagneticFieldStrength": "1.5"}
TURNED_24_9 = "1 0 0 0 0.9070444 0.4210356"
TURNED_25_1 = "1 0 0 0 0.9055688 0.4241997"


def is_of_maker(maker: str, series_number: str) -> bool:
    """Tell whether a maker is one of nine, and the series none of those that its devices number so."""
    for begin, numbers in NUMBERED.items():
        if maker.startswith(begin):
            return bool(series_number) and series_number not in numbers
    return maker.startswith(MAKERS)


def planes(**values: object) -> dict[str, list[dict[str, object]]]:
    """Give series whose planes lie in each way."""
    orientations = {
        "axial": AXIAL,
        "axial from above": "1 0 0 0 -1 0",
        "axial, turned in its plane": "0 1 0 -1 0 0",
        "coronal": CORONAL,
        "sagittal": SAGITTAL,
        "24.9 deg": TURNED_24_9,
        "25.1 deg": TURNED_25_1,
        "no orientation": None,
        "not perpendicular": "1 0 0 0.5 0.8660254 0",
    }
    found: dict[str, Any] = {
        name: slices(4, 3, ImageOrientationPatient=given, **values) for name, given in orientations.items()
    }
    axial = found["axial"]
    return {
        **found,
        "localizer among them": [*axial, {**axial[0], "ImageOrientationPatient": SAGITTAL}],
        "localizer without position": [*axial, {**axial[0], "ImagePositionPatient": None}],
        "half a degree apart": change(axial, [1], ImageOrientationPatient="1 0 0 0 0.9999619 0.0087265"),
        "one image": axial[:1],
    }


CASES = {
    "R110": SeriesCase(
        lambda one, of: (
            text(one, "Modality") in ("CT", "PT")
            and low(one, M).startswith("ge medical systems")
            and text(one, "SeriesNumber") not in ("", *GE_NUMBERS)
            and not any(word in low(one, D) for word in SCREENED)
            and len(of.series(one)) >= 2
        ),
        {
            "good": [image(**GE)] * 2,
            "one alone": [image(**GE)],
            "two of three": [image(**GE), image(**{**GE, "Modality": "MR"}), image(**GE)],
            "one of two passes": [image(**GE), image(**{**GE, "Modality": "MR"})],
            **{f"PT {value}": [image(**{**GE, "Modality": value})] * 2 for value in ("PT", "PET", None)},
            **{
                f"made by {value}": [image(**{**GE, M: value})] * 2
                for value in ("ge medical systems/x", "GE", "A GE MEDICAL SYSTEMS", None)
            },
            **{
                f"number {value}": [image(**{**GE, "SeriesNumber": value})] * 2
                for value in (*GE_NUMBERS, "1204", "120", None, "")
            },
            **{
                f"description {value}": [image(**{**GE, D: value})] * 2
                for value in (*map(str.upper, SCREENED), "chest mip 3", "scot", None, "")
            },
        },
    ),
    "R111": SeriesCase(
        lambda one, of: (
            text(one, "Modality") in ("CT", "MR")
            and is_of_maker(low(one, M), text(one, "SeriesNumber"))
            and len(of.series(one)) >= 6
            and not any(word in low(one, D) for word in WORDS)
        ),
        {
            "good": [image(**SIEMENS)] * 6,
            "five": [image(**SIEMENS)] * 5,
            "seven": [image(**SIEMENS)] * 7,
            **{
                f"made by {value}": [image(**{**SIEMENS, M: value, "SeriesNumber": None})] * 6
                for value in (*MAKERS, *map(str.upper, NUMBERED), "acuson", None)
            },
            **{
                f"{maker} {value}": [image(**{**SIEMENS, M: maker, "SeriesNumber": value})] * 6
                for maker in NUMBERED
                for value in (*GE_NUMBERS, "9000", "1151418", "1000", "5", "")
            },
            "modalities": [image(**{**SIEMENS, "Modality": value}) for value in ("CT", "MR", "PT", None, "", "MR")],
            "descriptions": [image(**{**SIEMENS, D: value}) for value in (*WORDS, "Dose  Info", "t1 MIP", None, "")],
        },
    ),
    "R126": SeriesCase(
        lambda one, of: text(one, "Modality") == "CT" and of.series(one).is_axial and number(one, "SliceThickness") > 2,
        {
            **planes(**CT),
            "thickness": [
                {**one, "SliceThickness": (None, "", "2", "2.0", "2.01", "20")[place % 6]}
                for place, one in enumerate(slices(12, **CT))
            ],
            "modality": change(change(slices(3, **CT), [0], Modality="MR"), [1], Modality=None),
        },
    ),
    "R128": SeriesCase(
        lambda one, of: text(one, "Modality") == "CT",
        {
            "fewer, same, more": apart(*([image(Modality="CT")] * count for count in (3, 5, 4))),
            "as many": apart(*([image(Modality="CT")] * 2 for _ in range(3))),
            "most are of MR": apart([image(Modality="CT")], [image(Modality="MR")] * 9),
            "those of MR count": apart([image(Modality="CT")] * 2, [*[image(Modality="MR")] * 2, image(Modality="CT")]),
            "one alone": [image(Modality="CT")],
            "no modality": [image()],
            "of two studies of a patient": [
                *apart([image(Modality="CT")], [image(Modality="CT")] * 2, StudyInstanceUID="1.7.1", PatientID="P"),
                *apart([image(Modality="CT")], StudyInstanceUID="1.7.2", PatientID="P"),
            ],
        },
        best=lambda passed: -len(passed.whole),
    ),
    "R129": SeriesCase(
        lambda one, of: (
            2.5 <= number(one, "SliceThickness") <= 5
            and number(one, "MagneticFieldStrength") >= 1.5
            and of.series(one).is_axial
        ),
        {
            **planes(**MR),
            "thickness": [
                {**one, "SliceThickness": (None, "2.49", "2.5", "5.00", "5.01", "")[place % 6]}
                for place, one in enumerate(slices(6, **MR))
            ],
            "field": [
                {**one, "MagneticFieldStrength": (None, "1.4", "1.50", "3", "", "15000")[place % 6]}
                for place, one in enumerate(slices(6, **MR))
            ],
            "one coronal": stack([0], ImageOrientationPatient=CORONAL, **MR),
        },
    ),
}
