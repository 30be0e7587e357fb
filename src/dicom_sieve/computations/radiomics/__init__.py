"""Radiomics features of regions in series that passed, as the Image Biomarker Standardisation Initiative defines them.

It needs the extra ``dicom-sieve[radiomics]``.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from dicom_sieve.computations.beside import Beside
from dicom_sieve.computations.computation import Computation
from dicom_sieve.computations.kind import Computes, Kind
from dicom_sieve.ledger.reading.inputs import InputSeries


def _load() -> Computes:
    from dicom_sieve.computations.radiomics.compute import compute_features  # noqa: PLC0415 - it needs the extra

    return compute_features


def _read_parameters(given: Mapping[str, Any]) -> Mapping[str, Any]:
    from dicom_sieve.computations.radiomics.source import read_parameters  # noqa: PLC0415 - requests name few kinds

    return read_parameters(given)


def _find_masks(computation: Computation, series: InputSeries) -> Sequence[Beside]:
    from dicom_sieve.computations.radiomics.source import find_masks  # noqa: PLC0415 - likewise

    return find_masks(computation, series)


def _gather(computation: Computation) -> None:
    from dicom_sieve.computations.radiomics.gather import gather  # noqa: PLC0415 - it needs the extra

    gather(computation)


RADIOMICS = Kind(
    name="radiomics",
    version="1.0",
    description="IBSI features of the regions of each whole series, told by a DICOM SEG or RTSTRUCT.",
    done="measured",
    load=_load,
    extra="radiomics",
    packages=("mirp",),
    read_parameters=_read_parameters,
    beside=_find_masks,
    gather=_gather,
    own_process=True,
)
