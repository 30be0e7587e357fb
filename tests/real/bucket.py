"""A bucket of real DICOM and of what else buckets collect, and what must become of each object.

The verdicts are worked out from whole objects, by pydicom alone and by comparing texts; where an object is odd, the
answer is written down.
"""

import io
import re
import time
import warnings
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pydicom

from tests.support.builders import make_instance

CRITERIA: list[dict[str, Any]] = [
    {"dicom_tag": ["0008", "0020"], "operation": "GREATER", "reference": "2003-01-01"},
    {"dicom_tag": ["0008", "0060"], "operation": "IN", "reference": ["CT", "MR"]},
]
TEST_FILES = Path(pydicom.__file__).parent / "data" / "test_files"


@dataclass(frozen=True)
class Expected:
    """What the ledger must say of one object."""

    verdict: str
    findings: tuple[str, ...] = ()
    defect: str | None = None


def defective(defect: str) -> Expected:
    return Expected("DISCARDED", (), defect)


@cache
def contents() -> dict[str, bytes]:
    """Give every object of the bucket, by key."""
    objects = {
        f"pydicom/{file.relative_to(TEST_FILES).as_posix()}": file.read_bytes()
        for file in sorted(TEST_FILES.rglob("*"))
        if file.is_file()
    }
    whole = objects["pydicom/CT_small.dcm"]
    for number in range(12):
        objects[f"made/ct/{number:03}.dcm"] = _slice("1.2.7.1", number, StudyDate="20230314", Modality="CT")
        date = "20230315" if number else ""
        objects[f"made/mr/{number:03}.dcm"] = _slice("1.2.7.2", number, StudyDate=date, Modality="MR")
        objects[f"made/us/{number:03}.dcm"] = _slice("1.2.7.3", number, StudyDate="20230316", Modality="US")
    objects |= {
        "made/on-the-day.dcm": _slice("1.2.7.4", 1, StudyDate="20030101", Modality="CT"),
        "made/a-day-later.dcm": _slice("1.2.7.4", 2, StudyDate="20030102", Modality="CT"),
        "made/dotted.dcm": _slice("1.2.7.4", 3, StudyDate="2003.01.02", Modality="CT"),
        "made/no-date.dcm": _slice("1.2.7.4", 4, Modality="CT"),
        "made/odd-date.dcm": _slice("1.2.7.4", 5, StudyDate="20240230", Modality="CT"),
        "made/lower.dcm": _slice("1.2.7.4", 6, StudyDate="20240229", Modality="ct"),
        "made/no-modality.dcm": _slice("1.2.7.4", 7, StudyDate="20240229"),
        "a//b": _slice("1.2.7.5", 1, StudyDate="20230314", Modality="CT"),
        " x ": _slice("1.2.7.5", 2, StudyDate="20230314", Modality="CT"),
        "a+b#c": _slice("1.2.7.5", 3, StudyDate="20230314", Modality="MR"),
        "größe/胸部 100%.dcm": _slice("1.2.7.5", 4, StudyDate="20230314", Modality="MR"),
        "odd/empty.dcm": b"",
        "odd/folder/": b"",
        "odd/report.txt": b"Not DICOM at all.\n",
        "odd/report-long.txt": b"Not DICOM at all.\n" * 5_000,
        "odd/cut-in-preamble.dcm": whole[:100],
        "odd/cut-in-meta.dcm": whole[:300],
        "odd/cut-in-header.dcm": whole[:700],
        "odd/cut-in-pixels.dcm": whole[:-1_000],
    }
    return objects


ODD = {
    "odd/empty.dcm": defective("EMPTY_OBJECT"),
    "odd/folder/": defective("EMPTY_OBJECT"),
    "odd/report.txt": defective("NOT_DICOM"),
    "odd/report-long.txt": defective("NOT_DICOM"),
    "odd/cut-in-preamble.dcm": defective("NOT_DICOM"),
    "odd/cut-in-meta.dcm": defective("CORRUPT"),
    "odd/cut-in-header.dcm": defective("CORRUPT"),
    # pydicom, told to read by force, takes these for data sets without a series.
    "pydicom/README.txt": defective("NOT_DICOM"),
    "pydicom/crayons.icc": defective("NOT_DICOM"),
    "pydicom/dicomdirtests/README.txt": defective("NOT_DICOM"),
    "pydicom/dicomdirtests/TINY_ALPHA/README": defective("NOT_DICOM"),
    "pydicom/rtplan.dump": defective("NOT_DICOM"),
    "pydicom/rtstruct.dump": defective("NOT_DICOM"),
    "pydicom/test1.json": defective("NOT_DICOM"),
    "pydicom/test_PN.json": defective("NOT_DICOM"),
    "pydicom/zipMR.gz": defective("NOT_DICOM"),
    "pydicom/no_meta.dcm": defective("NOT_DICOM"),  # begins with a space: no tag is where it should be
    "pydicom/rtplan_truncated.dcm": defective("CORRUPT"),  # ends within a sequence of its header
}


@cache
def expected() -> dict[str, Expected]:
    """Say what must become of every object."""
    with warnings.catch_warnings(), pydicom.config.disable_value_validation():
        warnings.simplefilter("ignore")
        return {key: ODD.get(key) or _judge(body) for key, body in contents().items()}


def _judge(body: bytes) -> Expected:
    dataset = pydicom.dcmread(io.BytesIO(body), force=True)
    if not dataset.get("SeriesInstanceUID"):
        return defective("NO_SERIES")
    findings = (
        _find(dataset, "StudyDate", lambda text: text > "20030101"),
        _find(dataset, "Modality", lambda text: text.upper() in {"CT", "MR"}),
    )
    return Expected("PASSED" if findings == ("MET", "MET") else "DISCARDED", findings)


def _find(dataset: pydicom.Dataset, keyword: str, is_met: Any) -> str:
    if keyword not in dataset:
        return "ABSENT"
    text = str(dataset[keyword].value or "").strip()
    if not text:
        return "EMPTY"
    if keyword == "StudyDate":
        text = text.replace(".", "")
        if not re.fullmatch("[0-9]{8}", text) or not _is_day(text):
            return "MALFORMED"
    return "MET" if is_met(text) else "NOT_MET"


def _is_day(text: str) -> bool:
    try:
        time.strptime(text, "%Y%m%d")
    except ValueError:
        return False
    return True


def _slice(series: str, number: int, **attributes: Any) -> bytes:
    return make_instance(series_instance_uid=series, SOPInstanceUID=f"{series}.{number}", **attributes)


def fill(client: Any, bucket: str) -> None:
    """Put every object into a bucket."""
    for key, body in contents().items():
        client.put_object(Bucket=bucket, Key=key, Body=body)
