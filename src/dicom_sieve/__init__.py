"""Screen DICOM by criteria, know why every instance was kept or discarded, compute only on what passed.

The reading interface is :func:`dicom_sieve.open_ledger`:

    >>> from dicom_sieve import open_ledger
    >>> with open_ledger("sqlite:///:memory:") as ledger:
    ...     ledger.runs()
    []
"""

from dicom_sieve.ledger import Ledger, open_ledger
from dicom_sieve.version import __version__

__all__ = ["Ledger", "__version__", "open_ledger"]
