"""What DICOM says of the values and the place of attributes that studies ask for. Pure data, each with its source.

Enumerated Values are all that there are; Defined Terms are values that others may extend (PS3.3 5.1).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from dicom_sieve.dicom.dictionary import find_keyword


@dataclass(frozen=True, slots=True)
class Terms:
    """The values of an attribute.

    Attributes:
        values: As the standard has them.
        source: Section of PS3.3.
    """

    values: tuple[str, ...]
    source: str


def _by_tag(by_keyword: Mapping[str, Terms]) -> dict[int, Terms]:
    return {tag: terms for keyword, terms in by_keyword.items() if (tag := find_keyword(keyword)) is not None}


_YES_OR_NO = ("YES", "NO")

ENUMERATED_VALUES = _by_tag(
    {
        "AngioFlag": Terms(("Y", "N"), "C.8.3.1"),
        "ApprovalStatus": Terms(("APPROVED", "UNAPPROVED", "REJECTED"), "C.8.8.16"),
        "BreastImplantPresent": Terms(_YES_OR_NO, "C.8.11.7"),
        "BurnedInAnnotation": Terms(_YES_OR_NO, "C.7.6.1"),
        "CompletionFlag": Terms(("PARTIAL", "COMPLETE"), "C.17.2"),
        "CountsSource": Terms(("EMISSION", "TRANSMISSION"), "C.8.9.1"),
        "DoseUnits": Terms(("GY", "RELATIVE"), "C.8.8.3"),
        "ImageLaterality": Terms(("R", "L", "U", "B"), "C.8.11.2"),
        "InPlanePhaseEncodingDirection": Terms(("ROW", "COL", "COLUMN", "OTHER"), "C.8.3.1 and C.8.13.5.3"),
        "Laterality": Terms(("R", "L"), "C.7.3.1"),
        "LongitudinalTemporalInformationModified": Terms(("UNMODIFIED", "MODIFIED", "REMOVED"), "C.12.1"),
        "LossyImageCompression": Terms(("00", "01"), "C.7.6.1"),
        "PartialView": Terms(_YES_OR_NO, "C.8.11.7"),
        "PatientIdentityRemoved": Terms(_YES_OR_NO, "C.7.1.1"),
        "PatientSex": Terms(("F", "M", "O"), "C.7.1.1"),
        "PatientSexNeutered": Terms(("ALTERED", "UNALTERED"), "C.7.2.2"),
        "PresentationIntentType": Terms(("FOR PRESENTATION", "FOR PROCESSING"), "C.8.11.1"),
        "QualityControlImage": Terms((*_YES_OR_NO, "BOTH"), "C.7.6.1"),
        "RecognizableVisualFeatures": Terms(_YES_OR_NO, "C.7.6.1"),
        "ScanningSequence": Terms(("SE", "IR", "GR", "EP", "RM"), "C.8.3.1"),
        "SegmentationType": Terms(("BINARY", "FRACTIONAL", "LABELMAP"), "C.8.20.2"),
        "SmokingStatus": Terms((*_YES_OR_NO, "UNKNOWN"), "C.2.4"),
        "VerificationFlag": Terms(("UNVERIFIED", "VERIFIED"), "C.17.2"),
    }
)
"""By tag. Where modules differ, the values of all of them."""

_MODALITIES = (
    "AR ASMT AU BDUS BI BMD CR CT CTPROTOCOL DG DOC DX ECG EEG EMG EOG EPS ES FID GM HC HD IO IOL IVOCT IVUS KER KO "
    "LEN LS M3D MG MR NM OAM OCT OP OPM OPT OPTBSV OPTENF OPV OSS OT PA PLAN POS PR PT PX REG RESP RF RG RTDOSE "
    "RTIMAGE RTINTENT RTPLAN RTRAD RTRECORD RTSEGANN RTSTRUCT RWV SEG SM SMR SR SRF STAIN TEXTUREMAP TG US VA XA "
    "XAPROTOCOL XC AS CD CF CP CS DD DF DM DS EC FA FS LP MA MS OPR ST VF"
)
_POSITIONS = "HFP HFS HFDR HFDL FFDR FFDL FFP FFS LFP LFS RFP RFS AFDR AFDL PFDR PFDL"

DEFINED_TERMS = _by_tag(
    {
        "Modality": Terms(tuple(_MODALITIES.split()), "C.7.3.1.1.1"),
        "PatientPosition": Terms((*_POSITIONS.split(), "SITTING"), "C.7.3.1.1.2 and C.8.8.12.1"),
    }
)
"""By tag; retired ones among them."""

_KEYWORDS_IN_FUNCTIONAL_GROUPS = """
    OutlineShapeType MultiCoilElementUsed OperatingModeType OperatingMode SpecificAbsorptionRateDefinition
    SpatialLocationsPreserved
"""
IN_FUNCTIONAL_GROUPS = frozenset(map(find_keyword, _KEYWORDS_IN_FUNCTIONAL_GROUPS.split()))
"""Tags that no module has at the top level: only sequences within the functional groups have them (PS3.3 C.7.6.16)."""
