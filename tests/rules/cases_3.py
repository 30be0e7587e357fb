"""Rules R118 to R200 as plain Python, with datasets."""

from fractions import Fraction

from pydicom.dataset import Dataset

from tests.rules.datasets import Case, low, nested, number, text, texts

D, P, I = "SeriesDescription", "ProtocolName", "ImageType"  # noqa: E741
ABSENT = (None, "")
LATERAL = ("BodyPartExamined", P, D, "ViewPosition", "ImageComments", "AcquisitionDeviceProcessingDescription")
B_VALUE = "0043,39 GEMS_PARM_01 IS"
STEPS = ("CHEST (PORTABLE AP)", "CHEST (PA AND LAT)")
PANCREAS, LIVER = [{"CodeMeaning": "Pancreas"}], [{"CodeMeaning": "Liver"}]


def seconds(dataset: Dataset, keyword: str) -> float | None:
    """Give a time of day in seconds."""
    found = text(dataset, keyword)
    return int(found[:2]) * 3600 + int(found[2:4]) * 60 + float(found[4:]) if len(found) >= 6 else None


def is_of_a_phase(dataset: Dataset) -> bool:
    """Tell whether the acquisition began in one of three spans after the injection."""
    injected, acquired = seconds(dataset, "ContrastBolusStartTime"), seconds(dataset, "AcquisitionTime")
    if injected is None or acquired is None:
        return False
    return any(first <= acquired - injected <= last for first, last in ((40, 50), (60, 70), (150, 240)))


def tissue(*codes: str) -> list[dict[str, object]]:
    """Make a specimen whose anatomic structure is modified by codes."""
    modifiers = [{"CodeValue": code} for code in codes]
    return [{"PrimaryAnatomicStructureSequence": [{"PrimaryAnatomicStructureModifierSequence": modifiers}]}]


CASES = {
    "R118": Case(
        lambda ds: text(ds, "DeviceSerialNumber") in ("10001", "10002"),
        {"DeviceSerialNumber": "10001"},
        {"DeviceSerialNumber": ["10002", "010001", "100010", *ABSENT]},
    ),
    "R120": Case(
        lambda ds: (
            bool(text(ds, "StudyDescription"))
            and text(ds, "Modality") == "CT"
            and bool(text(ds, D))
            and {"PRIMARY", "ORIGINAL"} <= set(texts(ds, I))
        ),
        {"StudyDescription": "chest", "Modality": "CT", D: "axial", I: ["ORIGINAL", "PRIMARY"]},
        {
            "StudyDescription": ["x", None],
            "Modality": ["MR", *ABSENT],
            D: ["x", None],
            I: [["PRIMARY", "ORIGINAL"], "ORIGINAL", *ABSENT],
        },
    ),
    "R123": Case(
        lambda ds: (
            bool(text(ds, "StudyDescription"))
            and text(ds, "Modality") == "CT"
            and {"PRIMARY", "ORIGINAL", "AXIAL"} <= set(texts(ds, I))
            and bool(text(ds, D))
            and not any(word in low(ds, D) for word in ("cor", "sag"))
            and 3 <= number(ds, "SliceThickness") <= 5
        ),
        {
            "StudyDescription": "chest",
            "Modality": "CT",
            I: ["ORIGINAL", "PRIMARY", "AXIAL"],
            D: "ax",
            "SliceThickness": "3",
        },
        {
            "StudyDescription": ["x", None],
            "Modality": ["MR", *ABSENT],
            I: [["ORIGINAL", "PRIMARY"], ["DERIVED", "PRIMARY", "AXIAL"], *ABSENT],
            D: ["Coronal", "record", "SAG", *ABSENT],
            "SliceThickness": ["5", "5.0", "5.01", "2.99", *ABSENT],
        },
    ),
    "R124": Case(lambda ds: text(ds, "Modality") == "CT", {"Modality": "CT"}, {"Modality": ["CTA", "MR", *ABSENT]}),
    "R131": Case(
        lambda ds: text(ds, "Modality") == "MR" and text(ds, "BodyPartExamined") == "PROSTATE",
        {"Modality": "MR", "BodyPartExamined": "PROSTATE"},
        {"Modality": ["CT", *ABSENT], "BodyPartExamined": ["PELVIS", "PROSTATE GLAND", *ABSENT]},
    ),
    "R132": Case(lambda ds: text(ds, "Modality") == "CT", {"Modality": "CT"}, {"Modality": ["PT", *ABSENT]}),
    "R134": Case(
        lambda ds: (
            text(ds, "Modality") == "MR"
            and texts(ds, I)[:1] == ["ORIGINAL"]
            and (0x0043, 0x1039) in ds
            and [str(value) for value in as_list(ds[0x0043, 0x1039].value)][:1] == ["1400"]
        ),
        {"Modality": "MR", I: ["ORIGINAL", "PRIMARY"], B_VALUE: [1400, 8, 0, 0]},
        {
            "Modality": ["CT", *ABSENT],
            I: [["PRIMARY", "ORIGINAL"], "ORIGINAL", *ABSENT],
            B_VALUE: [1400, [8, 1400], [1000, 8], None],
        },
    ),
    "R136": Case(
        lambda ds: (
            text(ds, "Modality") == "SEG"
            and not any(
                keyword in ds
                for keyword in ("ReferencedSeriesSequence", "ReferencedImageSequence", "SourceImageSequence")
            )
        ),
        {"Modality": "SEG"},
        {
            "Modality": ["CT", *ABSENT],
            "ReferencedSeriesSequence": [[{"SeriesInstanceUID": "1.2"}]],
            "ReferencedImageSequence": [[{"ReferencedSOPInstanceUID": "1.2"}]],
            "SourceImageSequence": [[{"ReferencedSOPInstanceUID": "1.2"}]],
        },
    ),
    "R137": Case(
        lambda ds: any(
            "prostate" in low(code, "CodeMeaning")
            for keyword in ("SegmentedPropertyTypeCodeSequence", "AnatomicRegionSequence")
            for code in nested(ds, "SegmentSequence", keyword)
        ),
        {"SegmentSequence": [{"SegmentedPropertyTypeCodeSequence": [{"CodeMeaning": "Prostate"}]}]},
        {
            "SegmentSequence": [
                [{"AnatomicRegionSequence": [{"CodeMeaning": "peripheral zone of the prostate"}]}],
                [
                    {"SegmentedPropertyTypeCodeSequence": LIVER},
                    {"SegmentedPropertyTypeCodeSequence": [{"CodeMeaning": "PROSTATE"}]},
                ],
                [{"SegmentedPropertyTypeCodeSequence": LIVER}],
                [{"SegmentLabel": "Prostate"}],
                [],
                None,
            ]
        },
    ),
    "R138": Case(
        lambda ds: (
            text(ds, "Modality") == "SM"
            and texts(ds, I)[2:3] == ["VOLUME"]
            and str(ds.file_meta.TransferSyntaxUID)
            in ("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91")
            and any(
                text(code, "CodeValue") in ("17621005", "86049000")
                for code in nested(
                    ds,
                    "SpecimenDescriptionSequence",
                    "PrimaryAnatomicStructureSequence",
                    "PrimaryAnatomicStructureModifierSequence",
                )
            )
        ),
        {
            "Modality": "SM",
            I: ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"],
            "TransferSyntaxUID": "1.2.840.10008.1.2.4.50",
            "SpecimenDescriptionSequence": tissue("17621005"),
        },
        {
            "Modality": ["CT", *ABSENT],
            I: [["ORIGINAL", "PRIMARY", "LABEL"], ["VOLUME", "PRIMARY", "NONE"], ["ORIGINAL", "VOLUME"], *ABSENT],
            "TransferSyntaxUID": ["1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91", "1.2.840.10008.1.2.1"],
            "SpecimenDescriptionSequence": [
                tissue("86049000"),
                tissue("1", "86049000"),
                tissue("1"),
                tissue(),
                [],
                None,
            ],
        },
    ),
    "R139": Case(
        lambda ds: (
            text(ds, "Modality") == "SM"
            and any(
                low(code, "CodeMeaning") == "pancreas"
                for code in nested(ds, "SpecimenDescriptionSequence", "PrimaryAnatomicStructureSequence")
            )
        ),
        {"Modality": "SM", "SpecimenDescriptionSequence": [{"PrimaryAnatomicStructureSequence": PANCREAS}]},
        {
            "Modality": ["CT", *ABSENT],
            "SpecimenDescriptionSequence": [
                [{"PrimaryAnatomicStructureSequence": LIVER}],
                [{"PrimaryAnatomicStructureSequence": LIVER}, {"PrimaryAnatomicStructureSequence": PANCREAS}],
                [{"PrimaryAnatomicStructureSequence": [{"CodeMeaning": "Head of Pancreas"}]}],
                [{"SpecimenIdentifier": "Pancreas"}],
                None,
            ],
        },
    ),
    "R140": Case(
        lambda ds: (
            text(ds, "Modality") == "SR"
            and any(
                low(code, "CodeMeaning") == "finding"
                for code in nested(ds, "ContentSequence", "ContentSequence", "ConceptNameCodeSequence")
            )
        ),
        {
            "Modality": "SR",
            "ContentSequence": [{"ContentSequence": [{"ConceptNameCodeSequence": [{"CodeMeaning": "Finding"}]}]}],
        },
        {
            "Modality": ["CT", *ABSENT],
            "ContentSequence": [
                [{"ConceptNameCodeSequence": [{"CodeMeaning": "Finding"}]}],
                [{"ContentSequence": [{"ConceptNameCodeSequence": [{"CodeMeaning": "Finding Site"}]}]}],
                [{"ContentSequence": [{"TextValue": "x"}, {"ConceptNameCodeSequence": [{"CodeMeaning": "Finding"}]}]}],
                None,
            ],
        },
    ),
    "R141": Case(
        lambda ds: (
            text(ds, "Modality") == "MR"
            and text(ds, "BodyPartExamined") == "PROSTATE"
            and ("dwi" in low(ds, D) or ("diff" in low(ds, D) and "appa" not in low(ds, D)))
        ),
        {"Modality": "MR", "BodyPartExamined": "PROSTATE", D: "DWI b1000"},
        {
            "Modality": ["CT", *ABSENT],
            "BodyPartExamined": ["PELVIS", *ABSENT],
            D: ["ep2d_diff", "diff_APPA", "DWI APPA", "t2", *ABSENT],
        },
    ),
    "R147": Case(
        lambda ds: any("AXIAL" in value for value in texts(ds, I)),
        {I: ["ORIGINAL", "PRIMARY", "AXIAL"]},
        {I: [["ORIGINAL", "PRIMARY"], "AXIAL", "TRIAXIAL", *ABSENT]},
    ),
    "R153": Case(
        lambda ds: low(ds, D) in ("adc", "apparent diffusion coefficient"),
        {D: "ADC"},
        {D: ["Apparent Diffusion Coefficient", "adc ", "ADC map", *ABSENT]},
    ),
    "R156": Case(
        lambda ds: "LOCALIZER" not in texts(ds, I),
        {I: ["ORIGINAL", "PRIMARY", "AXIAL"]},
        {I: [["ORIGINAL", "PRIMARY", "LOCALIZER"], *ABSENT]},
    ),
    "R161": Case(
        lambda ds: number(ds, "SliceThickness") <= Fraction("5") and bool(texts(ds, "PixelSpacing")),
        {"SliceThickness": "5", "PixelSpacing": ["0.7", "0.7"]},
        {"SliceThickness": ["5.0", "5.01", "1", *ABSENT], "PixelSpacing": [None]},
    ),
    "R164": Case(
        lambda ds: (
            "ORIGINAL" in texts(ds, I)
            and (
                (any(word in low(ds, D) for word in ("mprage", "mp-rage", "mp rage")) and "2" not in low(ds, D))
                or ("spgr" in low(ds, D) and "acc" not in low(ds, D))
            )
        ),
        {I: ["ORIGINAL", "PRIMARY"], D: "MPRAGE"},
        {
            I: [["DERIVED", "PRIMARY"], *ABSENT],
            D: ["MP-RAGE", "mp rage", "mprage 2", "SPGR", "acc spgr", "SPGR 2", "t1", *ABSENT],
        },
    ),
    "R167": Case(
        lambda ds: any(word in low(ds, D) for word in ("accel", "grappa", "sense")) and not low(ds, D).endswith("_nd"),
        {D: "Accelerated T1"},
        {D: ["GRAPPA", "sense_nd", "accel_ND", "t1", *ABSENT]},
    ),
    "R172": Case(
        lambda ds: (
            bool(text(ds, "InstanceNumber"))
            and len(texts(ds, "ImageOrientationPatient")) >= 6
            and len(texts(ds, "ImagePositionPatient")) >= 3
        ),
        {
            "InstanceNumber": "1",
            "ImageOrientationPatient": ["1", "0", "0", "0", "1", "0"],
            "ImagePositionPatient": ["0", "0", "7.5"],
        },
        {
            "InstanceNumber": ["7", None],
            "ImageOrientationPatient": [["1", "0", "0"], None],
            "ImagePositionPatient": [["1", "0"], None],
        },
    ),
    "R179": Case(
        lambda ds: (
            text(ds, "SOPClassUID")
            in (
                "1.2.840.10008.5.1.4.1.1.2",
                "1.2.840.10008.5.1.4.1.1.4",
                "1.2.840.10008.5.1.4.1.1.481.3",
                "1.2.840.10008.5.1.4.1.1.481.5",
                "1.2.840.10008.5.1.4.1.1.481.2",
            )
        ),
        {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.2"},
        {"SOPClassUID": ["1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.481.3", "1.2.840.10008.5.1.4.1.1.6.1"]},
    ),
    "R180": Case(
        lambda ds: (
            not any("lat" in low(ds, keyword) for keyword in LATERAL)
            and any(
                word in low(ds, keyword)
                for keyword in LATERAL
                if keyword != "ViewPosition"
                for word in ("chest", "rib", "abdomen")
            )
        ),
        {"BodyPartExamined": "CHEST", P: "pa", D: "pa", "ViewPosition": "PA"},
        {
            "BodyPartExamined": ["KNEE", *ABSENT],
            P: ["Chest LAT", *ABSENT],
            D: ["lateral", *ABSENT],
            "ViewPosition": ["LL", "LATERAL", *ABSENT],
            "ImageComments": ["flat", "ribs"],
        },
        [{"BodyPartExamined": None, D: "Ribs"}, {"BodyPartExamined": None, P: None, D: None}],
    ),
    "R181": Case(
        lambda ds: (
            text(ds, "ViewPosition") in ("AP", "PA") or text(ds, "PerformedProcedureStepDescription").upper() in STEPS
        ),
        {"ViewPosition": "AP", "PerformedProcedureStepDescription": "other"},
        {"ViewPosition": ["PA", "LL", *ABSENT], "PerformedProcedureStepDescription": [STEPS[0], *ABSENT]},
        [
            {"ViewPosition": "LL", "PerformedProcedureStepDescription": STEPS[1]},
            {"ViewPosition": None, "PerformedProcedureStepDescription": None},
        ],
    ),
    "R185": Case(
        lambda ds: number(ds, "SliceThickness") <= Fraction("5") or not texts(ds, "SliceThickness"),
        {"SliceThickness": "5"},
        {"SliceThickness": ["0.5", "5.1", *ABSENT]},
    ),
    "R194": Case(
        lambda ds: (
            text(ds, "Modality") == "CT"
            and text(ds, "BodyPartExamined") == "CHEST"
            and number(ds, "SliceThickness") <= Fraction("2.5")
        ),
        {"Modality": "CT", "BodyPartExamined": "CHEST", "SliceThickness": "2.5"},
        {
            "Modality": ["MR", *ABSENT],
            "BodyPartExamined": ["ABDOMEN", *ABSENT],
            "SliceThickness": ["2.500001", "1", *ABSENT],
        },
    ),
    "R198": Case(
        lambda ds: text(ds, "Modality") == "CT" and text(ds, "BodyPartExamined") == "ABDOMEN" and is_of_a_phase(ds),
        {
            "Modality": "CT",
            "BodyPartExamined": "ABDOMEN",
            "ContrastBolusStartTime": "101500",
            "AcquisitionTime": "101540",
        },
        {
            "Modality": ["MR", *ABSENT],
            "BodyPartExamined": ["CHEST", *ABSENT],
            "ContrastBolusStartTime": ["101440", "101530", "101459.5", *ABSENT],
            "AcquisitionTime": ["101550", "101550.5", "101555", "101610", "101730", "101900", "101901", *ABSENT],
        },
    ),
}


def as_list(value: object) -> list[object]:
    """Give one value, or several, as a list."""
    return (
        list(value)
        if isinstance(value, list | tuple) or (hasattr(value, "__iter__") and not isinstance(value, str))
        else [value]
    )
