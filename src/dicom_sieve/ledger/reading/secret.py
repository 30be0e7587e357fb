"""The secret of a ledger for those who decide by what identifies."""

from collections.abc import Iterable

import sqlalchemy as sa

from dicom_sieve.criteria import CompiledItem, compares_identities
from dicom_sieve.ledger.database.outages import read
from dicom_sieve.ledger.database.secret import read_secret


def secret_for(engine: sa.Engine, criteria: Iterable[CompiledItem]) -> bytes | None:
    """Give the ledger's secret where criteria compare what identifies; else None: nobody needs it."""
    if not compares_identities(criteria):
        return None
    return read(engine, read_secret)
