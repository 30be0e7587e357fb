"""Screen DICOM by criteria, know why every instance was kept or discarded, compute only on what passed.

The reading interface is :func:`dicom_sieve.open_ledger`:

    >>> from dicom_sieve import open_ledger
    >>> with open_ledger("sqlite:///:memory:") as ledger:
    ...     ledger.runs()
    []
"""

from importlib import import_module
from typing import TYPE_CHECKING

from dicom_sieve.version import __version__

if TYPE_CHECKING:
    from dicom_sieve.computations import open_computation
    from dicom_sieve.ledger import Ledger, open_ledger
    from dicom_sieve.stores.open import open_store

__all__ = ["Ledger", "__version__", "open_computation", "open_ledger", "open_store"]

_HOMES = {
    "Ledger": "dicom_sieve.ledger",
    "open_computation": "dicom_sieve.computations",
    "open_ledger": "dicom_sieve.ledger",
    "open_store": "dicom_sieve.stores.open",
}
"""Where each name lies. It is imported when it is first used (PEP 562): ``dicom-sieve --help`` needs none of them."""

if not TYPE_CHECKING:  # or a type checker takes every name for one of ours

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
