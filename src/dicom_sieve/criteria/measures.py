"""What can be measured of a series, a study or a patient, and of whom. Pure data; docs/geometry.md says what it means.

Source: of the attributes that each is made of, PS3.3 C.7.6.1 (image), C.7.6.2 (image plane) and C.7.6.6 (frames).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Measure(StrEnum):
    """What is measured."""

    INSTANCES = "INSTANCES"
    SERIES = "SERIES"
    STUDIES = "STUDIES"
    FRAMES = "FRAMES"
    SLICES = "SLICES"
    VOLUMES = "VOLUMES"
    DISTINCT = "DISTINCT"
    MISSING = "MISSING"
    DUPLICATES = "DUPLICATES"
    SPACING = "SPACING"
    SPACING_VARIATION = "SPACING_VARIATION"
    TILT = "TILT"
    PLANE = "PLANE"
    AGE = "AGE"


class Scope(StrEnum):
    """Of what it is measured."""

    SERIES = "SERIES"
    STUDY = "STUDY"
    PATIENT = "PATIENT"


PLANES = ("AXIAL", "CORONAL", "SAGITTAL", "OBLIQUE")
PLANE_TOLERANCE = "25"
"""In degrees: how far the normal of an image may be from an axis of the patient."""
_ANY = (Scope.SERIES, Scope.STUDY, Scope.PATIENT)
_POSITIONS = ("ImagePositionPatient", "ImageOrientationPatient", "ImageType", "NumberOfFrames")
VOLUME_KEYWORDS = (
    "AcquisitionNumber",
    "DiffusionBValue",
    "DiffusionGradientOrientation",
    "EchoNumbers",
    "EchoTime",
    "FlipAngle",
    "FrameReferenceTime",
    "ImageType",
    "InversionTime",
    "KVP",
    "SequenceName",
    "StackID",
    "TemporalPositionIdentifier",
    "TemporalPositionTimeOffset",
    "TriggerTime",
)
"""By what volumes of one series differ: two images of one position that have all of these alike are duplicates."""
FRAME_VOLUME_PATHS = (
    "CTImageFrameTypeSequence.FrameType",
    "CTXRayDetailsSequence.KVP",
    "CardiacSynchronizationSequence.NominalCardiacTriggerDelayTime",
    "FrameContentSequence.FrameAcquisitionNumber",
    "FrameContentSequence.StackID",
    "FrameContentSequence.TemporalPositionIndex",
    "MRDiffusionSequence.DiffusionBValue",
    "MRDiffusionSequence.DiffusionGradientDirectionSequence.DiffusionGradientOrientation",
    "MREchoSequence.EffectiveEchoTime",
    "MRImageFrameTypeSequence.ComplexImageComponent",
    "MRImageFrameTypeSequence.FrameType",
    "MRModifierSequence.InversionTimes",
    "MRTimingAndRelatedParametersSequence.FlipAngle",
    "MRVelocityEncodingSequence.VelocityEncodingDirection",
    "PETFrameTypeSequence.FrameType",
    "ParametricMapFrameTypeSequence.FrameType",
    "SegmentIdentificationSequence.ReferencedSegmentNumber",
    "TemporalPositionSequence.TemporalPositionTimeOffset",
    "XRay3DFrameTypeSequence.FrameType",
    *(f"UnassignedPerFrameConvertedAttributesSequence.{name}" for name in VOLUME_KEYWORDS),
    *(f"UnassignedSharedConvertedAttributesSequence.{name}" for name in VOLUME_KEYWORDS),
)
"""The same of the frames of enhanced objects: where it stands in their functional groups."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What is to be known of a measure.

    Attributes:
        words: How it is spoken of.
        vr: By which references are read.
        scopes: Of what it can be measured; the first one where none is given.
        keywords: Of the attributes of each instance that it is made of.
        unit: Of its values; empty: it has none.
    """

    words: str
    vr: str = "IS"
    scopes: tuple[Scope, ...] = (Scope.SERIES,)
    keywords: tuple[str, ...] = ()
    unit: str = ""


KINDS: Mapping[Measure, Kind] = {
    Measure.INSTANCES: Kind("number of instances", scopes=_ANY),
    Measure.SERIES: Kind("number of series", scopes=_ANY[1:]),
    Measure.STUDIES: Kind("number of studies", scopes=_ANY[2:], keywords=("StudyInstanceUID",)),
    Measure.FRAMES: Kind("number of frames", scopes=_ANY, keywords=("NumberOfFrames",)),
    Measure.SLICES: Kind("number of slices", keywords=_POSITIONS),
    Measure.VOLUMES: Kind("number of volumes", keywords=_POSITIONS),
    Measure.DISTINCT: Kind("number of different values", scopes=_ANY),
    Measure.MISSING: Kind("number of missing instance numbers", keywords=("InstanceNumber",)),
    Measure.DUPLICATES: Kind("number of duplicates", keywords=(*_POSITIONS, *VOLUME_KEYWORDS)),
    Measure.SPACING: Kind("spacing of slices", "FD", keywords=_POSITIONS, unit="mm"),
    Measure.SPACING_VARIATION: Kind("variation of the spacing of slices", "FD", keywords=_POSITIONS, unit="mm"),
    Measure.TILT: Kind("tilt", "FD", keywords=_POSITIONS, unit="deg"),
    Measure.PLANE: Kind("plane", "CS", keywords=_POSITIONS),
    Measure.AGE: Kind(
        "age",
        "AS",
        (),
        ("PatientAge", "PatientBirthDate", "StudyDate", "SeriesDate", "AcquisitionDate"),
    ),
}
SCOPE_KEYWORDS: Mapping[Scope, tuple[str, ...]] = {
    Scope.SERIES: (),
    Scope.STUDY: ("StudyInstanceUID",),
    Scope.PATIENT: ("PatientID", "IssuerOfPatientID"),
}
"""The attributes that tell which study, or patient, an instance is of; its series is always known."""
GEOMETRY = frozenset(measure for measure, kind in KINDS.items() if "ImagePositionPatient" in kind.keywords)
"""What is made of where the images of a series lie."""
MAY_COMPARE = (Measure.INSTANCES, Measure.SERIES, Measure.STUDIES)
"""What can be counted where a criterion compares each with the instance that is judged."""
