"""What our flows, their deployment and their event are called in Prefect."""

from typing import Final

CLEAN: Final = "clean-dicom"
COMPUTE: Final = "compute-series"
SEGMENT: Final = "segment-series"
"""What `COMPUTE` was called when it could segment alone; it is served under this name, too."""
FLOWS = (CLEAN, COMPUTE, SEGMENT)
DEPLOYMENT = "default"
RUN_COMPLETED = "dicom-sieve.run.completed"
"""The event that a completed run of `CLEAN` ends with."""
COMPUTATION_COMPLETED = "dicom-sieve.computation.completed"
"""The event that a computation ends with when every series has been tried."""
