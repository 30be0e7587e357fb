"""Series that passed whole as a dataset of the Brain Imaging Data Structure (BIDS)."""

from dicom_sieve.computations.export.bids.kind import bids_kind

__all__ = ["bids_kind"]
