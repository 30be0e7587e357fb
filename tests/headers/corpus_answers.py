"""What the corpus's files are expected to give, read with pydicom."""

import warnings
from pathlib import Path

import pydicom
from pydicom.datadict import dictionary_VR
from pydicom.multival import MultiValue

DEFECTS = {
    "FileInfo.txt": "NOT_DICOM",
    "README": "NOT_DICOM",
    "README.txt": "NOT_DICOM",
    "crayons.icc": "NOT_DICOM",
    "rtplan.dump": "NOT_DICOM",
    "rtstruct.dump": "NOT_DICOM",
    "test1.json": "NOT_DICOM",
    "test_PN.json": "NOT_DICOM",
    "zipMR.gz": "NOT_DICOM",
    "no_meta.dcm": "NOT_DICOM",  # a stray space comes before its first element
    "rtplan_truncated.dcm": "CORRUPT",
    "DICOMDIR": "NO_SERIES",
    "DICOMDIR-bigEnd": "NO_SERIES",
    "DICOMDIR-empty.dcm": "NO_SERIES",
    "DICOMDIR-implicit": "NO_SERIES",
    "DICOMDIR-nooffset": "NO_SERIES",
    "DICOMDIR-nopatient": "NO_SERIES",
    "DICOMDIR-reordered": "NO_SERIES",
    "JPEGLSNearLossless_08.dcm": "NO_SERIES",
    "JPEGLSNearLossless_16.dcm": "NO_SERIES",
    "SC_rgb_jls_lossy_line.dcm": "NO_SERIES",
    "SC_rgb_jls_lossy_sample.dcm": "NO_SERIES",
    "UN_sequence.dcm": "NO_SERIES",
    "chrSQEncoding.dcm": "NO_SERIES",
    "chrSQEncoding1.dcm": "NO_SERIES",
    "empty_charset_LEI.dcm": "NO_SERIES",
    "meta_missing_tsyntax.dcm": "NO_SERIES",
    "nested_priv_SQ.dcm": "NO_SERIES",
    "no_meta_group_length.dcm": "NO_SERIES",
    "priv_SQ.dcm": "NO_SERIES",
}
UIDS = {"study": 0x0020000D, "series": 0x0020000E, "sop_class": 0x00080016, "sop_instance": 0x00080018}
BEHIND_HEADER = 0x52000000
Values = dict[int, tuple[str, ...]]


def read_with_pydicom(path: Path) -> Values:
    """Values of the attributes that count and of UIDs, as pydicom reads them from the whole file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = pydicom.dcmread(path, force=True)
        tags = [tag for tag in dataset.keys() if tag < BEHIND_HEADER and is_wanted(tag)]  # noqa: SIM118  # keys only
        return {int(tag): values_of(dataset[tag].value) for tag in tags}


def is_wanted(tag: int) -> bool:
    if tag in UIDS.values():
        return True
    try:
        return dictionary_VR(tag) in {"DA", "CS", "AS"}
    except KeyError:
        return False


def values_of(value: object) -> tuple[str, ...]:
    values = value if isinstance(value, MultiValue) else [value or ""]
    texts = tuple(str(value).strip(" \0") for value in values)
    return () if texts == ("",) else texts
