"""Numbers compare as exact fractions do, whatever their digits and exponents; units and tolerances likewise."""

import os
import random
from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dicom_sieve.criteria import Decider, compile_criteria
from dicom_sieve.criteria.reading import load_criteria, read_criteria
from dicom_sieve.dicom.dictionary import Attribute, find_attribute, find_keyword
from dicom_sieve.dicom.units import UNIT_OF, UNITS, Unit, WrongUnitError, read_quantity, written
from dicom_sieve.dicom.vr import VRS

CASES = int(os.environ.get("DICOM_SIEVE_TEST_CASES", "3000"))
PAIRS = 10 * CASES
"""A million with DICOM_SIEVE_TEST_CASES=100000."""
IN_FIRST_UNIT = {
    "m": Fraction(1), "cm": Fraction(1, 100), "mm": Fraction(1, 1000), "um": Fraction(1, 10**6),
    "s": Fraction(1), "ms": Fraction(1, 1000), "us": Fraction(1, 10**6), "min": Fraction(60), "h": Fraction(3600),
    "T": Fraction(1), "mT": Fraction(1, 1000), "V": Fraction(1), "kV": Fraction(1000),
    "A": Fraction(1), "mA": Fraction(1, 1000), "uA": Fraction(1, 10**6),
    "As": Fraction(1), "mAs": Fraction(1, 1000), "uAs": Fraction(1, 10**6), "deg": Fraction(1),
    "Hz": Fraction(1), "kHz": Fraction(1000), "MHz": Fraction(10**6), "kg": Fraction(1), "g": Fraction(1, 1000),
    "Bq": Fraction(1), "kBq": Fraction(1000), "MBq": Fraction(10**6), "GBq": Fraction(10**9),
    "Gy": Fraction(1), "cGy": Fraction(1, 100), "mGy": Fraction(1, 1000), "ml": Fraction(1), "l": Fraction(1000),
    "%": Fraction(1), "s/mm2": Fraction(1), "mm/s": Fraction(1),
}  # fmt: skip
"""How much each unit is in the first of its dimension, by the names that the SI gives its prefixes."""


def pairs(count: int) -> Iterator[tuple[str, str]]:
    """Give numbers as devices write them: unlike, nearly alike, and alike in other letters."""
    chance = random.Random(11)
    for _ in range(count):
        digits, places = chance.randrange(10 ** chance.randrange(1, 14)), chance.randrange(6)
        text = f"{chance.choice(('', '-', '+'))}{digits / 10**places:.{places}f}"
        kind = chance.randrange(4)
        if kind == 0:
            yield text, f"{chance.randrange(-999, 999)}.{chance.randrange(1000)}E{chance.randrange(-20, 20)}"
        elif kind == 1:
            yield text, f"{text}0" if "." in text else f"{text}.0"
        elif kind == 2:
            yield text, f"{text}{'' if '.' in text else '.'}{chance.randrange(3)}"
        else:
            yield text, f"{text}e{chance.choice(('0', '+0', '-0', '1', '-1'))}"


def test_numbers_are_compared_as_fractions_are() -> None:
    number = VRS["DS"]
    for first, second in pairs(PAIRS):
        read = number.parse(first), number.parse(second)
        exact, decimals = (Fraction(first), Fraction(second)), (Decimal(first), Decimal(second))
        order = (exact[0] > exact[1]) - (exact[0] < exact[1])
        assert number.compare(*read) == order == (decimals[0] > decimals[1]) - (decimals[0] < decimals[1])
        assert (read[0] == read[1]) is (order == 0)
        assert order != 0 or hash(read[0]) == hash(read[1])


def test_criteria_on_numbers_find_what_fractions_say() -> None:
    says: dict[str, Callable[[Fraction, Fraction], bool]] = {
        "EQUALS": lambda value, reference: value == reference,
        "NOT_EQUALS": lambda value, reference: value != reference,
        "GREATER": lambda value, reference: value > reference,
        "LESS": lambda value, reference: value < reference,
        "AT_LEAST": lambda value, reference: value >= reference,
        "AT_MOST": lambda value, reference: value <= reference,
    }
    for value, reference in pairs(CASES // 10):
        items = [{"dicom_tag": "SAR", "operation": operation, "reference": reference} for operation in says]
        found = Decider(compile_criteria(load_criteria(items))).decide({"00181316": (value,)}).findings
        exact = Fraction(value), Fraction(reference)
        assert [finding == "MET" for finding in found] == [said(*exact) for said in says.values()]


numbers = st.decimals(min_value=-(10**6), max_value=10**6, places=4).map(str)
units = st.sampled_from(list(UNITS.values()))


def test_size_of_each_unit_is_that_of_its_name() -> None:
    assert {name: unit.factor * Fraction(10) ** unit.exponent for name, unit in UNITS.items()} == IN_FIRST_UNIT


@given(numbers, units, units, st.sampled_from(["", " ", "\t"]))
@settings(max_examples=CASES // 3, deadline=None)
def test_quantity_is_converted_exactly_or_refused(number: str, given_unit: Unit, unit: Unit, space: str) -> None:
    exact = Fraction(number) * IN_FIRST_UNIT[given_unit.name] / IN_FIRST_UNIT[unit.name]
    is_decimal = set(_prime_factors(exact.denominator)) <= {2, 5}
    if given_unit.dimension == unit.dimension and is_decimal:
        assert Fraction(read_quantity(f"{number}{space}{given_unit.name}", unit)) == exact
        return
    with pytest.raises(WrongUnitError) as error:
        read_quantity(f"{number}{space}{given_unit.name}", unit)
    assert unit.name in error.value.accepted


def _prime_factors(number: int) -> Iterator[int]:
    factor = 2
    while number > 1:
        while number % factor == 0:
            yield factor
            number //= factor
        factor += 1


@given(numbers, st.sampled_from(sorted(UNIT_OF)))
@settings(max_examples=CASES // 10, deadline=None)
def test_quantity_that_is_written_reads_back(number: str, keyword: str) -> None:
    unit = UNIT_OF[keyword]
    assert read_quantity(written(Decimal(number), unit), unit) == Decimal(number)


widths = st.decimals(min_value=0, max_value=20, places=3).map(str)


@given(
    st.decimals(min_value=-50, max_value=50, places=3).map(str),
    st.decimals(min_value=-50, max_value=50, places=2).map(str),
    widths,
    st.sampled_from(["", " mm", " cm", " um", " %"]),
    st.sampled_from(["EQUALS", "IN", "NOT_EQUALS", "NOT_IN"]),
)
@settings(max_examples=CASES // 3, deadline=None)
def test_tolerance_is_what_fractions_say(value: str, reference: str, width: str, kind: str, operation: str) -> None:
    item: dict[str, Any] = {"dicom_tag": "SliceLocation", "operation": operation, "tolerance": f"{width}{kind}"}
    item["reference"] = [f"{reference} mm"] if operation.endswith("IN") else f"{reference} mm"
    size = {"": Fraction(1), " mm": Fraction(1), " cm": Fraction(10), " um": Fraction(1, 1000)}
    size[" %"] = abs(Fraction(reference)) / 100
    is_near = abs(Fraction(value) - Fraction(reference)) <= Fraction(width) * size[kind]

    [finding] = Decider(compile_criteria(load_criteria([item]))).decide({"00201041": (value,)}).findings

    assert (finding == "MET") is (is_near is not operation.startswith("NOT_"))


@pytest.mark.parametrize("tolerance", ["-1", "nan", "1 kg", "5 % %", "", "1 mm mm"])
def test_tolerance_that_is_none_is_refused(tolerance: str) -> None:
    item = {"dicom_tag": "SliceThickness", "operation": "EQUALS", "reference": "1", "tolerance": tolerance}

    assert read_criteria([item])[1]


OF_THE_STANDARD = """
    mm: BodyPartThickness DataCollectionDiameter DistanceSourceToDetector DistanceSourceToPatient FocalSpots
    mm: ImagePositionPatient ImagerPixelSpacing NominalScannedPixelSpacing PixelSpacing ReconstructionDiameter
    mm: SingleCollimationWidth SliceLocation SliceThickness SpacingBetweenSlices TableFeedPerRotation TableHeight
    mm: TotalCollimationWidth
    mm/s: TableSpeed
    ms: ActualFrameDuration EchoTime EffectiveEchoTime ExposureTime FrameAcquisitionDuration FrameTime InversionTime
    ms: RepetitionTime TriggerTime
    s: RadionuclideHalfLife RevolutionTime
    deg: FlipAngle GantryDetectorTilt PositionerPrimaryAngle PositionerSecondaryAngle
    MHz: ImagingFrequency TransmitterFrequency
    T: MagneticFieldStrength
    kV: KVP
    mA: XRayTubeCurrent
    uA: XRayTubeCurrentInuA
    mAs: Exposure
    uAs: ExposureInuAs
    mGy: CTDIvol
    kg: PatientWeight
    m: PatientSize
    ml: ContrastBolusVolume
    %: PercentPhaseFieldOfView PercentSampling
    s/mm2: DiffusionBValue
"""
"""Units as a program read them from the attributes' descriptions in PS3.3, by unit; no attribute has two."""


def test_units_are_those_of_the_standard() -> None:
    lines = (line.split(": ") for line in OF_THE_STANDARD.strip().splitlines())
    expected = {keyword: unit.strip() for unit, keywords in lines for keyword in keywords.split()}

    assert {keyword: unit.name for keyword, unit in UNIT_OF.items()} == expected


def test_attribute_that_the_standard_has_in_two_units_has_none() -> None:
    item = {"dicom_tag": "RadionuclideTotalDose", "operation": "GREATER", "reference": "370 MBq"}

    [problem] = read_criteria([item])[1]

    accepted = "a number without a unit: none is known of this attribute"
    assert problem == f"criteria[0].reference: '370 MBq' has the unit MBq; accepted: {accepted}"


@pytest.mark.parametrize("keyword", sorted(UNIT_OF))
def test_attribute_with_a_unit_is_a_number(keyword: str) -> None:
    attribute = find_attribute(find_keyword(keyword) or 0)

    assert isinstance(attribute, Attribute)
    assert attribute.vr.is_number
