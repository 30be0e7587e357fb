"""From raw values to a header: texts, UIDs, and what of them a ledger can hold."""

from collections.abc import Mapping
from functools import cache

from dicom_sieve.criteria.attribute import header_tags
from dicom_sieve.criteria.values import PADDING
from dicom_sieve.headers.header import Defect, Header

NOT_TEXT = "\ufffd"
"""Stands for what no database can hold (a NUL inside a value) and for a value that is no text (a sequence)."""

SOP_CLASS_UID = 0x00080016
SOP_INSTANCE_UID = 0x00080018
STUDY_INSTANCE_UID = 0x0020000D
SERIES_INSTANCE_UID = 0x0020000E
UIDS = frozenset({SOP_CLASS_UID, SOP_INSTANCE_UID, STUDY_INSTANCE_UID, SERIES_INSTANCE_UID})
PATIENT_ID = 0x00100020
ISSUER_OF_PATIENT_ID = 0x00100021
PATIENT = frozenset({PATIENT_ID, ISSUER_OF_PATIENT_ID})
IDENTITIES = UIDS | PATIENT
"""What a header is made of besides its attributes."""
LONGEST_UID = 256
"""In characters: four times what PS3.5 6.2 allows. No database can index texts of any length."""

LARGEST_HEADER = 256 * 1024
"""In bytes of wanted values, all together: far more than any real header has, and bounded for those that are made."""

Texts = tuple[str, ...]


@cache
def wanted_tags() -> frozenset[int]:
    """Give the tags of all elements that a header is made of."""
    return header_tags() | IDENTITIES


@cache
def _names() -> Mapping[int, str]:
    """Give the names of attributes, by tag."""
    return {tag: f"{tag:08X}" for tag in header_tags() - IDENTITIES}


def texts_of(value: bytes | None) -> Texts:
    """Split a raw value at its backslashes (PS3.5 6.4); CS, DA, AS and UI are in the default repertoire."""
    if value is None:
        return (NOT_TEXT,)
    text = value.decode("latin-1").rstrip(PADDING)
    return tuple(part.rstrip(PADDING).replace("\0", NOT_TEXT) for part in text.split("\\")) if text else ()


def uid_of(values: Mapping[int, Texts], tag: int) -> str | None:
    """Give a UID; None where it is absent or empty."""
    return "\\".join(values.get(tag, ())) or None


def patient_of(values: Mapping[int, Texts]) -> tuple[str, str] | None:
    """Give Patient ID and its issuer: both together identify a patient (PS3.3 C.7.1.1). Their bytes are compared."""
    patient, issuer = ("\\".join(values.get(tag, ())).strip(PADDING) for tag in (PATIENT_ID, ISSUER_OF_PATIENT_ID))
    return (patient, issuer) if patient and patient != NOT_TEXT else None


def is_damaged_uid(tag: int, texts: Texts) -> bool:
    """Tell whether an element should hold a UID and holds none that a ledger could."""
    return tag in UIDS and (texts == (NOT_TEXT,) or len("\\".join(texts)) > LONGEST_UID)


def has_damaged_uid(values: Mapping[int, Texts]) -> bool:
    """Tell whether any of the elements should hold a UID and holds none that a ledger could."""
    return any(is_damaged_uid(tag, values[tag]) for tag in UIDS & values.keys())


def header_of(values: Mapping[int, Texts]) -> Header:
    """Make the header of what was read, by tag."""
    series, names = uid_of(values, SERIES_INSTANCE_UID), _names()
    return Header(
        study_instance_uid=uid_of(values, STUDY_INSTANCE_UID),
        series_instance_uid=series,
        sop_class_uid=uid_of(values, SOP_CLASS_UID),
        attributes={names[tag]: texts for tag, texts in sorted(values.items()) if tag in names},
        defect=None if series else Defect.NO_SERIES,
        patient=patient_of(values),
    )
