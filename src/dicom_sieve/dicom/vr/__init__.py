"""Value Representations (VR): one file a kind of value. To add one, write its file and add it to the registry."""

from dicom_sieve.dicom.vr.age import AS, Age
from dicom_sieve.dicom.vr.code import CS
from dicom_sieve.dicom.vr.date import DA
from dicom_sieve.dicom.vr.registry import VRS
from dicom_sieve.dicom.vr.value_type import Comparable, Operation, ValueType

__all__ = ["AS", "CS", "DA", "VRS", "Age", "Comparable", "Operation", "ValueType"]
