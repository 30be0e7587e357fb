"""What our flows, their deployment and their event are called in Prefect."""

from typing import Final

CLEAN: Final = "clean-dicom"
SEGMENT: Final = "segment-series"
DEPLOYMENT = "default"
RUN_COMPLETED = "dicom-sieve.run.completed"
"""The event that a completed run of `CLEAN` ends with."""
