"""The VRs that criteria can name, and those of them that headers keep."""

from dicom_sieve.dicom.vr.age import AS
from dicom_sieve.dicom.vr.clock import DT, TM
from dicom_sieve.dicom.vr.code import CS
from dicom_sieve.dicom.vr.date import DA
from dicom_sieve.dicom.vr.number import NUMBERS
from dicom_sieve.dicom.vr.person import PN
from dicom_sieve.dicom.vr.presence import PRESENCES
from dicom_sieve.dicom.vr.text import TEXTS
from dicom_sieve.dicom.vr.uid import UI
from dicom_sieve.dicom.vr.value_type import ValueType

VRS: dict[str, ValueType] = {vr.code: vr for vr in (AS, CS, DA, TM, DT, *NUMBERS, *TEXTS, UI, PN, *PRESENCES)}
"""By their codes: what criteria can name."""
KEPT: dict[str, ValueType] = {vr.code: vr for vr in (AS, CS, DA)}
"""By their codes: what headers are read for. A criterion on another can be written, and is not decided yet."""
