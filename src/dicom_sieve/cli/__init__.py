"""The command ``dicom-sieve``.

To add a command, write its function in a new module here, with a ``typer.Typer`` of its own, import within the function
what works (`dicom_sieve.ledger` and all that is slow), and add that Typer at the end of `dicom_sieve.cli.app`.
"""

from dicom_sieve.cli.main import main

__all__ = ["main"]
