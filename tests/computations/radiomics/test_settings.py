"""Parameters: their words, their identity, and what MIRP is told."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_sieve.computations.radiomics.mirp_settings import mirp_keywords
from dicom_sieve.computations.radiomics.settings import (
    Aggregation,
    Discretisation,
    Family,
    Interpolation,
    Preset,
    RadiomicsParameters,
    normalise,
)
from dicom_sieve.errors import InvalidRequestError

ends = st.none() | st.floats(-1e6, 1e6)
asked: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "preset": st.sampled_from([None, *map(str, Preset)]),
        "by_slice": st.booleans(),
        "spacing": st.none() | st.floats(0.1, 20) | st.integers(1, 20),
        "interpolation": st.sampled_from([*map(str, Interpolation)]),
        "anti_aliasing": st.booleans(),
        "lowest": ends,
        "highest": ends,
        "outlier_sigma": st.none() | st.floats(0.1, 100),
        "discretisation": st.sampled_from([*map(str, Discretisation)]),
        "bin_width": st.none() | st.floats(0.01, 1e5),
        "bin_number": st.none() | st.integers(2, 4096),
        "volume_discretisation": st.sampled_from([*map(str, Discretisation)]),
        "volume_bin_width": st.none() | st.floats(0.01, 1e5),
        "volume_bin_number": st.none() | st.integers(2, 4096),
        "families": st.lists(st.sampled_from([*map(str, Family)]), min_size=1),
        "aggregations": st.lists(st.sampled_from([*map(str, Aggregation)])),
        "regions": st.lists(st.text("abc ", min_size=1, max_size=64)),
    },
)


def problems(**parameters: Any) -> str:
    with pytest.raises(InvalidRequestError) as refused:
        normalise(parameters)
    return str(refused.value)


class TestIdentity:
    @given(asked)
    def test_what_is_given_back_is_given_back_again(self, parameters: dict[str, Any]) -> None:
        try:
            whole = normalise(parameters)
        except InvalidRequestError:
            return
        assert normalise(whole) == whole == json.loads(json.dumps(whole))
        assert list(whole) == sorted(RadiomicsParameters.model_fields)
        assert mirp_keywords(whole)["base_feature_families"]

    def test_defaults_are_written_out(self) -> None:
        assert normalise({}) == normalise({"spacing": 2, "regions": [], "preset": None})
        assert normalise({}) | {"aggregations": []} == normalise({"preset": "IBSI_C"}) | {"aggregations": []}

    def test_order_and_repetition_make_no_difference(self) -> None:
        one = normalise({"regions": ["b", "a"], "families": ["glcm", "morphology"]})

        assert one == normalise({"regions": ["a", "b", "a"], "families": ["morphology", "glcm", "glcm"]})

    def test_what_has_no_effect_makes_no_difference(self) -> None:
        number = {"discretisation": "FIXED_BIN_NUMBER", "bin_number": 32}

        assert normalise({**number, "bin_width": 25}) == normalise({**number, "bin_width": None})
        assert normalise({"spacing": None, "interpolation": "CUBIC"}) == normalise({"spacing": None})

    def test_a_preset_stands_behind_what_is_given(self) -> None:
        whole = normalise({"preset": "IBSI_A", "bin_width": 10})

        assert (whole["by_slice"], whole["lowest"], whole["bin_width"]) == (True, -500.0, 10.0)
        assert "preset" not in whole

    @pytest.mark.parametrize("preset", list(Preset))
    def test_every_preset_is_accepted(self, preset: Preset) -> None:
        assert normalise({"preset": preset.value})["families"] == list(Family)


class TestMirp:
    def test_configuration_e_is_told_as_the_manual_has_it(self) -> None:
        told = mirp_keywords(normalise({"preset": "IBSI_E"}))

        assert told["new_spacing"] == 2.0
        assert (told["spline_order"], told["roi_spline_order"]) == (3, 1)
        assert told["resegmentation_intensity_range"] == [-1000.0, 400.0]
        assert told["resegmentation_sigma"] == 3.0
        assert (told["base_discretisation_method"], told["base_discretisation_n_bins"]) == ("fixed_bin_number", 32)
        assert (told["ivh_discretisation_method"], told["ivh_discretisation_n_bins"]) == ("fixed_bin_number", 1000)
        assert told["glcm_spatial_method"] == ["3d_average", "3d_volume_merge"]
        assert told["ngldm_spatial_method"] == ["3d"]

    def test_a_range_may_be_open_at_one_end(self) -> None:
        low, high = mirp_keywords(normalise({"highest": None}))["resegmentation_intensity_range"]

        assert low == -1000
        assert math.isnan(high)

    def test_families_without_an_aggregation_are_left_out(self) -> None:
        whole = normalise({"aggregations": ["3D, merged"]})

        assert {"glcm", "glrlm"} < set(whole["families"])
        assert "ngtdm" not in whole["families"]


class TestProblems:
    def test_all_are_said_at_once(self) -> None:
        families = ", ".join(repr(family.value) for family in Family if family != "ngldm")

        said = problems(spacing=-1, bin_width="wide", families=["glmc"])

        assert said.splitlines() == [
            "parameters.spacing: input should be greater than or equal to 0.1",
            "parameters.bin_width: input should be a valid number, unable to parse string as a number",
            f"parameters.families[0]: 'glmc' is not known; accepted: {families} or 'ngldm'",
        ]

    def test_what_does_not_fit_together_is_said(self) -> None:
        assert problems(lowest=400, highest=-1000) == "parameters.lowest: not below highest"
        assert problems(bin_width=None) == "parameters.bin_width: missing; FIXED_BIN_SIZE needs it"
        assert (
            problems(discretisation="FIXED_BIN_NUMBER") == "parameters.bin_number: missing; FIXED_BIN_NUMBER needs it"
        )
        assert problems(lowest=None, volume_discretisation="NONE") == (
            "parameters.discretisation: FIXED_BIN_SIZE needs lowest, where the first bin begins"
        )
        assert problems(by_slice=True, aggregations=["3D"]) == (
            "parameters.aggregations: 3D is not defined by slice; accepted: those of 2D and 2.5D"
        )
        assert problems(families=["glcm"], aggregations=["3D"]) == (
            "parameters.families: none has a value by the aggregations that are asked for"
        )

    def test_unknown_names_are_said(self) -> None:
        assert problems(preset="IBSI_F") == (
            "parameters.preset: not known; accepted: IBSI_A, IBSI_B, IBSI_C, IBSI_D, IBSI_E"
        )
        assert problems(spacin=1).startswith("parameters: has a member 'spacin' that is not known, perhaps spacing;")

    def test_a_label_with_control_characters_is_refused(self) -> None:
        assert problems(regions=["a", "b\x00"]) == "parameters.regions[1]: control characters, which no label has"
