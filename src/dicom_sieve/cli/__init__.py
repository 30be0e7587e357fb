"""The command ``dicom-sieve``."""

from dicom_sieve.cli.main import main

__all__ = ["main"]
