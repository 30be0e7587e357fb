"""The fields of the sidecars that dcm2niix writes, and the attributes of DICOM that they are made of.

Source: rordenlab/dcm2niix@98ecd0b: console/nii_dicom_batch.cpp (names, units, what is left out), nii_dicom.cpp
(attributes). Numbers have six significant digits there, and are left out where they are not above zero.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from dicom_sieve.criteria.pattern import Pattern
from dicom_sieve.dicom.dictionary import Attribute
from dicom_sieve.dicom.units import UNIT_OF
from dicom_sieve.dicom.vr.value_type import Operation
from dicom_sieve.importers.expressions import Reduced
from dicom_sieve.importers.globs import Glob, Wild
from dicom_sieve.importers.interface import CannotSayError
from dicom_sieve.importers.logic import Leaf, Test, all_of
from dicom_sieve.importers.texts import attribute_named, exactly, matches, values_are

_DIGITS = 6
_MORE_DIGITS = {"ImagingFrequency": 10}
_SAME = """
    SeriesDescription ProtocolName StudyDescription SequenceName ImageComments StationName DeviceSerialNumber
    InstitutionName InstitutionAddress InstitutionalDepartmentName PatientPosition MRAcquisitionType ImageType
    ScanningSequence SequenceVariant ScanOptions SoftwareVersions SeriesNumber AcquisitionNumber SliceThickness
    SpacingBetweenSlices SAR NumberOfAverages FlipAngle MagneticFieldStrength ImagingFrequency
    PercentSampling PixelBandwidth XRayTubeCurrent EchoTime RepetitionTime InversionTime ExposureTime Modality
    Manufacturer ConvolutionKernel
"""
ATTRIBUTES: Mapping[str, str] = {name: name for name in _SAME.split()} | {
    "ManufacturersModelName": "ManufacturerModelName",
    "BodyPart": "BodyPartExamined",
    "ProcedureStepDescription": "PerformedProcedureStepDescription",
    "EchoNumber": "EchoNumbers",
    "PercentPhaseFOV": "PercentPhaseFieldOfView",
}
"""Keyword by field."""
IN_SECONDS = frozenset({"EchoTime", "RepetitionTime", "InversionTime", "ExposureTime"})
_CODES_WITHOUT_UNDERSCORE = frozenset({"ScanningSequence", "SequenceVariant"})
_WITH_ANONYMOUS = """
    SeriesInstanceUID StudyInstanceUID ReferringPhysicianName StudyID PatientName PatientID AccessionNumber
    PatientBirthDate PatientSex PatientAge PatientSize PatientWeight AcquisitionDateTime
"""
_ANONYMOUS = frozenset(_WITH_ANONYMOUS.split())
_MANUFACTURERS: Mapping[str, tuple[str, ...]] = {
    "Siemens": ("SI", "CP"),
    "GE": ("GE",),
    "Hitachi": ("HI",),
    "Mediso": ("ME",),
    "Philips": ("PH",),
    "Toshiba": ("TO",),
    "Canon": ("CA",),
    "UIH": ("UI",),
    "Bruker": ("BR",),
    "MRSolutions": ("MR",),
    "Hyperfine": ("HY",),
}
"""The names that a sidecar has, and the letters with which the attribute begins, in either case."""


def attribute_of(field: str) -> Attribute:
    """Give the attribute that a field is made of.

    Raises:
        CannotSayError: It is made of none, or of more than one.
    """
    if field in ATTRIBUTES:
        return attribute_named(ATTRIBUTES[field])
    if field in _ANONYMOUS:
        raise CannotSayError("dcm2bids has dcm2niix leave it out of sidecars (-ba y), so that nothing can be compared")
    if field == "SidecarFilename":
        raise CannotSayError("it is the name of a file that dcm2niix writes, and no attribute")
    raise CannotSayError("no attribute of DICOM is copied to this field: dcm2niix works it out, or does not know it")


def text_is(field: str, reduced: Reduced) -> Test:
    """Test the text of a field; an absent one never passes.

    Args:
        field: Of the sidecar.
        reduced: The patterns.
    """
    attribute = attribute_of(field)
    if field == "Manufacturer":
        return _manufacturer_is(attribute, reduced)
    if attribute.vr.is_number:
        return matches(attribute, reduced, of_absent=False)
    if attribute.is_single_valued:
        return matches(attribute, reduced, of_absent=False)
    return _list_is(attribute, reduced)


def _manufacturer_is(attribute: Attribute, reduced: Reduced) -> Test:
    """Test the name that dcm2niix gives a manufacturer: one of eleven, by the first two letters."""
    beginnings = [
        Glob((letters, Wild.RUN))
        for name, all_letters in _MANUFACTURERS.items()
        for letters in all_letters
        if any(_matches(glob, name, is_exact=reduced.is_exact) for glob in reduced.globs)
    ]
    return matches(attribute, Reduced(tuple(beginnings), is_exact=False), of_absent=False)


def _matches(glob: Glob, text: str, *, is_exact: bool) -> bool:
    fold = str if is_exact else str.casefold
    return Pattern(fold(glob.pattern)).matches(fold(text))


def _list_is(attribute: Attribute, reduced: Reduced) -> Test:
    r"""Test a field of several values, which dcm2niix writes as one text: ``SK\SP``, and ``SK_SP`` until 2020."""
    [glob, *more] = reduced.globs or (Glob(()),)
    if more or not glob.tokens:
        raise CannotSayError("several values are one text in a sidecar, and it asks for alternatives of that")
    if glob.contained is not None and not set("\\_") & set(glob.contained):
        return matches(attribute, reduced, of_absent=False)
    if glob.text is None:
        raise CannotSayError("several values are one text in a sidecar, and it asks for a pattern of that")
    text = glob.text.replace("_", "\\") if attribute.keyword in _CODES_WITHOUT_UNDERSCORE else glob.text
    if "_" in text:
        raise CannotSayError("in a sidecar '_' may stand between values, or in one of them")
    return values_are(attribute, [exactly(value, is_exact=reduced.is_exact) for value in text.split("\\")])


def image_type_is(field: str, values: list[Reduced]) -> Test:
    """Test a field that sidecars have as a list: its values, in this order, and no others."""
    return values_are(attribute_of(field), list(values))


def number_is(field: str, operation: Operation, number: Decimal) -> Test:
    """Compare the number of a field with a number, in the field's unit; an absent one never passes.

    Raises:
        CannotSayError: The field is no number, or dcm2niix does not always write it.
    """
    attribute, more, least = _number_field(field)
    given = _in_unit(field, number)
    if field == "EchoNumber" and not (operation is Operation.EQUALS and given > 1):
        raise CannotSayError("dcm2niix writes the first echo of a series with several echoes alone")
    if operation is Operation.EQUALS:
        if given <= least:
            return False
        if attribute.vr.code != "IS":
            digits = _MORE_DIGITS.get(field, _DIGITS)
            more = {**more, "tolerance": _written(Decimal(5).scaleb(given.adjusted() - digits))}
        return Leaf(attribute, operation, (_with_unit(given, attribute),), more=more)
    leaf = Leaf(attribute, operation, (_with_unit(given, attribute),), more=more)
    is_above = operation in (Operation.GREATER, Operation.AT_LEAST) and given > least
    return leaf if is_above else all_of([leaf, Leaf(attribute, Operation.GREATER, (_with_unit(least, attribute),))])


def number_is_between(field: str, low: Decimal, high: Decimal, *, has_ends: bool) -> Test:
    """Compare the number of a field with two, of which both belong to the range or neither; see `number_is`."""
    attribute, more, least = _number_field(field)
    ends = tuple(_in_unit(field, number) for number in (low, high))
    if low > high:
        return False
    if ends[0] <= least or field == "EchoNumber":
        operations = (Operation.AT_LEAST, Operation.AT_MOST) if has_ends else (Operation.GREATER, Operation.LESS)
        return all_of(number_is(field, each, end) for each, end in zip(operations, (low, high), strict=True))
    if has_ends:
        return Leaf(attribute, Operation.BETWEEN, tuple(_with_unit(end, attribute) for end in ends), more=more)
    both = zip((Operation.GREATER, Operation.LESS), ends, strict=True)
    return all_of(Leaf(attribute, each, (_with_unit(end, attribute),), more=more) for each, end in both)


def _number_field(field: str) -> tuple[Attribute, dict[str, Any], Decimal]:
    """Give the attribute of a field, members of its criteria, and up to which number it is left out."""
    attribute = attribute_of(field)
    if not attribute.vr.is_number:
        raise CannotSayError(f"{attribute} is no number, and it is compared with one")
    more: dict[str, Any] = {} if attribute.is_single_valued else {"value": 1}
    return attribute, more, _WRITTEN_ABOVE.get(field, Decimal(0))


def _in_unit(field: str, number: Decimal) -> Decimal:
    return number * 1000 if field in IN_SECONDS else number


_WRITTEN_ABOVE = {"NumberOfAverages": Decimal(1), "EchoNumber": Decimal(1)}
"""Where another number than zero is the greatest that is left out."""


def _with_unit(number: Decimal, attribute: Attribute) -> str:
    unit = UNIT_OF.get(attribute.keyword)
    return f"{_written(number)} {unit.name}" if unit else _written(number)


def _written(number: Decimal) -> str:
    return f"{number.normalize():f}"
