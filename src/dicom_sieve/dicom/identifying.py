"""Attributes that identify a person, and the keyed digest by which their values are compared.

No value of them lies in the ledger, or in what criteria are decided on: each is a digest, with a secret of the ledger.
"""

import hashlib
import hmac
from typing import Final

from dicom_sieve.dicom.dictionary import Attribute, find_keyword
from dicom_sieve.dicom.vr.person import PN
from dicom_sieve.dicom.vr.text import normalise_text

MARK: Final = "\ufdd1"
"""Begins the digest of a value: no character of any text (Unicode noncharacter)."""
_BYTES = 16

_KEYWORDS = """
    PatientID OtherPatientIDs AccessionNumber PatientAddress PatientTelephoneNumbers MilitaryRank MedicalRecordLocator
    PatientReligiousPreference StudyID AdmissionID RequestedProcedureID PerformedProcedureStepID
    ScheduledProcedureStepID FillerOrderNumberImagingServiceRequest PlacerOrderNumberImagingServiceRequest
    ServiceEpisodeID IssuerOfPatientID InsurancePlanIdentification ResponsibleOrganization PatientInstitutionResidence
"""
IDENTIFYING: Final = frozenset(map(find_keyword, _KEYWORDS.split()))
"""Tags of texts that PS3.15, annex E, removes or replaces because they identify; PN identifies always."""


def is_identifying(attribute: Attribute) -> bool:
    """Tell whether values of an attribute are compared by keyed digest."""
    return attribute.vr == PN or attribute.tag in IDENTIFYING


def digest_identity(text: str, secret: bytes, *, is_name: bool) -> str:
    """Give what stands for a value that identifies.

    Args:
        text: One value.
        secret: The ledger's.
        is_name: Whether it is a PN: its empty components and groups at the end do not matter.
    """
    plain = (PN.parse_exact(text) if is_name else normalise_text(text)).casefold()
    return MARK + hmac.digest(secret, plain.encode("utf-8", "surrogatepass"), hashlib.sha256)[:_BYTES].hex()
