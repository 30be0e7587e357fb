"""What is done with series that passed, and how it is logged."""

from dicom_sieve.computations.computation import Computation, Series, open_computation

__all__ = ["Computation", "Series", "open_computation"]
