"""The table of features, held to MIRP's own names and codes."""

import re
import warnings
from typing import Any

import pytest

from dicom_sieve.computations.radiomics.features import by_column, features
from dicom_sieve.computations.radiomics.settings import Aggregation, Family

OTHER_CODES = {
    "BC2M": {"NK6P", "4279"},
    "GBPN": {"PWN1", "BOHI"},
    "DDTU": {"WITY"},
    "CNV2": {"JXJA"},
    "P6QZ": {"P6QZ1"},
}
"""Where MIRP has another one: a code for each percentage of intensity-volume histograms, and a slip of the pen."""
WITHOUT_VALUES = 26
"""What MIRP computes beside ours: it has no published value."""


@pytest.fixture(scope="module")
def of_mirp() -> dict[str, Any]:
    """Give the features of MIRP by its names for columns."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from mirp._features.feature_generator import generate_features
        from mirp.settings.generic import SettingsClass

    directed = [f"{name}_{how}" for name, hows in _DIRECTED.items() for how in hows]
    names = {f"{family}_spatial_method": directed for family in ("glcm", "glrlm")}
    names |= {f"{family}_spatial_method": ["2d", "2.5d", "3d"] for family in ("glszm", "gldzm", "ngtdm", "ngldm")}
    settings = SettingsClass(
        by_slice=False, base_feature_families="all", base_discretisation_method="none", ibsi_compliant=False, **names
    )
    found = {}
    for feature in generate_features(settings.feature_extr):
        feature.create_table_name()
        found[feature.table_name] = feature
    return found


_DIRECTED = {
    "2d": ("average", "slice_merge"),
    "2.5d": ("direction_merge", "volume_merge"),
    "3d": ("average", "volume_merge"),
}


class TestFeatures:
    def test_columns_are_names_in_every_database(self) -> None:
        columns = [feature.column for feature in features()]

        assert len(set(columns)) == len(columns) == 482
        assert [name for name in columns if not re.fullmatch(r"[a-z][a-z0-9_]*_[A-Z0-9]{4}", name)] == []
        assert max(map(len, columns)) <= 63
        assert len({name.lower() for name in columns}) == len(columns)

    def test_a_column_ends_in_its_code(self) -> None:
        assert all(feature.column.endswith(f"_{feature.code}") for feature in features())
        assert by_column()["volume_mesh_RNU0"].unit == "mm3"

    def test_codes_are_those_of_mirp(self, of_mirp: dict[str, Any]) -> None:
        differ = {
            feature.column
            for feature in features()
            if of_mirp[feature.mirp].ibsi_id not in {feature.code, *OTHER_CODES.get(feature.code, ())}
        }

        assert differ == set()

    def test_nothing_of_mirp_that_has_a_published_value_is_left_out(self, of_mirp: dict[str, Any]) -> None:
        ours = {feature.mirp for feature in features()}
        left = {name: feature for name, feature in of_mirp.items() if name not in ours}

        assert ours <= set(of_mirp)
        assert {name for name, feature in left.items() if feature.ibsi_compliant and feature.ibsi_id} == set()
        assert len(left) == WITHOUT_VALUES

    def test_families_and_aggregations_are_those_of_the_parameters(self) -> None:
        assert list(dict.fromkeys(feature.family for feature in features())) == list(Family)
        assert {feature.aggregation for feature in features()} - {""} == set(Aggregation)

    def test_units_are_of_the_image_where_they_are_intensities(self) -> None:
        units = {feature.unit for feature in features()}

        assert units == {"1", "mm", "mm2", "mm3", "1/mm", "intensity", "intensity2", "intensity.mm3"}
        assert by_column()["mean_intensity_Q4LE"].unit_in("HU") == "HU"
        assert by_column()["intensity_variance_ECT3"].unit_in("HU") == "HU2"
