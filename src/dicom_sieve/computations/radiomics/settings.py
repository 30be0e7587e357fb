"""The parameters of the computation: how images are prepared, and what is computed on which regions.

Defaults are those of configuration C of the standard: volumes of calibrated intensities (CT) are resampled to voxels of
equal sides, so that texture does not depend on the direction; intensities are divided into bins of fixed width, as the
standard advises for calibrated ones; and every value of it is held to a published one.

Source:
    Image Biomarker Standardisation Initiative, reference manual, chapters "Image processing" (discretisation,
    interpolation, re-segmentation) and "Reference data sets" (configurations A to E).
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dicom_sieve.criteria.problems import describe_validation
from dicom_sieve.criteria.tag import PLAIN_TEXT
from dicom_sieve.errors import InvalidRequestError

LARGEST_HOUNSFIELD = 1e6
"""Larger ends of a range are a mistake in any unit."""
CT_RANGE = (-1000.0, 400.0)
"""Hounsfield units from air to what is no longer soft tissue; both ends belong to it."""
MOST_REGIONS = 1_000
LONGEST_NAME = 64
"""Characters of a label; PS3.5 6.2, LO."""


class Family(StrEnum):
    """The families of features, in the order of the manual."""

    MORPHOLOGY = "morphology"
    LOCAL_INTENSITY = "local_intensity"
    STATISTICS = "statistics"
    INTENSITY_HISTOGRAM = "intensity_histogram"
    INTENSITY_VOLUME_HISTOGRAM = "intensity_volume_histogram"
    GLCM = "glcm"
    GLRLM = "glrlm"
    GLSZM = "glszm"
    GLDZM = "gldzm"
    NGTDM = "ngtdm"
    NGLDM = "ngldm"


class Aggregation(StrEnum):
    """How texture matrices of directions and slices become one value: as the manual's tables say it."""

    SLICE_AVERAGED = "2D, averaged"
    SLICE_MERGED = "2D, slice-merged"
    DIRECTION_MERGED = "2.5D, direction-merged"
    SLICES_MERGED = "2.5D, merged"
    VOLUME_AVERAGED = "3D, averaged"
    VOLUME_MERGED = "3D, merged"
    BY_SLICE = "2D"
    OVER_SLICES = "2.5D"
    BY_VOLUME = "3D"


DIRECTED = (Family.GLCM, Family.GLRLM)
"""Have a matrix a direction, which are averaged or merged."""
UNDIRECTED = (Family.GLSZM, Family.GLDZM, Family.NGTDM, Family.NGLDM)


class Preset(StrEnum):
    """The configurations of the manual's chapter "Reference data sets"."""

    IBSI_A = "IBSI_A"
    IBSI_B = "IBSI_B"
    IBSI_C = "IBSI_C"
    IBSI_D = "IBSI_D"
    IBSI_E = "IBSI_E"


class Interpolation(StrEnum):
    """How values between voxels are found."""

    NEAREST = "NEAREST"
    LINEAR = "LINEAR"
    CUBIC = "CUBIC"


class Discretisation(StrEnum):
    """How intensities become grey levels."""

    FIXED_BIN_SIZE = "FIXED_BIN_SIZE"
    FIXED_BIN_NUMBER = "FIXED_BIN_NUMBER"
    NONE = "NONE"


Spacing = Annotated[float, Field(ge=0.1, le=20, allow_inf_nan=False, title="mm")]
Width = Annotated[float, Field(gt=0, le=1e5, allow_inf_nan=False, title="Width")]
Number = Annotated[int, Field(ge=2, le=4096, strict=True, title="Number")]
End = Annotated[float, Field(ge=-LARGEST_HOUNSFIELD, le=LARGEST_HOUNSFIELD, allow_inf_nan=False, title="Intensity")]
Sigma = Annotated[float, Field(gt=0, le=100, allow_inf_nan=False, title="Sigma")]
Label = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME, json_schema_extra={"pattern": PLAIN_TEXT})]


class RadiomicsParameters(BaseModel):
    """What features are computed with; whatever is not given is as in the preset."""

    model_config = ConfigDict(title="Radiomics", extra="forbid", hide_input_in_errors=True, frozen=True)

    by_slice: Annotated[
        bool, Field(strict=True, title="By slice", description="Slices are treated one by one, not as a volume.")
    ] = False
    spacing: Annotated[
        Spacing | None,
        Field(title="Spacing", description="Sides of resampled voxels in mm; by slice, within it. None: as they are."),
    ] = 2.0
    interpolation: Annotated[
        Interpolation, Field(title="Interpolation", description="Of the image, where it is resampled.")
    ] = Interpolation.LINEAR
    mask_interpolation: Annotated[
        Interpolation, Field(title="Interpolation of the mask", description="A voxel half inside counts.")
    ] = Interpolation.LINEAR
    anti_aliasing: Annotated[
        bool,
        Field(strict=True, title="Anti-aliasing", description="Smooths before resampling to larger voxels."),
    ] = False
    lowest: Annotated[
        End | None,
        Field(
            title="Lowest intensity",
            description="Voxels below leave the region (re-segmentation); bins of fixed size begin here. None: no end.",
        ),
    ] = CT_RANGE[0]
    highest: Annotated[
        End | None, Field(title="Highest intensity", description="Voxels above leave the region. None: no end.")
    ] = CT_RANGE[1]
    outlier_sigma: Annotated[
        Sigma | None,
        Field(title="Outliers", description="Voxels farther from the mean leave, in standard deviations. None: none."),
    ] = None
    discretisation: Annotated[
        Discretisation, Field(title="Discretisation", description="Of intensity histograms and textures.")
    ] = Discretisation.FIXED_BIN_SIZE
    bin_width: Annotated[
        Width | None, Field(title="Width of bins", description="In the image's unit, for FIXED_BIN_SIZE.")
    ] = 25.0
    bin_number: Annotated[Number | None, Field(title="Number of bins", description="For FIXED_BIN_NUMBER.")] = None
    volume_discretisation: Annotated[
        Discretisation, Field(title="Discretisation of volumes", description="Of intensity-volume histograms.")
    ] = Discretisation.FIXED_BIN_SIZE
    volume_bin_width: Annotated[
        Width | None, Field(title="Width of bins of volumes", description="For FIXED_BIN_SIZE.")
    ] = 2.5
    volume_bin_number: Annotated[
        Number | None, Field(title="Number of bins of volumes", description="For FIXED_BIN_NUMBER.")
    ] = None
    families: Annotated[
        list[Family],
        Field(min_length=1, title="Families", description="What is computed.", default_factory=lambda: [*Family]),
    ]
    aggregations: Annotated[
        list[Aggregation],
        Field(
            title="Aggregations",
            description="Of texture matrices. Empty: merged within slices (by slice), or within the volume.",
            default_factory=list,
        ),
    ]
    regions: Annotated[
        list[Label],
        Field(
            max_length=MOST_REGIONS,
            title="Regions",
            description="Labels of segments, or names of regions. Empty: all.",
            default_factory=list,
        ),
    ]


def read(given: Mapping[str, Any], field: str = "parameters") -> RadiomicsParameters:
    """Read the parameters; those that are not given are of the preset, if one is named, or the defaults.

    Args:
        given: As they came.
        field: Where they stand.

    Raises:
        InvalidRequestError: Every problem, a sentence each.
    """
    asked = dict(given)
    name = asked.pop("preset", None)
    if name is not None and (not isinstance(name, str) or name not in Preset.__members__):
        raise InvalidRequestError((f"{field}.preset: not known; accepted: {', '.join(Preset)}",))
    preset = PRESETS[Preset(name)] if name else {}
    try:
        whole = RadiomicsParameters.model_validate({**preset, **asked})
    except ValidationError as error:
        raise InvalidRequestError(tuple(describe_validation(error, field, RadiomicsParameters))) from None
    if problems := [f"{field}.{problem}" for problem in _contradictions(whole)]:
        raise InvalidRequestError(tuple(problems))
    return whole


def _contradictions(whole: RadiomicsParameters) -> list[str]:
    problems = []
    if whole.lowest is not None and whole.highest is not None and whole.lowest >= whole.highest:
        problems.append("lowest: not below highest")
    for prefix in ("", "volume_"):
        method = getattr(whole, f"{prefix}discretisation")
        if method is Discretisation.FIXED_BIN_SIZE and getattr(whole, f"{prefix}bin_width") is None:
            problems.append(f"{prefix}bin_width: missing; FIXED_BIN_SIZE needs it")
        if method is Discretisation.FIXED_BIN_NUMBER and getattr(whole, f"{prefix}bin_number") is None:
            problems.append(f"{prefix}bin_number: missing; FIXED_BIN_NUMBER needs it")
        if method is Discretisation.FIXED_BIN_SIZE and whole.lowest is None:
            problems.append(f"{prefix}discretisation: FIXED_BIN_SIZE needs lowest, where the first bin begins")
    if whole.by_slice and any(aggregation.startswith("3D") for aggregation in whole.aggregations):
        problems.append("aggregations: 3D is not defined by slice; accepted: those of 2D and 2.5D")
    problems += [
        f"regions[{place}]: control characters, which no label has"
        for place, label in enumerate(whole.regions)
        if not re.match(PLAIN_TEXT, label)
    ]
    if not _with_matrices(whole):
        problems.append("families: none has a value by the aggregations that are asked for")
    return problems


def _asked_aggregations(whole: RadiomicsParameters) -> list[Aggregation]:
    """Give what is asked for, or else the usual ones, in the order of the manual."""
    asked = whole.aggregations or (_BY_SLICE if whole.by_slice else _BY_VOLUME)
    return [aggregation for aggregation in Aggregation if aggregation in asked]


def _with_matrices(whole: RadiomicsParameters) -> list[Family]:
    """Give the families that are asked for, without those of matrices that no aggregation is for."""
    asked = _asked_aggregations(whole)
    is_directed = {"," in aggregation for aggregation in asked}
    left = [family for family in Family if family in whole.families]
    return [
        family
        for family in left
        if (family not in DIRECTED or True in is_directed) and (family not in UNDIRECTED or False in is_directed)
    ]


def normalise(given: Mapping[str, Any], field: str = "parameters") -> dict[str, Any]:
    """Give the whole parameters as plain JSON, which is the same whenever the same is asked for.

    What has no effect is None, so that it makes no difference. Lists are in the order of the manual, labels sorted.

    Args:
        given: As they came, or as this function gave them.
        field: Where they stand.

    Raises:
        InvalidRequestError: Every problem, a sentence each.
    """
    whole = read(given, field)
    plain = whole.model_dump(mode="json")
    for prefix in ("", "volume_"):
        method = plain[f"{prefix}discretisation"]
        if method != Discretisation.FIXED_BIN_SIZE:
            plain[f"{prefix}bin_width"] = None
        if method != Discretisation.FIXED_BIN_NUMBER:
            plain[f"{prefix}bin_number"] = None
    if whole.spacing is None:
        plain |= {"interpolation": "NEAREST", "mask_interpolation": "NEAREST", "anti_aliasing": False}
    plain["families"] = [str(family) for family in _with_matrices(whole)]
    plain["aggregations"] = [str(aggregation) for aggregation in _asked_aggregations(whole)]
    plain["regions"] = sorted(set(whole.regions))
    return dict(sorted(plain.items()))


_BY_SLICE = (Aggregation.SLICE_MERGED, Aggregation.BY_SLICE)
_BY_VOLUME = (Aggregation.VOLUME_MERGED, Aggregation.BY_VOLUME)
_TWO_D = ("2D, averaged", "2D, slice-merged", "2.5D, direction-merged", "2.5D, merged", "2D", "2.5D")
_THREE_D = ("3D, averaged", "3D, merged", "3D")
_NUMBER = {"discretisation": "FIXED_BIN_NUMBER", "bin_width": None, "bin_number": 32}
_AS_IT_IS = {"volume_discretisation": "NONE", "volume_bin_width": None}

PRESETS: Mapping[Preset, Mapping[str, Any]] = {
    Preset.IBSI_A: {
        "by_slice": True,
        "spacing": None,
        "lowest": -500.0,
        "aggregations": _TWO_D,
        **_AS_IT_IS,
    },
    Preset.IBSI_B: {"by_slice": True, "lowest": -500.0, "aggregations": _TWO_D, **_NUMBER, **_AS_IT_IS},
    Preset.IBSI_C: {"aggregations": _THREE_D},
    Preset.IBSI_D: {
        "lowest": None,
        "highest": None,
        "outlier_sigma": 3.0,
        "aggregations": _THREE_D,
        **_NUMBER,
        **_AS_IT_IS,
    },
    Preset.IBSI_E: {
        "interpolation": "CUBIC",
        "outlier_sigma": 3.0,
        "aggregations": _THREE_D,
        **_NUMBER,
        "volume_discretisation": "FIXED_BIN_NUMBER",
        "volume_bin_width": None,
        "volume_bin_number": 1000,
    },
}
"""What differs from the defaults; all resample to 2 mm but A, and all are of the same manual."""
