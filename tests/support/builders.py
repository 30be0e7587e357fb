"""Make DICOM objects in memory, as small as a test can use."""

import io
from typing import Any

import pydicom
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian, generate_uid


def make_instance(
    *,
    pixel_bytes: int = 0,
    transfer_syntax: str = ExplicitVRLittleEndian,
    series_instance_uid: str | None = "1.2.3.4",
    **attributes: Any,
) -> bytes:
    """Make one DICOM object (PS3.10) with the attributes given by keyword.

    Args:
        pixel_bytes: Size of its Pixel Data; 0 leaves the attribute out.
        transfer_syntax: Its transfer syntax UID.
        series_instance_uid: None leaves the attribute out.
        attributes: By keyword, as pydicom takes them.
    """
    dataset = Dataset()
    dataset.SOPClassUID = CTImageStorage
    dataset.SOPInstanceUID = attributes.pop("SOPInstanceUID", generate_uid())
    dataset.StudyInstanceUID = attributes.pop("StudyInstanceUID", "1.2.3")
    if series_instance_uid is not None:
        dataset.SeriesInstanceUID = series_instance_uid
    with pydicom.config.disable_value_validation():
        for keyword, value in attributes.items():
            setattr(dataset, keyword, value)
    if pixel_bytes:
        dataset.add_new(0x7FE00010, "OW", bytes(pixel_bytes))
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = UID(transfer_syntax)
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    stream = io.BytesIO()
    syntax = meta.TransferSyntaxUID
    made = FileDataset("", dataset, bytes(128), meta, syntax.is_implicit_VR, syntax.is_little_endian)
    with pydicom.config.disable_value_validation():
        made.save_as(stream, enforce_file_format=True)
    return stream.getvalue()
