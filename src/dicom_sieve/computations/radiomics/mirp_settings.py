"""Parameters in the words of MIRP."""

import math
from collections.abc import Mapping
from typing import Any

from dicom_sieve.computations.radiomics.settings import DIRECTED, UNDIRECTED, Aggregation, Family

_FAMILIES = {
    Family.MORPHOLOGY: "morphological",
    Family.LOCAL_INTENSITY: "local_intensity",
    Family.STATISTICS: "statistical",
    Family.INTENSITY_HISTOGRAM: "intensity_histogram",
    Family.INTENSITY_VOLUME_HISTOGRAM: "intensity_volume_histogram",
}
_AGGREGATIONS = {
    Aggregation.SLICE_AVERAGED: "2d_average",
    Aggregation.SLICE_MERGED: "2d_slice_merge",
    Aggregation.DIRECTION_MERGED: "2.5d_direction_merge",
    Aggregation.SLICES_MERGED: "2.5d_volume_merge",
    Aggregation.VOLUME_AVERAGED: "3d_average",
    Aggregation.VOLUME_MERGED: "3d_volume_merge",
    Aggregation.BY_SLICE: "2d",
    Aggregation.OVER_SLICES: "2.5d",
    Aggregation.BY_VOLUME: "3d",
}
_ORDERS = {"NEAREST": 0, "LINEAR": 1, "CUBIC": 3}


def mirp_keywords(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Give the keyword arguments of ``mirp.extract_features``.

    Args:
        parameters: As `settings.normalise` gives them.
    """
    lowest, highest = parameters["lowest"], parameters["highest"]
    has_range = lowest is not None or highest is not None
    return {
        "by_slice": parameters["by_slice"],
        "new_spacing": parameters["spacing"],
        "spline_order": _ORDERS[parameters["interpolation"]],
        "roi_spline_order": _ORDERS[parameters["mask_interpolation"]],
        "anti_aliasing": parameters["anti_aliasing"],
        "resegmentation_intensity_range": [_or_nan(lowest), _or_nan(highest)] if has_range else None,
        "resegmentation_sigma": parameters["outlier_sigma"],
        "base_feature_families": [_FAMILIES.get(Family(family), family) for family in parameters["families"]],
        "base_discretisation_method": parameters["discretisation"].lower(),
        "base_discretisation_bin_width": parameters["bin_width"],
        "base_discretisation_n_bins": parameters["bin_number"],
        "ivh_discretisation_method": parameters["volume_discretisation"].lower(),
        "ivh_discretisation_bin_width": parameters["volume_bin_width"],
        "ivh_discretisation_n_bins": parameters["volume_bin_number"],
        **_spatial_methods(parameters["aggregations"]),
    }


def _or_nan(end: float | None) -> float:
    return math.nan if end is None else float(end)


def _spatial_methods(aggregations: list[str]) -> dict[str, list[str]]:
    directed = [_AGGREGATIONS[Aggregation(name)] for name in aggregations if "," in name]
    undirected = [_AGGREGATIONS[Aggregation(name)] for name in aggregations if "," not in name]
    methods = {f"{family}_spatial_method": directed for family in DIRECTED if directed}
    return methods | {f"{family}_spatial_method": undirected for family in UNDIRECTED if undirected}
