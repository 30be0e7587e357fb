"""Series of two patients with planted values: two CT, an MR, one in parts, and one without an image."""

from pathlib import Path
from typing import Any

from tests.computations.segmentation.bucket import objects, slices
from tests.computations.segmentation.phantom import Phantom
from tests.support.builders import make_instance

RUN = "1d0a2dfe-9dfe-4ec1-a536-cdd18e57a83b"
PHANTOM = Phantom(shape=(8, 32, 24), spacing=(4.0, 3.0, 3.0))
PLANTED: dict[str, Any] = {
    "AccessionNumber": "PLANTED-ACCESSION",
    "DeviceSerialNumber": "PLANTED-DEVICE",
    "ImageComments": "PLANTED-COMMENT",
    "InstitutionName": "PLANTED-INSTITUTION",
    "OperatorsName": "PLANTED^OPERATOR",
    "PatientBirthDate": "19011122",
    "PatientName": "PLANTED^NAME",
    "ReferringPhysicianName": "PLANTED^PHYSICIAN",
    "StationName": "PLANTED-STATION",
    "StudyID": "PLANTED-STUDY",
    "AcquisitionTime": "235159",
}
FIRST, SECOND = "PLANTED-ID-1", "PLANTED-ID-2"
SERIES: dict[str, dict[str, Any]] = {
    "later": {"PatientID": FIRST, "StudyDate": "20240102", "PatientAge": "044Y", "SeriesDescription": "thorax"},
    "earlier": {"PatientID": FIRST, "StudyDate": "20230102", "PatientAge": "043Y", "SeriesDescription": "thorax"},
    "head": {"PatientID": SECOND, "Modality": "MR", "PatientAge": "091Y", "SeriesDescription": "AX T1 MPRAGE"},
    "parts": {"PatientID": SECOND, "SeriesDescription": "of which one is discarded"},
}


def datasets(name: str) -> list[Any]:
    """Give the slices of a series."""
    made = slices(name, PHANTOM, **PLANTED, **{"PatientSex": "F", **SERIES[name]})
    if name == "parts":
        made[3].Modality = "OT"
    return made


def uid_of(name: str) -> str:
    return str(next(PHANTOM.instances(name)).SeriesInstanceUID)


def write_study(folder: Path) -> Path:
    """Write all of it into a new folder, which it gives."""
    bodies = {key: body for name in SERIES for key, body in objects(name, datasets(name)).items()}
    bodies["report/1.dcm"] = make_instance(series_instance_uid="1.2.99", Modality="CT", PatientID=SECOND)
    for key, body in bodies.items():
        (folder / key).parent.mkdir(parents=True, exist_ok=True)
        (folder / key).write_bytes(body)
    return folder
