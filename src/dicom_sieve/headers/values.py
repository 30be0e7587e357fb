"""From texts to a header: UIDs, the patient, and what of them a ledger can hold."""

from collections.abc import Mapping

from dicom_sieve.dicom.vr.value_type import PADDING
from dicom_sieve.headers.defects import Damage, Defect
from dicom_sieve.headers.header import Header
from dicom_sieve.headers.texts import NOT_TEXT, Texts

RECOGNITION_CODE = 0x00080010
"""(0008,0010), retired: names ACR-NEMA, the standard before DICOM, in which there were no UIDs."""
SPECIFIC_CHARACTER_SET = 0x00080005
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
EXPECTED = UIDS | {0x00080020, 0x00080060}
"""What every object has to have of its study, its series and itself (PS3.3 C.7.2.1, C.7.3.1, C.12.1): Study Date, which
may be empty, Modality, and UIDs. Where all came before the pixels, elements stand where they should."""
LONGEST_UID = 256
"""In characters: four times what PS3.5 6.2 allows. No database can index texts of any length."""

LARGEST_HEADER = 256 * 1024
"""In bytes of wanted values, all together: far more than any real header has, and bounded for those that are made."""


def uid_of(values: Mapping[int, Texts], tag: int) -> str | None:
    """Give a UID; None where it is absent or empty."""
    return "\\".join(values.get(tag, ())) or None


def patient_of(values: Mapping[int, Texts]) -> tuple[str, str] | None:
    """Give Patient ID and its issuer: both together identify a patient (PS3.3 C.7.1.1). Their bytes are compared."""
    patient, issuer = ("\\".join(values.get(tag, ())).strip(PADDING) for tag in (PATIENT_ID, ISSUER_OF_PATIENT_ID))
    return (patient, issuer) if patient and patient != NOT_TEXT else None


def is_damaged(tag: int, texts: Texts) -> bool:
    """Tell whether an element cannot be what it should: a UID that a ledger can hold, or names of character sets.

    A NUL inside one of these, or a sequence in their place, keeps pydicom from opening the object.
    """
    if tag == SPECIFIC_CHARACTER_SET:
        return any(NOT_TEXT in text for text in texts)
    return tag in UIDS and (texts == (NOT_TEXT,) or len("\\".join(texts)) > LONGEST_UID)


def find_damaged(values: Mapping[int, Texts]) -> set[int]:
    """Give the tags of all elements that cannot be what they should."""
    return {tag for tag, texts in values.items() if not _is_usual(texts) and is_damaged(tag, texts)}


def _is_usual(texts: Texts) -> bool:
    """Tell, at one look, of nearly all texts that they are not damaged, whatever they are of."""
    return len(texts) == 1 and len(texts[0]) <= LONGEST_UID and NOT_TEXT not in texts[0]


def header_of(
    values: Mapping[int, Texts],
    attributes: Mapping[str, Texts],
    *,
    defect: Defect | None = None,
    damage: Damage | None = None,
    unreadable_from: int | None = None,
) -> Header:
    """Make the header of identities, by tag, of attributes, and of what is known of the rest."""
    series = uid_of(values, SERIES_INSTANCE_UID)
    return Header(
        study_instance_uid=uid_of(values, STUDY_INSTANCE_UID),
        series_instance_uid=series,
        sop_class_uid=uid_of(values, SOP_CLASS_UID),
        attributes=attributes,
        defect=defect or (None if series else Defect.NO_SERIES),
        patient=patient_of(values),
        damage=damage,
        unreadable_from=None if unreadable_from is None else f"{unreadable_from:08X}",
    )
