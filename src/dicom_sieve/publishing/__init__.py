"""What a run leaves behind for others: a frozen manifest in Parquet and JSON that needs nothing of ours to be read."""

from dicom_sieve.publishing.manifest import Published, publish

__all__ = ["Published", "publish"]
