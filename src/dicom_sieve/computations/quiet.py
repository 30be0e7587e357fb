"""Libraries that read and write DICOM say which values they do not like: those are patients'."""

import logging
import warnings


def silence_dicom() -> None:
    """Keep them from saying it, in this process."""
    warnings.simplefilter("ignore")
    for name in ("pydicom", "highdicom"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
