"""Percentiles of the pixels of a series: a computation that dicom-sieve finds by an entry point."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dicom_sieve.computations.kind import Computes, Kind
from dicom_sieve.errors import InvalidRequestError, RefusedError

if TYPE_CHECKING:
    from dicom_sieve.computations import Series

USUAL = (5, 50, 95)


def read_parameters(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give all parameters: which percentiles.

    Raises:
        InvalidRequestError: Something else is given.
    """
    percentiles = given.get("percentiles", list(USUAL))
    are_numbers = isinstance(percentiles, list) and all(
        isinstance(each, int) and not isinstance(each, bool) and 0 <= each <= 100 for each in percentiles
    )
    if given.keys() - {"percentiles"} or not are_numbers or not percentiles:
        raise InvalidRequestError(("parameters: accepted: percentiles, a list of numbers from 0 to 100",))
    return {"percentiles": percentiles}


def compute(series: "Series") -> None:
    """Record the percentiles of one series as ``percentiles.json``."""
    from own_computation.percentiles import NoPixelsError, percentiles_of  # noqa: PLC0415 - numpy only where it is used

    wanted = series.computation.parameters["percentiles"]
    try:
        found = percentiles_of(series.open_instances(), wanted)
    except NoPixelsError as error:
        raise RefusedError(str(error)) from None
    series.record_output(json.dumps(found).encode(), name="percentiles.json")


def _load() -> Computes:
    return compute


PERCENTILES = Kind(
    name="percentiles",
    version="1.0",
    description="Percentiles of the pixels of each whole series, in its own unit.",
    done="measured",
    load=_load,
    packages=("numpy",),
    read_parameters=read_parameters,
)
