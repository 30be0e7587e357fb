"""What tells the regions of a series: results of an earlier computation, or objects of the run."""

from collections.abc import Mapping, Sequence
from typing import Any

from dicom_sieve.computations.beside import Beside, of_objects, of_results
from dicom_sieve.computations.computation import Computation
from dicom_sieve.computations.radiomics.settings import normalise
from dicom_sieve.errors import InvalidRequestError
from dicom_sieve.ledger.reading.inputs import InputSeries

REGIONS_FROM = "regions_from"
OBJECTS = "OBJECTS"
"""Not a computation's name: SEG and RTSTRUCT objects of the series' study, whatever became of them in the run."""
USUAL = "lung-segmentation"
LONGEST_NAME = 64
MASKS = (
    "1.2.840.10008.5.1.4.1.1.66.4",  # Segmentation Storage
    "1.2.840.10008.5.1.4.1.1.481.3",  # RT Structure Set Storage
)
"""SOP classes, PS3.4 B.5."""


def read_parameters(given: Mapping[str, Any]) -> dict[str, Any]:
    """Give all parameters, those of `settings` and where regions are from.

    Raises:
        InvalidRequestError: Every problem, a sentence each.
    """
    rest = dict(given)
    source = rest.pop(REGIONS_FROM, USUAL)
    if not isinstance(source, str) or not 0 < len(source) <= LONGEST_NAME or not source.isprintable():
        raise InvalidRequestError(
            (f"parameters.{REGIONS_FROM}: no name; accepted: {OBJECTS}, or that of a computation, as {USUAL}",)
        )
    return {**normalise(rest), REGIONS_FROM: source}


def find_masks(computation: Computation, series: InputSeries) -> Sequence[Beside]:
    """Find what may tell the regions of a series."""
    source = computation.parameters[REGIONS_FROM]
    if source != OBJECTS:
        return of_results(computation.log.results_on(computation.run, source, series.uid), computation.outputs)
    if series.study_instance_uid is None or computation.inputs is None:
        return []
    found = computation.log.objects_of_study(computation.run, series.study_instance_uid, MASKS)
    return of_objects(found, computation.inputs)
