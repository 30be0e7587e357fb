"""Ledgers that each version of this software made by itself, as `scripts/keep_edition.py` kept them."""

import json
from pathlib import Path
from typing import Any

from tests.screening.screenings import ct, mr
from tests.support.former_ledgers import Rows

FOLDER = Path(__file__).parent / "editions"
PORT = 5057
ENDPOINT, BUCKET = f"http://127.0.0.1:{PORT}", "kept"
MODALITY = {"dicom_tag": ["0008", "0060"], "operation": "EQUALS", "reference": "CT"}
CRITERIA: list[Any] = [MODALITY]
OTHER_CRITERIA: list[Any] = [
    MODALITY,
    {"dicom_tag": ["0008", "0020"], "operation": "GREATER", "reference": "2020-01-01"},
]
BEFORE = {
    **{f"ct/{n}": ct("1.5.1", f"1.6.{n}", PatientID="7", StudyDate="20190101", PatientAge="018M") for n in range(4)},
    **{f"mr/{n}": mr("1.5.2", f"1.7.{n}", PatientID="8", StudyDate="20210101") for n in range(2)},
    "damaged": ct("1.5.3", "1.8.1", PatientAge="018M")[:-20],
    "goes": ct("1.5.4", "1.8.2"),
    "text": b"no DICOM",
}
AFTER = {
    **{key: body for key, body in BEFORE.items() if key != "goes"},
    "ct/3": ct("1.5.1", "1.6.3", PatientID="7", StudyDate="20220202", PatientAge="018M"),
    "new": ct("1.5.5", "1.8.3", StudyDate="20230303"),
}


def versions() -> list[str]:
    """Give the versions of which there is a ledger, the first one first."""
    return sorted(file.stem for file in FOLDER.glob("*.json"))


def rows_of(version: str) -> Rows:
    """Give the rows of the ledger of a version."""
    rows: Rows = json.loads((FOLDER / f"{version}.json").read_text(encoding="utf-8"))
    return rows
