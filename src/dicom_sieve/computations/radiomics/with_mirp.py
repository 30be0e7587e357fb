"""What is asked of MIRP: images and contours as voxels, and features of one region.

MIRP keeps the last image in caches of the process, writes to the log as it likes, and warns: it is asked by one thread
at a time, in silence. Its own errors name the patient, so only their types are told.
"""

import logging
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mirp
import numpy as np
from mirp._masks.base_mask import BaseMask
from mirp.data_import.import_image import import_image
from mirp.data_import.import_mask import import_mask

from dicom_sieve.computations.radiomics.autocorrelation import spatial_autocorrelation
from dicom_sieve.computations.radiomics.features import features
from dicom_sieve.computations.radiomics.masks import Voxels
from dicom_sieve.computations.radiomics.mirp_settings import mirp_keywords
from dicom_sieve.computations.radiomics.slices import Slices
from dicom_sieve.errors import RefusedError

MirpImage = Any
"""An image as MIRP holds it in memory; it has no types."""
MirpMask = Any

_ERRORS = (ArithmeticError, AssertionError, AttributeError, LookupError, OSError, RuntimeError, TypeError, ValueError)
_ONE_AT_A_TIME = threading.RLock()


def read_image(folder: Path) -> MirpImage:
    """Read the images of one series, in the unit that MIRP gives them: HU, SUV, or what is stored.

    Raises:
        RefusedError: MIRP cannot.
    """
    with _asking("the images cannot be read"):
        found = import_image(str(folder))
        images = [image.promote() for file in _as_list(found) for image in file.to_object()]
    if len(images) != 1:
        raise RefusedError(f"the images make {len(images)} volumes; needed: one")
    return images[0]


def mask_of_voxels(voxels: Voxels, image: MirpImage, slices: Slices) -> MirpMask:
    """Give voxels as a mask of an image.

    Args:
        voxels: On the grid of the images, in the order of `slices`.
        image: As `read_image` gives it; its slices may be in the other order.
        slices: The images.
    """
    with _asking("the mask cannot be laid over the images"):
        origin = np.array(image.image_origin)[::-1]
        near, far = (np.linalg.norm(slices.positions[end] - origin) for end in (0, -1))
        return BaseMask(
            roi_name="region",
            image_modality="generic_mask",
            image_data=voxels if near <= far else voxels[::-1],
            image_spacing=image.image_spacing,
            image_origin=image.image_origin,
            image_orientation=image.image_orientation,
            image_dimensions=image.image_dimension,
        )


def mask_of_contours(structures: Path, image: MirpImage) -> MirpMask | None:
    """Give the voxels within the contours of an RTSTRUCT with one ROI; None where there are none.

    Raises:
        RefusedError: MIRP cannot read it.
    """
    with _asking("the contours cannot be read"):
        found = [mask for file in _as_list(import_mask(str(structures))) for mask in file.to_object(image=image)]
    return found[0] if found and found[0] is not None else None


def count_voxels(mask: MirpMask) -> tuple[int, float]:
    """Count the voxels of a mask, and give their volume in mm3."""
    number = int(np.count_nonzero(mask.roi.get_voxel_grid()))
    return number, float(number * np.prod(mask.roi.image_spacing))


def compute(image: MirpImage, mask: MirpMask, parameters: Mapping[str, Any]) -> tuple[dict[str, float | None], int]:
    """Compute the features of one region.

    Args:
        image: As `read_image` gives it; stays as it is.
        mask: Of the region; stays as it is.
        parameters: As `settings.normalise` gives them.

    Returns:
        The values by column, None where one is not defined; and how many voxels they are of, after preparation.

    Raises:
        RefusedError: MIRP cannot.
    """
    with _asking("features cannot be computed"):
        ((table, images, masks),) = mirp.extract_features_and_images(
            image=image,
            mask=mask,
            association_strategy="single_image",
            write_features=False,
            export_features=True,
            write_images=False,
            export_images=True,
            image_export_format="native",
            **mirp_keywords(parameters),
        )
        if table is None or not masks or masks[0].roi_intensity is None:
            return {}, 0
        row = {name: float(value) for name, value in table.iloc[0].items() if _is_number(value)}
        intensities = images[0].get_voxel_grid()
        inside = np.asarray(masks[0].roi_intensity.get_voxel_grid(), dtype=bool)
        spacing = tuple(float(step) for step in images[0].image_spacing)
    values = _by_column(row, parameters)
    if "morphology" in parameters["families"]:
        values |= spatial_autocorrelation(intensities, inside, (spacing[0], spacing[1], spacing[2]))
    return values, int(inside.sum())


def _by_column(row: Mapping[str, float], parameters: Mapping[str, Any]) -> dict[str, float | None]:
    """Pick what is asked for; MIRP puts the discretisation behind the names of what depends on it."""
    suffix = ""
    if parameters["discretisation"] == "FIXED_BIN_SIZE":
        suffix = f"_fbs_w{parameters['bin_width']}"
    elif parameters["discretisation"] == "FIXED_BIN_NUMBER":
        suffix = f"_fbn_n{parameters['bin_number']}"
    values: dict[str, float | None] = {}
    for feature in features():
        if feature.family not in parameters["families"]:
            continue
        if feature.aggregation and feature.aggregation not in parameters["aggregations"]:
            continue
        value = row.get(feature.mirp, row.get(feature.mirp + suffix))
        values[feature.column] = None if value is None or not np.isfinite(value) else value
    return values


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float, np.number)) and not isinstance(value, bool)


def _as_list(found: Any) -> list[Any]:
    return found if isinstance(found, list) else [found]


@contextmanager
def _asking(what: str) -> Iterator[None]:
    """Ask MIRP something in silence.

    Raises:
        RefusedError: It raised an error; of that only the type is told.
    """
    handler = logging.NullHandler()  # with one there, MIRP sets up none of its own
    root = logging.getLogger()
    with _ONE_AT_A_TIME, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        root.addHandler(handler)
        root.addFilter(_is_not_of_mirp)
        try:
            yield
        except _ERRORS as error:
            raise RefusedError(f"{what} ({type(error).__name__})") from None
        finally:
            root.removeFilter(_is_not_of_mirp)
            root.removeHandler(handler)


def _is_not_of_mirp(record: logging.LogRecord) -> bool:
    """Tell whether a record that was given to the root logger itself is not of MIRP."""
    return f"{Path(mirp.__file__).parent}" not in record.pathname
