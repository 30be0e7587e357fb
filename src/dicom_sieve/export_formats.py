"""The formats that are exported to, by name. Nothing here is slow to import: the command line shows them."""

from enum import StrEnum


class Format(StrEnum):
    """What is written."""

    NIFTI = "nifti"
    BIDS = "bids"
    PARQUET = "parquet"
    CSV = "csv"
    OHIF = "ohif"

    @property
    def is_of_images(self) -> bool:
        """Whether pixels are read: of each series that passed whole. Else it is made of the ledger alone."""
        return self in {Format.NIFTI, Format.BIDS}


EXPORTS = {
    Format.NIFTI: "NIfTI of each series that passed whole, with sidecars, by dcm2niix",
    Format.BIDS: "the same as a BIDS dataset, subjects and sessions by running labels",
    Format.PARQUET: "a table of all series of the run, with every attribute that is the same in a whole series",
    Format.CSV: "the same table as CSV",
    Format.OHIF: "a study list for viewers: the DICOM JSON of OHIF",
}
"""What each of them is."""
