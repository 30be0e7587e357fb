"""What a computation says of itself, so that it can be asked for by its name."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from dicom_sieve.computations.beside import Beside
from dicom_sieve.computations.computation import Computation, Series
from dicom_sieve.errors import InvalidRequestError
from dicom_sieve.ledger.reading.inputs import InputSeries
from dicom_sieve.workers.resources import Resources

ONE_CORE = Resources()
Computes = Callable[[Series], None]
"""Computes on one series that is entered, and records its results; what is raised is recorded as the failure."""


def no_parameters(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Refuse any parameter.

    Raises:
        InvalidRequestError: There is one.
    """
    if given:
        raise InvalidRequestError((f"parameters: {len(given):,} given; accepted: none",))
    return {}


@dataclass(frozen=True, slots=True)
class Kind:
    """A computation on series.

    Attributes:
        name: What requests and the ledger call it, as ``lung-segmentation``.
        version: Of the algorithm: with another one, series are computed again.
        description: What it does, in a sentence.
        done: The word for a series on which it was done, as ``segmented``.
        load: Imports the code and gives it. Called only where a run needs it: the code may need packages.
        extra: Of this package, which brings what is needed; empty: none.
        packages: What the code imports beside this package's own needs.
        read_parameters: Checks parameters, and gives all of them, as JSON can say them: they are recorded, and with
            others series are computed again. Raises `InvalidRequestError`.
        beside: Finds what a series is computed on beside its instances; with another digest it is computed again.
        about: Finds what the code is to know of a series that the ledger knows, as `Series.about`. It takes no part in
            what is the same input.
        gather: Makes results of all series together, when each of them has ended.
        looks_for_results: Whether a series is computed again of which a result is no longer where it was written.
        resources: What one series needs of a machine: cores, GPUs, memory.
        own_process: Whether series at the same time must be in different processes, as its code is not for threads.
    """

    name: str
    version: str
    description: str
    done: str
    load: Callable[[], Computes]
    extra: str = ""
    packages: tuple[str, ...] = ()
    read_parameters: Callable[[Mapping[str, Any]], Mapping[str, Any]] = no_parameters
    beside: Callable[[Computation, InputSeries], Sequence[Beside]] | None = None
    about: Callable[[Computation, InputSeries], Mapping[str, Any]] | None = None
    gather: Callable[[Computation], None] | None = None
    looks_for_results: bool = False
    resources: Resources = ONE_CORE
    own_process: bool = False

    def missing_packages(self) -> list[str]:
        """Name what it needs and is not installed."""
        return [name for name in self.packages if find_spec(name) is None]

    def describe_missing(self) -> str:
        """Say what to install; empty where nothing is missing."""
        if not (missing := self.missing_packages()):
            return ""
        how = f"; pip install 'dicom-sieve[{self.extra}]'" if self.extra else ""
        return f"{', '.join(missing)} missing{how}"
