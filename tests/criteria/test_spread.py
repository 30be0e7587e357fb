"""How values spread: exactly, by instances, in the order of their VR."""

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_sieve.dicom.dictionary import Attribute, find_attribute
from dicom_sieve.dicom.spread import Spread, spread_of

THICKNESS, BIRTH, AGE, MODALITY, TIME = 0x00180050, 0x00100030, 0x00101010, 0x00080060, 0x00080030


def named(tag: int) -> Attribute:
    attribute = find_attribute(tag)
    assert isinstance(attribute, Attribute)
    return attribute


@pytest.mark.parametrize(
    ("tag", "instances", "spread"),
    [
        (THICKNESS, {"10": 1, "9.50": 1, "1e1": 1, "x": 9}, Spread("9.50", "10", "9.50", "10", "10", "mm")),
        (THICKNESS, {"0.1": 1}, Spread("0.1", "0.1", "0.1", "0.1", "0.1", "mm")),
        (THICKNESS, {"x": 1}, None),
        (BIRTH, {"20200131": 1, "19991231": 7, "": 3, "?": 1}, Spread("19991231", "20200131")),
        (AGE, {"018M": 1, "002Y": 1, "001Y": 1}, Spread("001Y", "002Y")),
        (TIME, {"0930": 1, "080000.5": 1}, Spread("080000.5", "0930")),
        (MODALITY, {"CT": 1, "MR": 1}, None),
    ],
)
def test_values_spread_in_the_order_of_their_vr(tag: int, instances: dict[str, int], spread: Spread | None) -> None:
    assert spread_of(named(tag), instances) == spread


@given(st.dictionaries(st.decimals(-10, 10, places=1).map(str), st.integers(1, 5), min_size=1))
def test_quartiles_are_those_of_the_instances_written_out(instances: dict[str, int]) -> None:
    every = sorted(Decimal(text) for text, count in instances.items() for _ in range(count))

    found = spread_of(named(THICKNESS), instances)

    assert found is not None
    quarters = (found.minimum, found.lower_quartile, found.median, found.upper_quartile, found.maximum)
    expected = [every[max(math.ceil(len(every) * quarter / 4), 1) - 1] for quarter in range(5)]
    assert [Decimal(text or "") for text in quarters] == expected
