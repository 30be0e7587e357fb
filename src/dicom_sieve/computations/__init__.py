"""What is done with series that passed, and how it is logged."""

from dicom_sieve.computations.computation import Computation, Series
from dicom_sieve.computations.opening import open_computation

__all__ = ["Computation", "Series", "open_computation"]
