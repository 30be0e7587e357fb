"""The VRs that criteria can name. What headers are read for, and what is accepted, follows from this table."""

from dicom_sieve.dicom.vr.age import AS
from dicom_sieve.dicom.vr.code import CS
from dicom_sieve.dicom.vr.date import DA
from dicom_sieve.dicom.vr.value_type import ValueType

VRS: dict[str, ValueType] = {vr.code: vr for vr in (AS, CS, DA)}
"""By their codes."""
