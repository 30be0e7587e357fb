"""What a computation says of itself, so that it can be asked for by its name."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec

from dicom_sieve.computations.computation import Series

Computes = Callable[[Series], None]
"""Computes on one series that is entered, and records its results; what is raised is recorded as the failure."""


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
    """

    name: str
    version: str
    description: str
    done: str
    load: Callable[[], Computes]
    extra: str = ""
    packages: tuple[str, ...] = ()

    def missing_packages(self) -> list[str]:
        """Name what it needs and is not installed."""
        return [name for name in self.packages if find_spec(name) is None]

    def describe_missing(self) -> str:
        """Say what to install; empty where nothing is missing."""
        if not (missing := self.missing_packages()):
            return ""
        how = f"; pip install 'dicom-sieve[{self.extra}]'" if self.extra else ""
        return f"{', '.join(missing)} missing{how}"
