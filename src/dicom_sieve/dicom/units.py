"""Units of numeric attributes, and how references with a unit are read. A closed table; each line has its source.

Which unit an attribute has is said by PS3.3 where the attribute is defined; the names of units follow UCUM, by which
the standard codes them (PS3.16, CID 82).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Context, Decimal

from dicom_sieve.dicom.vr.number import parse_number
from dicom_sieve.errors import MalformedValueError

_WITH_UNIT = re.compile(r"\s*([+-]?[0-9.]+(?:[Ee][+-]?[0-9]{1,3})?)\s*([^\s0-9.][^\s]*)?\s*")
_EXACT = Context(prec=200)
"""More digits than a reference can have."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit.

    Attributes:
        name: As it is written: ``ms``.
        dimension: What it measures; units of one dimension are converted.
        exponent: Its size is ten to this, in the first unit of its dimension.
        factor: Its size is that times this.
    """

    name: str
    dimension: str
    exponent: int = 0
    factor: int = 1


UNITS: Mapping[str, Unit] = {
    unit.name: unit
    for unit in (
        Unit("m", "length"),
        Unit("cm", "length", -2),
        Unit("mm", "length", -3),
        Unit("um", "length", -6),
        Unit("s", "time"),
        Unit("ms", "time", -3),
        Unit("us", "time", -6),
        Unit("min", "time", factor=60),
        Unit("h", "time", factor=3600),
        Unit("T", "magnetic field"),
        Unit("mT", "magnetic field", -3),
        Unit("V", "voltage"),
        Unit("kV", "voltage", 3),
        Unit("A", "current"),
        Unit("mA", "current", -3),
        Unit("uA", "current", -6),
        Unit("As", "charge"),
        Unit("mAs", "charge", -3),
        Unit("uAs", "charge", -6),
        Unit("deg", "angle"),
        Unit("Hz", "frequency"),
        Unit("kHz", "frequency", 3),
        Unit("MHz", "frequency", 6),
        Unit("kg", "mass"),
        Unit("g", "mass", -3),
        Unit("Bq", "activity"),
        Unit("kBq", "activity", 3),
        Unit("MBq", "activity", 6),
        Unit("GBq", "activity", 9),
        Unit("Gy", "dose"),
        Unit("cGy", "dose", -2),
        Unit("mGy", "dose", -3),
        Unit("ml", "volume"),
        Unit("l", "volume", 3),
        Unit("%", "percentage"),
        Unit("s/mm2", "diffusion weighting"),
        Unit("mm/s", "speed"),
    )
}
"""By name."""

_LINES = """
    mm SliceThickness PixelSpacing SliceLocation ImagePositionPatient: C.7.6.2
    mm SpacingBetweenSlices: C.8.3.1
    mm ImagerPixelSpacing: C.8.7.2
    mm NominalScannedPixelSpacing: C.8.6.2
    mm ReconstructionDiameter DataCollectionDiameter TableHeight: C.8.2.1
    mm DistanceSourceToDetector DistanceSourceToPatient: C.8.2.1
    mm FocalSpots: C.8.2.1, C.8.7.2
    mm BodyPartThickness: C.8.7.8
    mm TableFeedPerRotation: C.8.2.1, C.8.15.3.4
    mm SingleCollimationWidth TotalCollimationWidth: C.8.2.1, C.8.15.3.3
    ms EchoTime RepetitionTime InversionTime TriggerTime: C.8.3.1
    ms EffectiveEchoTime: C.8.13.5.4
    ms FrameTime ActualFrameDuration: C.7.6.5
    ms ExposureTime: C.8.2.1
    ms FrameAcquisitionDuration: C.7.6.16.2.2
    s RevolutionTime: C.8.2.1, C.8.15.3.3
    s RadionuclideHalfLife: C.8.9.2
    T MagneticFieldStrength: C.8.3.1
    kV KVP: C.8.2.1
    mA XRayTubeCurrent: C.8.2.1
    uA XRayTubeCurrentInuA: C.8.7.2
    mAs Exposure: C.8.2.1
    uAs ExposureInuAs: C.8.2.1
    deg FlipAngle: C.8.3.1
    deg GantryDetectorTilt: C.8.2.1
    deg PositionerPrimaryAngle PositionerSecondaryAngle: C.8.7.5.1.2, C.8.11.7
    MHz ImagingFrequency: C.8.3.1
    MHz TransmitterFrequency: C.8.13.5.6
    kg PatientWeight: C.7.2.2
    m PatientSize: C.7.2.2
    mGy CTDIvol: C.8.2.1, C.8.15.3.8
    ml ContrastBolusVolume: C.7.6.4
    % PercentSampling PercentPhaseFieldOfView: C.8.3.1
    s/mm2 DiffusionBValue: C.8.13.5.9
    mm/s TableSpeed: C.8.2.1, C.8.15.3.4
"""
UNIT_OF: Mapping[str, Unit] = {
    keyword: UNITS[unit]
    for line in _LINES.strip().splitlines()
    for unit, *keywords in [line.partition(":")[0].split()]
    for keyword in keywords
}
"""By keyword. Lines of the table: a unit, keywords, and the sections of PS3.3 that say so.

RadionuclideTotalDose is not among them: it is in Bq in PET images (C.8.9.2), and in MBq in NM (C.8.4.10.1.7) and in
Enhanced PET images (C.8.22.4).
"""


class WrongUnitError(ValueError):
    """A number has a unit that does not fit.

    Args:
        observed: What was given.
        accepted: What is accepted.
    """

    def __init__(self, observed: str, accepted: str) -> None:
        super().__init__(observed, accepted)
        self.observed, self.accepted = observed, accepted


def read_quantity(text: str, unit: Unit | None) -> Decimal:
    """Read a number, perhaps with a unit, in the unit of an attribute.

    Args:
        text: As ``3 mm``, ``0.008 s``, ``8``.
        unit: The attribute's; None where the table has none.

    Raises:
        MalformedValueError: It is no number.
        WrongUnitError: Its unit is not known, of another dimension, or the attribute has none in the table.

    Examples:
        >>> read_quantity("0.008 s", UNITS["ms"])
        Decimal('8')
    """
    match = _WITH_UNIT.fullmatch(text)
    if match is None:
        raise MalformedValueError("DS")
    number, name = parse_number(match[1]), match[2]
    if name is None:
        return number
    if unit is None:
        raise WrongUnitError(f"has the unit {name}", "a number without a unit: none is known of this attribute")
    given = UNITS.get(name)
    if given is None or given.dimension != unit.dimension:
        same = ", ".join(known.name for known in UNITS.values() if known.dimension == unit.dimension)
        observed = f"has the unit {name}" + ("" if given else ", which is not known")
        raise WrongUnitError(observed, f"a {unit.dimension}, in {same}" if "," in same else f"a number in {same}")
    return _convert(number, given, unit)


def has_no_unit(text: str) -> bool:
    """Tell whether a number has no unit."""
    match = _WITH_UNIT.fullmatch(text)
    return match is not None and match[2] is None


def _convert(number: Decimal, given: Unit, unit: Unit) -> Decimal:
    if given == unit:
        return number
    sign, digits, exponent = number.as_tuple()
    whole = int("".join(map(str, digits))) * given.factor * 10**_MORE_PLACES
    exponent = int(exponent) + given.exponent - unit.exponent - _MORE_PLACES
    if whole % unit.factor:
        raise WrongUnitError(f"in {given.name} is no finite decimal in {unit.name}", f"a number in {unit.name}")
    return Decimal((sign, tuple(map(int, str(whole // unit.factor))), exponent)).normalize(_EXACT)


_MORE_PLACES = 4
"""How many more decimal places a number can have in another unit: 3600 has the factor 2 four times."""


def written(number: Decimal, unit: Unit | None) -> str:
    """Write a number as one reads it, with its unit.

    Examples:
        >>> written(Decimal("8E+0"), UNITS["ms"])
        '8 ms'
    """
    text = f"{number:f}" if abs(number.adjusted()) < _LONG else str(number)
    return f"{text} {unit.name}" if unit else text


_LONG = 20
