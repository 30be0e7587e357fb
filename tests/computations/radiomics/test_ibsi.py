"""Every published value of the IBSI's first chapter, by code and aggregation."""

import os
from pathlib import Path

import pytest

from dicom_sieve.computations.radiomics.extract import extract
from dicom_sieve.computations.radiomics.features import features
from dicom_sieve.computations.radiomics.region import Region
from tests.computations.radiomics.digital_phantom import PARAMETERS, make_seg, region, save, series
from tests.computations.radiomics.published import column_of, columns, disagreements, published
from tests.support.documents import ROOT

CT_PHANTOM = Path(os.environ.get("IBSI_CT_PHANTOM", ROOT.parent / "shared" / "ibsi" / "ct"))
"""Images and an RTSTRUCT that may not be part of the project (CC BY-NC 3.0; doi 10.17195/candat.2016.08.1)."""
EXCEPTIONS: dict[str, set[str]] = {name: set() for name in ("digital phantom", *"ABCDE")}
"""Columns that do not have their published values, by data set: there are none."""


@pytest.fixture(scope="module")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> Region:
    folder = tmp_path_factory.mktemp("phantom")
    slices = series()
    (mask,) = save([make_seg(slices, [region()])], folder / "mask")
    (found,) = extract(save(slices, folder / "images"), mask, PARAMETERS)
    return found


class TestDigitalPhantom:
    def test_every_published_value_is_computed(self, phantom: Region) -> None:
        rows = published("digital phantom")

        assert len(rows) == 482
        assert {column_of(row) for row in rows} == set(phantom.values) == {feature.column for feature in features()}

    def test_every_value_is_the_published_one(self, phantom: Region) -> None:
        assert disagreements(dict(phantom.values), "digital phantom").keys() == EXCEPTIONS["digital phantom"]

    def test_a_wrong_value_would_be_found(self, phantom: Region) -> None:
        spoilt = {**phantom.values, "joint_entropy_3d_merged_TU9B": 2.58}

        assert disagreements(spoilt, "digital phantom") == {"joint_entropy_3d_merged_TU9B": (2.58, 2.57)}

    def test_the_region_has_its_voxels(self, phantom: Region) -> None:
        assert (phantom.voxels, phantom.volume_mm3) == (74, 592.0)
        assert (phantom.label, phantom.code, phantom.intensity_unit) == ("Tumour", "SCT:108369006", "HU")


@pytest.mark.skipif(not CT_PHANTOM.is_dir(), reason=f"the IBSI's CT phantom is not at {CT_PHANTOM}: IBSI_CT_PHANTOM")
@pytest.mark.parametrize(("name", "count"), [("A", 346), ("B", 346), ("C", 209), ("D", 210), ("E", 210)])
class TestCtPhantom:
    def test_every_value_is_the_published_one(self, name: str, count: int) -> None:
        images = sorted((CT_PHANTOM / "image").glob("*.dcm"))
        (mask,) = (CT_PHANTOM / "mask").glob("*.dcm")

        (found,) = extract(images, mask, {"preset": f"IBSI_{name}", "regions": ["GTV-1"]})

        assert len(published(f"configuration {name}")) == count
        assert disagreements(dict(found.values), f"configuration {name}").keys() == EXCEPTIONS[name]


class TestTable:
    def test_every_code_and_aggregation_is_as_published(self) -> None:
        rows = {(row.name, row.code, row.aggregation) for row in published("digital phantom")}

        assert rows == set(columns())
