"""The attributes that tell who somebody is: a ledger holds a keyed digest of each value, never the value (ADR 35).

Source:
    DICOM PS3.15, table E.1-1: what the Basic Profile removes, empties or replaces, and none of its options retains or
    cleans; and every Person Name (PS3.5 6.2, PN). Left out are UIDs, which name objects; dates and codes, which the
    first contract of criteria reads; and what is never kept, as bulk.
"""

from collections.abc import Iterable
from functools import cache

from pydicom._dicom_dict import DicomDictionary
from pydicom.datadict import tag_for_keyword

from dicom_sieve.dicom.dictionary import Attribute

_VALUES = """
AccessionNumber AddressTrial AdmissionID Arbitrary BarcodeValue BranchOfService CameraOwnerName
ClinicalTrialProtocolEthicsCommitteeApprovalNumber ClinicalTrialProtocolID ClinicalTrialProtocolName
ClinicalTrialSeriesID ClinicalTrialSponsorName ClinicalTrialSubjectID ClinicalTrialSubjectReadingID
ClinicalTrialTimePointID ConfidentialityConstraintOnPatientDataDescription ContainerComponentID ContainerIdentifier
CountryOfResidence CurrentPatientLocation DeviceAlternateIdentifier DistributionAddress
FillerOrderNumberImagingServiceRequest GPSAltitude GPSAltitudeRef GPSDOP GPSDestBearing GPSDestDistance
GPSDestLatitude GPSDestLongitude GPSDifferential GPSImgDirection GPSLatitude GPSLongitude GPSMapDatum GPSSatellites
GPSSpeed GPSTimeStamp GPSTrack HumanPerformerOrganization ImagePresentationComments InsurancePlanIdentification
InterpretationID InterpretationIDIssuer IssuerOfAdmissionID IssuerOfClinicalTrialProtocolID
IssuerOfClinicalTrialSeriesID IssuerOfClinicalTrialSiteID IssuerOfClinicalTrialSubjectID
IssuerOfClinicalTrialSubjectReadingID IssuerOfClinicalTrialTimePointID IssuerOfPatientID IssuerOfServiceEpisodeID
MedicalRecordLocator MilitaryRank ModifiedImageDescription OrderCallbackPhoneNumber OrderCallbackTelecomInformation
OrderEntererLocation OtherPatientIDs PatientAddress PatientBirthTime PatientID PatientInstitutionResidence
PatientReligiousPreference PatientTelecomInformation PatientTelephoneNumbers PatientTransportArrangements
PerformedLocation PerformedProcedureStepID PersonAddress PersonTelecomInformation PersonTelephoneNumbers
PlacerOrderNumberImagingServiceRequest RTAccessoryDeviceSlotID RTAccessoryHolderSlotID ReferringPhysicianAddress
ReferringPhysicianTelephoneNumbers RegionOfResidence RequestedProcedureID RequestedProcedureLocation RequestingService
ResponsibleOrganization ResultsID ResultsIDIssuer ScheduledPatientInstitutionResidence ScheduledProcedureStepID
SelectorURValue ServiceEpisodeID SlideIdentifier SpecimenAccessionNumber SpecimenIdentifier StudyID StudyIDIssuer
TelephoneNumberTrial TextComments TextString TopicAuthor TopicKeywords TopicSubject TopicTitle VerifyingOrganization
"""
_SEQUENCES = """
ActualHumanPerformersSequence AuthorObserverSequence ConsultingPhysicianIdentificationSequence
ContentCreatorIdentificationCodeSequence CustodialOrganizationSequence DigitalSignaturesSequence
FlowIdentifierSequence IconImageSequence IntendedRecipientsOfResultsIdentificationSequence
InterpretationApproverSequence IssuerOfAdmissionIDSequence IssuerOfServiceEpisodeIDSequence
IssuerOfTheContainerIdentifierSequence IssuerOfTheSpecimenIdentifierSequence ModifiedAttributesSequence
NonconformingModifiedAttributesSequence OperatorIdentificationSequence OriginalAttributesSequence
OtherClinicalTrialProtocolIDsSequence OtherPatientIDsSequence ParticipantSequence PatientInsurancePlanCodeSequence
PatientPrimaryLanguageCodeSequence PatientPrimaryLanguageModifierCodeSequence
PerformingPhysicianIdentificationSequence PersonIdentificationCodeSequence PhysiciansOfRecordIdentificationSequence
PhysiciansReadingStudyIdentificationSequence ROICreatorSequence ROIInterpreterSequence
ReferencedDigitalSignatureSequence ReferencedPatientAliasSequence ReferencedPatientPhotoSequence
ReferencedSOPInstanceMACSequence ReferringPhysicianIdentificationSequence ResultsDistributionListSequence
ScheduledHumanPerformersSequence ScheduledPerformingPhysicianIdentificationSequence
VerbalSourceIdentifierCodeSequenceTrial VerifyingObserverIdentificationCodeSequence VerifyingObserverSequence
"""
"""Of these only whether they are there is kept."""


def is_identifying(attribute: Attribute) -> bool:
    """Tell whether values of an attribute are compared by keyed digest."""
    return attribute.tag in identifying_tags()


@cache
def identifying_tags() -> frozenset[int]:
    """Give the tags of all standard attributes that identify."""
    named = (tag_for_keyword(keyword) for keyword in f"{_VALUES} {_SEQUENCES}".split())
    names = (tag for tag, (vr, *_) in DicomDictionary.items() if vr == "PN")
    return frozenset({*(tag for tag in named if tag is not None), *names})


def read_in_clear(keywords: Iterable[str]) -> frozenset[int]:
    """Give the tags of attributes that identify and lie in the ledger in clear, because a deployment names them.

    Args:
        keywords: Of attributes that identify, as ``AccessionNumber``.

    Raises:
        ValueError: Another keyword; names (VR PN) and sequences never lie in clear.
    """
    return frozenset(map(_read_in_clear, keywords))


def _read_in_clear(keyword: str) -> int:
    tag = tag_for_keyword(keyword)
    if tag is None or tag not in identifying_tags():
        raise ValueError(f"{keyword} is no attribute that is kept as a digest")
    vr = DicomDictionary[tag][0]
    if vr in {"PN", "SQ"}:
        raise ValueError(f"{keyword} is never kept in clear (VR {vr})")
    return tag
