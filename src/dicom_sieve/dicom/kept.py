"""The attributes that a header keeps in the full edition, and which of them belong to the object, not to its series."""

from functools import cache

from pydicom._dicom_dict import DicomDictionary, RepeatersDictionary
from pydicom.datadict import dictionary_VR, tag_for_keyword

from dicom_sieve.dicom.dictionary import header_tags, written_out
from dicom_sieve.dicom.identifying import identifying_tags

LAST_GROUP = 0x5200
"""Of the functional groups. What stands behind them (overlays, waveforms, pixels) is not kept."""
SHARED_FUNCTIONAL_GROUPS = 0x52009229
PER_FRAME_FUNCTIONAL_GROUPS = 0x52009230
FUNCTIONAL_GROUPS = frozenset({SHARED_FUNCTIONAL_GROUPS, PER_FRAME_FUNCTIONAL_GROUPS})
_FIRST_GROUP = 0x0002
LONGEST_KEPT = 256
"""In bytes of a value: of a longer one only that it is there."""
_NOT_KEPT = frozenset({0x00020000, 0x00020003, 0x00080018})
"""The length of the file meta information; and SOP Instance UID, twice: the ledger has it of each object anyway."""
_MOST_REPEATED = 2
"""Places of a dictionary mask: the two retired ones with more stand for thousands of tags each."""
_NEVER_KEPT = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "OB or OW", "US or OW", "US or SS or OW", "NONE"})
"""Bulk: it can be told only whether it is there."""

_OBJECT_KEYWORDS = """
AcquisitionDate AcquisitionDateTime AcquisitionDeviceProcessingDescription AcquisitionDuration AcquisitionNumber
AcquisitionTime ActualFrameDuration BodyPartThickness CTDIvol CardiacNumberOfImages CompressionForce ConcatenationUID
ContentDate ContentTime DeadTimeFactor DecayFactor DerivationDescription DiffusionBValue DiffusionGradientOrientation
DistanceSourceToDetector DistanceSourceToPatient DoseCalibrationFactor EchoNumbers EchoTime EntranceDose
EntranceDoseInmGy EstimatedDoseSaving Exposure ExposureInmAs ExposureInuAs ExposureTime FlipAngle FrameReferenceTime
FrameTime GantryDetectorTilt HalfValueLayer HeartRate HighRRValue ImageComments ImageID ImageIndex ImageLaterality
ImageOrientationPatient ImagePosition ImagePositionPatient ImageType ImagesInAcquisition InConcatenationNumber
InStackPositionNumber InstanceCreationDate InstanceCreationTime InstanceNumber IntervalsAcquired IntervalsRejected
InversionTime IrradiationEventUID KVP LargestImagePixelValue Laterality LossyImageCompressionRatio LowRRValue
NominalInterval NumberOfFrames OrganDose PatientOrientation PositionerPrimaryAngle PositionerSecondaryAngle
PrimaryPromptsCountsAccumulated RelativeXRayExposure RescaleIntercept RescaleSlope RescaleType SAR ScatterFractionFactor
SequenceName SliceLocation SliceSensitivityFactor SmallestImagePixelValue SpacingBetweenSlices StackID TableHeight
TablePosition TemporalPositionIdentifier TemporalPositionTimeOffset TriggerTime ViewPosition WindowCenter
WindowCenterWidthExplanation WindowWidth XRayTubeCurrent XRayTubeCurrentInuA dBdt
"""
"""What varies within the series of 255 real ones, and what PS3.3 has of the same kind for modalities not among them."""
_OWN_BY_NATURE = "SourceImageSequence"
"""What the object was made of."""

_OWN_PRIVATE = """
0009xx27 0009xx40 0019xxA2 0019xxBB 0019xxBC 0019xxBD 0021xx5E 0027xx40 0027xx41 0043xx30 0043xx39 0043xxB8
0065xx09 0065xx0A 0065xx2D 0065xx37
2001xx03 2001xx04 2001xx0A
2005xx08 2005xx09 2005xx0A 2005xx0B 2005xx0C 2005xx0F 2005xx10 2005xx12 2005xx13 2005xxA0 2005xxB0 2005xxB1 2005xxB2
"""
"""Private elements that vary within real series, by group and low byte: of GE, United Imaging and Philips."""

_SEQUENCES = """
AcquisitionContextSequence AnatomicRegionModifierSequence AnatomicRegionSequence ContentSequence
ContrastBolusAdministrationRouteSequence ContrastBolusAgentSequence DetectorInformationSequence
DimensionOrganizationSequence EnergyWindowInformationSequence OpticalPathSequence
PatientGantryRelationshipCodeSequence PrimaryAnatomicStructureModifierSequence PrimaryAnatomicStructureSequence
RadiopharmaceuticalInformationSequence ReferencedFrameOfReferenceSequence ReferencedImageSequence
ReferencedInstanceSequence ReferencedPerformedProcedureStepSequence ReferencedSeriesSequence RequestAttributesSequence
RTROIObservationsSequence SegmentSequence SequenceOfUltrasoundRegions SharedFunctionalGroupsSequence
PerFrameFunctionalGroupsSequence SourceImageSequence SpecimenDescriptionSequence StructureSetROISequence
TotalPixelMatrixOriginSequence
"""
"""Besides code sequences: what published selection rules name, and what they would name in other modalities."""


@cache
def kept_tags() -> frozenset[int]:
    """Give every standard tag whose element a header tells of, repeating groups written out."""
    tags = {tag for tag in DicomDictionary if _FIRST_GROUP <= tag >> 16 <= LAST_GROUP}
    for mask in RepeatersDictionary:
        if mask.count("x") <= _MOST_REPEATED:
            tags.update(tag for tag in written_out(mask) if tag >> 16 <= LAST_GROUP)
    return frozenset(tag for tag in tags if tag not in _NOT_KEPT and dictionary_VR(tag) != "NONE")


@cache
def object_tags() -> frozenset[int]:
    """Give the tags that are kept with each object; all others are kept once for objects that have them alike.

    What the first edition has is none of them: it makes hardly any headers more, and criteria ask for it most.
    """
    return _tags_of(f"{_OBJECT_KEYWORDS} {_OWN_BY_NATURE}") - header_tags()


@cache
def private_object_tags() -> frozenset[int]:
    """Give the private elements that are kept with each object, whoever's they are, see `without_block`."""
    return frozenset(int(tag.replace("xx", "00"), 16) for tag in _OWN_PRIVATE.split())


def without_block(tag: int) -> int:
    """Give the tag of a private element in no block: which one it stands in, the object chooses (PS3.5 7.8.1)."""
    return tag & 0xFFFF00FF


@cache
def sequence_tags() -> frozenset[int]:
    """Give the tags of sequences that are kept with what is in them: code sequences, and those of `_SEQUENCES`."""
    codes = {
        tag
        for tag, (vr, _, _, _, keyword) in DicomDictionary.items()
        if vr == "SQ" and keyword.endswith("CodeSequence") and tag >> 16 <= LAST_GROUP
    }
    return (_tags_of(_SEQUENCES) | codes) - identifying_tags()


def is_bulk(vr: str) -> bool:
    """Tell whether the value of a VR, or of what may be one, is never kept."""
    return vr in _NEVER_KEPT


def _tags_of(keywords: str) -> frozenset[int]:
    tags = {keyword: tag_for_keyword(keyword) for keyword in keywords.split()}
    return frozenset(tag for tag in tags.values() if tag is not None)
