"""Rules R003 to R064 as plain Python, with datasets."""

from fractions import Fraction

from tests.rules.datasets import Case, low, number, text, texts

D, P, I = "SeriesDescription", "ProtocolName", "ImageType"  # noqa: E741
ABSENT = (None, "")

CASES = {
    "R003": Case(
        lambda ds: "tse" in low(ds, D) and Fraction("7.99") <= number(ds, "EchoTime") <= Fraction("8.01"),
        {D: "pd_TSE_tra", "EchoTime": "8"},
        {D: ["pd_tse_tra", "pd_se", *ABSENT], "EchoTime": ["8.01", "8.011", "7.99", "7.98", "8.0", "80", *ABSENT]},
    ),
    "R006": Case(
        lambda ds: low(ds, D) in ("localizer", "loc 3 planes"),
        {D: "Localizer"},
        {D: ["LOC 3 PLANES", "localizer ", "localizer 2", "local", *ABSENT]},
    ),
    "R009": Case(
        lambda ds: (
            number(ds, "RepetitionTime") <= Fraction("8.6")
            and number(ds, "SAR") > Fraction("0.02")
            and number(ds, "ImagingFrequency") >= Fraction("123.105")
        ),
        {"RepetitionTime": "8.6", "SAR": 0.05, "ImagingFrequency": "123.105"},
        {
            "RepetitionTime": ["8.60", "8.61", "3", "2000", *ABSENT],
            "SAR": [0.02, 0.0201, 0.0, None],
            "ImagingFrequency": ["123.10499", "123.2", "63.8", *ABSENT],
        },
    ),
    "R016": Case(
        lambda ds: (
            {"SK", "SS"} <= set(texts(ds, "SequenceVariant")) and bool(texts(ds, I)) and "DERIVED" not in texts(ds, I)
        ),
        {"SequenceVariant": ["SK", "SS"], I: ["ORIGINAL", "PRIMARY"]},
        {
            "SequenceVariant": [["SS", "SK", "SP"], "SK", "SS", ["SK", "SP"], *ABSENT],
            I: [["DERIVED", "PRIMARY", "DIFFUSION"], ["ORIGINAL", "DERIVED"], "ORIGINAL", *ABSENT],
        },
    ),
    "R017": Case(
        lambda ds: low(ds, D).startswith("ep2d_bold_nback"),
        {D: "ep2d_bold_nback_run1"},
        {D: ["EP2D_BOLD_NBACK", "my ep2d_bold_nback", "ep2d_bold_rest", *ABSENT]},
    ),
    "R018": Case(
        lambda ds: (
            any(word in low(ds, D) for word in ("neuronav", "tfe", "t1_ffe"))
            and number(ds, "SliceThickness") <= Fraction("2.5")
            and number(ds, "SpacingBetweenSlices") <= Fraction("1.5")
            and number(ds, "SeriesNumber") < 500
        ),
        {D: "Neuronav", "SliceThickness": "2.5", "SpacingBetweenSlices": "1.5", "SeriesNumber": "499"},
        {
            D: ["3D_TFE", "t1_ffe", "t2", *ABSENT],
            "SliceThickness": ["2.50", "2.51", "1", *ABSENT],
            "SpacingBetweenSlices": ["1.51", "1.499", *ABSENT],
            "SeriesNumber": ["500", "1", *ABSENT],
        },
    ),
    "R031": Case(
        lambda ds: "GRE_QSM" in text(ds, D) and len(texts(ds, I)) > 2 and texts(ds, I)[2] == "M",
        {D: "GRE_QSM_5echo", I: ["ORIGINAL", "PRIMARY", "M", "ND"]},
        {
            D: ["gre_qsm", "x_GRE_QSM", "GRE", *ABSENT],
            I: [["ORIGINAL", "PRIMARY", "P"], ["ORIGINAL", "M"], ["M", "M", "P"], *ABSENT],
        },
    ),
    "R036": Case(
        lambda ds: "_bold_" in text(ds, P) and "_coverage" not in text(ds, P) and "MOCO" not in texts(ds, I),
        {P: "run1_bold_2mm", I: ["ORIGINAL", "PRIMARY"]},
        {
            P: ["run1_BOLD_2mm", "a_bold_b_coverage", "a_bold_b_Coverage", "bold", *ABSENT],
            I: [["DERIVED", "MOCO"], "MOCO", *ABSENT],
        },
    ),
    "R037": Case(
        lambda ds: "DERIVED" not in texts(ds, I) or "MOCO" in texts(ds, I),
        {I: ["ORIGINAL", "PRIMARY"]},
        {I: [["DERIVED", "PRIMARY"], ["DERIVED", "PRIMARY", "MOCO"], "MOCO", *ABSENT]},
    ),
    "R038": Case(
        lambda ds: text(ds, "StudyInstanceUID") not in ("", "1.2.840.1.1", "1.2.840.1.2"),
        {"StudyInstanceUID": "1.2.840.1.3"},
        {"StudyInstanceUID": ["1.2.840.1.1", "1.2.840.1.2", "1.2.840.1.11", *ABSENT]},
    ),
    "R042": Case(
        lambda ds: any(word in low(ds, P) for word in ("t1w", "t1", "mprage_t")),
        {P: "anat_T1w"},
        {P: ["t1", "MPRAGE_T", "mprage", "T2w", *ABSENT]},
    ),
    "R043": Case(
        lambda ds: "spiral" in text(ds, P) and text(ds, D).endswith("_ASL"),
        {P: "asl_spiral", D: "perf_ASL"},
        {P: ["asl_Spiral", "asl", *ABSENT], D: ["perf_ASL_2", "perf_asl", "_ASL", *ABSENT]},
    ),
    "R044": Case(
        lambda ds: "b0map" in low(ds, P) and "P" in texts(ds, I),
        {P: "b0map_2echo", I: ["ORIGINAL", "PRIMARY", "P"]},
        {P: ["B0MAP", "b0", *ABSENT], I: [["ORIGINAL", "PRIMARY", "M"], "P", "PRIMARY", *ABSENT]},
    ),
    "R046": Case(
        lambda ds: "t2w" in low(ds, P) and set(texts(ds, "SequenceVariant")) == {"SK", "SP"},
        {P: "anat_T2w", "SequenceVariant": ["SK", "SP"]},
        {P: ["t2W", "T1w", *ABSENT], "SequenceVariant": [["SP", "SK"], ["SK", "SP", "OSP"], "SK", "SP", *ABSENT]},
    ),
    "R047": Case(
        lambda ds: (
            "tse" in low(ds, P) and "vfl" in low(ds, P)[low(ds, P).index("tse") + 3 :] and "NORM" in texts(ds, I)
        ),
        {P: "t2_TSE_3d_vfl", I: ["ORIGINAL", "PRIMARY", "NORM"]},
        {P: ["tsevfl", "vfl_tse", "tse", "vfl tse vfl", *ABSENT], I: [["ORIGINAL", "PRIMARY"], "NORM", *ABSENT]},
    ),
    "R050": Case(
        lambda ds: "task-" in low(ds, D) and "sbref" in low(ds, D)[low(ds, D).index("task-") :],
        {D: "func_task-rest_SBRef"},
        {D: ["task-SBREF", "SBRef_task-rest", "task-rest_bold", *ABSENT]},
    ),
    "R051": Case(
        lambda ds: "task-" in low(ds, P) and "PHYSIO" in texts(ds, I),
        {P: "task-rest", I: ["ORIGINAL", "PRIMARY", "PHYSIO"]},
        {P: ["Task-rest", "rest", *ABSENT], I: [["ORIGINAL", "PRIMARY"], "PHYSIO", *ABSENT]},
    ),
    "R052": Case(
        lambda ds: any(word in low(ds, P) for word in ("fmap", "field map", "b0 map")) and "P" in texts(ds, I),
        {P: "gre_fmap", I: ["ORIGINAL", "PRIMARY", "P"]},
        {P: ["Field Map", "B0 map", "b0map", *ABSENT], I: [["ORIGINAL", "PRIMARY", "M"], *ABSENT]},
    ),
    "R053": Case(
        lambda ds: not any(word in low(ds, P) for word in ("scout", "localizer", "planning")),
        {P: "t1_mprage"},
        {P: ["AAHead_Scout", "LOCALIZER", "planning scan", *ABSENT]},
    ),
    "R054": Case(
        lambda ds: "CSA REPORT" not in texts(ds, I),
        {I: ["ORIGINAL", "PRIMARY"]},
        {I: [["DERIVED", "PRIMARY", "CSA REPORT"], "CSA REPORT", "CSA", *ABSENT]},
    ),
    "R055": Case(
        lambda ds: "FMRI" in texts(ds, I) and "sbref" in low(ds, D),
        {I: ["ORIGINAL", "PRIMARY", "FMRI", "NONE"], D: "bold_SBRef"},
        {I: [["ORIGINAL", "PRIMARY", "M"], "FMRI", *ABSENT], D: ["SBREF", "bold", *ABSENT]},
    ),
    "R058": Case(
        lambda ds: (
            set(texts(ds, "ScanningSequence")) == {"SE", "IR"}
            and set(texts(ds, "SequenceVariant")) == {"SK", "SP", "MP"}
        ),
        {"ScanningSequence": ["SE", "IR"], "SequenceVariant": ["SK", "SP", "MP"]},
        {
            "ScanningSequence": [["IR", "SE"], ["SE", "IR", "EP"], "SE", *ABSENT],
            "SequenceVariant": [["MP", "SP", "SK"], ["SK", "SP"], ["SK", "SP", "MP", "OSP"], *ABSENT],
        },
    ),
    "R064": Case(
        lambda ds: number(ds, "SeriesNumber") > 100 or "GR" in texts(ds, "ScanningSequence"),
        {"SeriesNumber": "101", "ScanningSequence": "SE"},
        {"SeriesNumber": ["100", "7", *ABSENT], "ScanningSequence": ["GR", ["GR", "IR"], *ABSENT]},
        [{"SeriesNumber": "7", "ScanningSequence": "GR"}, {"SeriesNumber": None, "ScanningSequence": ["GR", "EP"]}],
    ),
}
