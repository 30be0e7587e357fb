"""What objects say: from bytes to a header. Pure: no I/O but on bytes in memory, no clock."""

from dicom_sieve.headers.defects import Damage, Defect
from dicom_sieve.headers.extent import Extent
from dicom_sieve.headers.header import Header, Instance, defective
from dicom_sieve.headers.scan import MOST_ELEMENTS, scan, scan_bounded
from dicom_sieve.headers.window import NeedMore, Window

__all__ = [
    "MOST_ELEMENTS",
    "Damage",
    "Defect",
    "Extent",
    "Header",
    "Instance",
    "NeedMore",
    "Window",
    "defective",
    "scan",
    "scan_bounded",
]
