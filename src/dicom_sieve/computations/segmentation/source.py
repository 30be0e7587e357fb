"""Slices as the sources of a result: what a SEG takes over of patient and study, made fit to be written.

Attributes of type 2 that are absent are taken as empty (PS3.5 7.4.3), and so are values that do not conform to their
VR: an anonymised image is no reason to do without a result.
"""

import copy
import math
from collections.abc import Callable

from pydicom import Dataset
from pydicom.charset import python_encoding
from pydicom.datadict import dictionary_has_tag, dictionary_VR
from pydicom.multival import MultiValue
from pydicom.tag import BaseTag
from pydicom.valuerep import DA, TM

from dicom_sieve.dicom.vr.code import normalise_code


def as_source(instance: Dataset, distance: float) -> Dataset:
    """Give a copy of an instance whose patient and study can be taken over.

    Args:
        instance: One of a series; stays as it is.
        distance: Between slices, in mm: that is their thickness in a result, whatever was written.
    """
    source = copy.copy(instance)
    source._dict = dict(instance._dict)  # a copy of pydicom's shares its elements
    for tag in [tag for tag in source.keys() if not _is_readable(source, tag)]:  # noqa: SIM118 - no mapping
        del source[tag]
    for keyword in ("SliceThickness", "SpacingBetweenSlices"):
        source.pop(keyword, None)  # else the element that both have would be set
        setattr(source, keyword, f"{distance:.6g}")
    for keyword, conforms in _TYPE_2.items():
        value = instance.get(keyword)
        if value is None or not conforms(value):
            source.pop(keyword, None)
            setattr(source, keyword, "")
    if not _is_character_set(instance.get("SpecificCharacterSet")):
        source.pop("SpecificCharacterSet", None)
    return source


def is_number(value: object) -> bool:
    """Tell whether a value is a number, and a finite one."""
    try:
        return math.isfinite(float(str(value)))
    except ValueError:
        return False


def _is_readable(source: Dataset, tag: BaseTag) -> bool:
    """Tell whether a value is a number where it has to be one."""
    if not dictionary_has_tag(tag) or dictionary_VR(tag) not in {"DS", "IS"}:
        return True
    value = source[tag].value
    numbers = value if isinstance(value, MultiValue) else [value]
    return all(is_number(number) for number in numbers if number not in (None, ""))


def _is_one_text(value: object) -> bool:
    return isinstance(value, str)


def _is_any(_: object) -> bool:
    return True


def _is_sex(value: object) -> bool:
    return normalise_code(str(value)) in {"", "M", "F", "O"}


def _is_read_by(read: Callable[[str], object]) -> Callable[[object], bool]:
    def conforms(value: object) -> bool:
        try:
            read(str(value))
        except (TypeError, ValueError):
            return False
        return True

    return conforms


def _is_character_set(value: object) -> bool:
    names = [value] if isinstance(value, str) or value is None else list(value)  # type: ignore[call-overload]
    return all(name is None or name in python_encoding for name in names)


_TYPE_2: dict[str, Callable[[object], bool]] = {
    "PatientName": _is_any,
    "PatientID": _is_one_text,
    "PatientBirthDate": _is_read_by(DA),
    "PatientSex": _is_sex,
    "AccessionNumber": _is_one_text,
    "StudyID": _is_one_text,
    "StudyDate": _is_read_by(DA),
    "StudyTime": _is_read_by(TM),
    "ReferringPhysicianName": _is_any,
}
"""Of the modules Patient and General Study (PS3.3 C.7.1.1, C.7.2.1), and what a value has to be."""
