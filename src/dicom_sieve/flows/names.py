"""What our flows, their deployment and their event are called in Prefect."""

CLEAN = "clean-dicom"
SEGMENT = "segment-series"
DEPLOYMENT = "default"
RUN_COMPLETED = "dicom-sieve.run.completed"
"""The event that a completed run of `CLEAN` ends with."""
