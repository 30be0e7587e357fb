"""Rules R068 to R113 as plain Python, with datasets."""

from fractions import Fraction

from tests.rules.datasets import Case, low, nested, number, text, texts

D, P, I = "SeriesDescription", "ProtocolName", "ImageType"  # noqa: E741
ABSENT = (None, "")
SECONDARY = (
    "DateOfSecondaryCapture",
    "SecondaryCaptureDeviceManufacturer",
    "SecondaryCaptureDeviceManufacturerModelName",
    "SecondaryCaptureDeviceSoftwareVersions",
)
REGIONS = ("skull", "spine", "knee", "hip", "hand", "foot", "pelvis", "shoulder", "elbow", "wrist", "ankle")
FIVE = ("BodyPartExamined", "StudyDescription", D, P, "RequestedProcedureDescription")
CT_CLASS, MR_CLASS = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.4"
KNOWN = (("siemens", "sensation 64"), ("siemens", "somatom force"), ("ge medical systems", "lightspeed vct"))

CASES = {
    "R068": Case(
        lambda ds: (
            not any("SAVE" in value for value in texts(ds, I))
            and "SAVE" not in text(ds, D)
            and not any(keyword in ds for keyword in SECONDARY)
            and "YES" not in texts(ds, "BurnedInAnnotation")
        ),
        {I: ["ORIGINAL", "PRIMARY"], D: "chest", "BurnedInAnnotation": "NO"},
        {
            I: [["DERIVED", "SCREEN SAVE"], *ABSENT],
            D: ["SAVED", "saved", *ABSENT],
            "BurnedInAnnotation": ["YES", *ABSENT],
            SECONDARY[0]: ["20240101"],
            SECONDARY[1]: ["ACME"],
            SECONDARY[2]: ["M1"],
            SECONDARY[3]: ["1.0"],
        },
    ),
    "R069": Case(
        lambda ds: not any("SCREEN SAVE" in value for value in texts(ds, I)),
        {I: ["ORIGINAL", "PRIMARY"]},
        {I: [["DERIVED", "SECONDARY", "SCREEN SAVE"], "SCREEN", *ABSENT]},
    ),
    "R070": Case(lambda ds: bool(text(ds, "Modality")), {"Modality": "CT"}, {"Modality": ["OT", *ABSENT]}),
    "R071": Case(
        lambda ds: any(
            "iec body dosimetry phantom" in low(code, "CodeMeaning")
            for code in nested(ds, "CTDIPhantomTypeCodeSequence")
        ),
        {"CTDIPhantomTypeCodeSequence": [{"CodeMeaning": "IEC Body Dosimetry Phantom"}]},
        {
            "CTDIPhantomTypeCodeSequence": [
                [{"CodeMeaning": "iec body dosimetry phantom 32 cm"}],
                [{"CodeMeaning": "IEC Head Dosimetry Phantom"}],
                [{"CodeMeaning": "other"}, {"CodeMeaning": "IEC Body Dosimetry Phantom"}],
                [{"CodeValue": "113691"}],
                [],
                None,
            ]
        },
    ),
    "R072": Case(
        lambda ds: (
            text(ds, "BurnedInAnnotation") == "YES"
            and "ge medical" in low(ds, "Manufacturer")
            and number(ds, "Rows") == 512
            and "ava report" in low(ds, D)
        ),
        {"BurnedInAnnotation": "YES", "Manufacturer": "GE MEDICAL SYSTEMS", "Rows": 512, D: "AVA Report 3"},
        {
            "BurnedInAnnotation": ["NO", *ABSENT],
            "Manufacturer": ["GE Medical", "SIEMENS", *ABSENT],
            "Rows": [511, 1024, None],
            D: ["ava report", "AVA", *ABSENT],
        },
    ),
    "R073": Case(
        lambda ds: (
            "vital images" in low(ds, "Manufacturer")
            and number(ds, "Rows") == 1041
            and any(word in low(ds, D) for word in ("aaa", "report"))
        ),
        {"Manufacturer": "Vital Images, Inc", "Rows": 1041, D: "AAA"},
        {"Manufacturer": ["VITAL", *ABSENT], "Rows": [1040, None], D: ["Report 1", "plain", *ABSENT]},
    ),
    "R074": Case(
        lambda ds: (
            any("VOLREN" in value for value in texts(ds, I)) and number(ds, "Rows") == number(ds, "Columns") == 512
        ),
        {I: ["DERIVED", "SECONDARY", "VOLREN"], "Rows": 512, "Columns": 512},
        {I: [["DERIVED", "SECONDARY"], "MYVOLREN1", *ABSENT], "Rows": [256, None], "Columns": [256, None]},
    ),
    "R075": Case(
        lambda ds: text(ds, "Modality") == "CT" and "sensation 64" in low(ds, "ManufacturerModelName"),
        {"Modality": "CT", "ManufacturerModelName": "Sensation 64"},
        {"Modality": ["MR", *ABSENT], "ManufacturerModelName": ["SENSATION 64 eco", "Sensation 16", *ABSENT]},
    ),
    "R077": Case(
        lambda ds: (
            (
                text(ds, "Modality") in ("CR", "DX", "PR")
                or any(word in low(ds, "StudyDescription") for word in ("dx", "pr"))
            )
            and any("chest" in low(ds, keyword) for keyword in ("StudyDescription", "BodyPartExamined"))
        ),
        {"Modality": "CR", "StudyDescription": "chest two views", "BodyPartExamined": "CHEST"},
        {
            "Modality": ["DX", "PR", "CT", *ABSENT],
            "StudyDescription": ["PR CHEST", "abdomen", *ABSENT],
            "BodyPartExamined": ["ABDOMEN", *ABSENT],
        },
        [
            {"Modality": "CT", "StudyDescription": "DX of the abdomen", "BodyPartExamined": "CHEST"},
            {"Modality": "CT", "StudyDescription": "DX CHEST", "BodyPartExamined": None},
            {"StudyDescription": "abdomen", "BodyPartExamined": "ABDOMEN"},
            {"Modality": None, "StudyDescription": None, "BodyPartExamined": "CHEST"},
        ],
    ),
    "R078": Case(
        lambda ds: (
            not any(
                word in low(ds, keyword) for keyword in ("StudyDescription", D, "BodyPartExamined") for word in REGIONS
            )
        ),
        {"StudyDescription": "chest", D: "pa", "BodyPartExamined": "CHEST"},
        {
            "StudyDescription": ["KNEE left", *ABSENT],
            D: ["hip", "ship", *ABSENT],
            "BodyPartExamined": ["SPINE", *ABSENT],
        },
        [{"StudyDescription": None, D: None, "BodyPartExamined": None}],
    ),
    "R082": Case(
        lambda ds: (
            bool(texts(ds, I))
            and not any("SAVE" in value for value in texts(ds, I))
            and "save" not in low(ds, D)
            and text(ds, "BurnedInAnnotation") != "YES"
            and not any(keyword in ds for keyword in SECONDARY)
        ),
        {I: ["ORIGINAL", "PRIMARY"], D: "chest", "BurnedInAnnotation": "NO"},
        {
            I: [["DERIVED", "SCREEN SAVE"], *ABSENT],
            D: ["Save", *ABSENT],
            "BurnedInAnnotation": ["YES", *ABSENT],
            SECONDARY[0]: ["20240101"],
            SECONDARY[2]: ["M1"],
        },
    ),
    "R083": Case(lambda ds: text(ds, "Modality") == "MR", {"Modality": "MR"}, {"Modality": ["CT", "MRI", *ABSENT]}),
    "R084": Case(lambda ds: text(ds, "Modality") != "US", {"Modality": "CT"}, {"Modality": ["US", "USX", *ABSENT]}),
    "R086": Case(
        lambda ds: (
            text(ds, "SOPClassUID")
            in ("1.2.840.10008.5.1.4.1.1.88.67", "1.2.840.10008.5.1.4.1.1.88.22", "1.2.840.10008.5.1.4.1.1.1.2")
            or text(ds, "Modality") in ("CR", "DX")
        ),
        {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.88.67", "Modality": "SR"},
        {
            "SOPClassUID": ["1.2.840.10008.5.1.4.1.1.88.22", "1.2.840.10008.5.1.4.1.1.1.2", CT_CLASS],
            "Modality": ["CT", *ABSENT],
        },
        [
            {"SOPClassUID": CT_CLASS, "Modality": "CR"},
            {"SOPClassUID": CT_CLASS, "Modality": "DX"},
            {"SOPClassUID": CT_CLASS, "Modality": None},
        ],
    ),
    "R088": Case(
        lambda ds: (
            text(ds, "Modality") == "CT" and (low(ds, "Manufacturer"), low(ds, "ManufacturerModelName")) in KNOWN
        ),
        {"Modality": "CT", "Manufacturer": "SIEMENS", "ManufacturerModelName": "Sensation 64"},
        {
            "Modality": ["MR", *ABSENT],
            "Manufacturer": ["Siemens", "GE MEDICAL SYSTEMS", *ABSENT],
            "ManufacturerModelName": ["SOMATOM Force", "LightSpeed VCT", *ABSENT],
        },
        [{"Manufacturer": "GE MEDICAL SYSTEMS", "ManufacturerModelName": "LightSpeed VCT"}],
    ),
    "R092": Case(
        lambda ds: (
            text(ds, "SOPClassUID")
            not in ("1.2.840.10008.5.1.4.1.1.88.11", "1.2.840.10008.5.1.4.1.1.104.1", "1.2.840.10008.5.1.4.1.1.11.1")
        ),
        {"SOPClassUID": CT_CLASS},
        {
            "SOPClassUID": [
                MR_CLASS,
                "1.2.840.10008.5.1.4.1.1.88.11",
                "1.2.840.10008.5.1.4.1.1.104.1",
                "1.2.840.10008.5.1.4.1.1.11.1",
            ]
        },
    ),
    "R093": Case(
        lambda ds: (
            text(ds, "Modality") == "CT"
            and any(word in low(ds, keyword) for keyword in FIVE for word in ("brain", "head", "stroke"))
            and not any("pns" in low(ds, keyword) for keyword in FIVE)
        ),
        {"Modality": "CT", "BodyPartExamined": "HEAD"},
        {"Modality": ["MR", *ABSENT], "BodyPartExamined": ["CHEST", *ABSENT], D: ["PNS axial", "brain"], P: ["pns"]},
        [
            {"BodyPartExamined": None, "StudyDescription": "stroke protocol"},
            {"BodyPartExamined": None, "RequestedProcedureDescription": "CT Brain"},
            {"BodyPartExamined": "CHEST", "StudyDescription": "chest", D: "axial"},
        ],
    ),
    "R094": Case(
        lambda ds: (
            text(ds, "Modality") == "MR"
            and any(word in low(ds, keyword) for keyword in FIVE for word in ("putra", "stroke", "brain"))
        ),
        {"Modality": "MR", "BodyPartExamined": "BRAIN"},
        {"Modality": ["CT", *ABSENT], "BodyPartExamined": ["KNEE", *ABSENT]},
        [{"BodyPartExamined": None, P: "putra"}, {"BodyPartExamined": "KNEE", "StudyDescription": "Stroke"}],
    ),
    "R095": Case(
        lambda ds: text(ds, "PatientIdentityRemoved") == "YES",
        {"PatientIdentityRemoved": "YES"},
        {"PatientIdentityRemoved": ["NO", *ABSENT]},
    ),
    "R096": Case(
        lambda ds: "chest" in low(ds, "StudyDescription"),
        {"StudyDescription": "CT Chest"},
        {"StudyDescription": ["CHEST", "Thorax", "Thorax/Brust \u00e4 chest", *ABSENT]},
    ),
    "R099": Case(
        lambda ds: "TRIAL" in text(ds, "StudyDescription"),
        {"StudyDescription": "TRIAL 12"},
        {"StudyDescription": ["Trial 12", "INDUSTRIALS", *ABSENT]},
    ),
    "R103": Case(
        lambda ds: text(ds, "Modality") in ("CT", "MR", "PT"),
        {"Modality": "CT"},
        {"Modality": ["MR", "PT", "US", *ABSENT]},
    ),
    "R105": Case(
        lambda ds: number(ds, "SliceThickness") == Fraction("0.75"),
        {"SliceThickness": "0.75"},
        {"SliceThickness": ["0.750", ".75", "7.5E-1", "0.7500001", "0.8", "75", *ABSENT]},
    ),
    "R106": Case(lambda ds: "IssuerOfPatientID" not in ds, {}, {"IssuerOfPatientID": ["HOSPITAL"]}),
    "R107": Case(
        lambda ds: (
            text(ds, "PhotometricInterpretation") in ("MONOCHROME1", "MONOCHROME2", "RGB")
            and number(ds, "PixelRepresentation") == 0
        ),
        {"PhotometricInterpretation": "MONOCHROME2", "PixelRepresentation": 0},
        {"PhotometricInterpretation": ["MONOCHROME1", "RGB", "YBR_FULL", *ABSENT], "PixelRepresentation": [1, None]},
    ),
    "R108": Case(
        lambda ds: not any(word in low(ds, D) for word in ("sheet", "scanned", "report", "outside")),
        {D: "axial"},
        {D: ["Dose Report", "SCANNED", "protocol sheet", "outside study", *ABSENT]},
    ),
    "R109": Case(
        lambda ds: bool(text(ds, "ContrastBolusAgent")) and "BurnedInAnnotation" not in ds,
        {"ContrastBolusAgent": "Iomeron"},
        {"ContrastBolusAgent": [None], "BurnedInAnnotation": ["NO", "YES"]},
    ),
    "R112": Case(
        lambda ds: (
            text(ds, "Modality") == "MR"
            and bool(text(ds, "Manufacturer"))
            and not any(word in low(ds, D) for word in ("localizer", "scout", "positioning"))
        ),
        {"Modality": "MR", "Manufacturer": "Philips", D: "t1"},
        {"Modality": ["CT", *ABSENT], "Manufacturer": ["any", None], D: ["Localizer", "scout", "positioning", *ABSENT]},
    ),
    "R113": Case(
        lambda ds: text(ds, "Modality") in ("DX", "CR"), {"Modality": "DX"}, {"Modality": ["CR", "CT", *ABSENT]}
    ),
}
