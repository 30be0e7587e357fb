"""The secret of a ledger for those who decide by what identifies."""

from collections.abc import Iterable

import sqlalchemy as sa

from dicom_sieve.criteria import CompiledItem, compares_identities
from dicom_sieve.ledger.database.outages import read
from dicom_sieve.ledger.database.secret import select_secret


def secret_for(engine: sa.Engine, criteria: Iterable[CompiledItem]) -> bytes | None:
    """Give the ledger's secret where criteria compare what identifies; else None: nobody needs it."""
    if not compares_identities(criteria):
        return None
    return read_secret(engine)


def read_secret(engine: sa.Engine) -> bytes:
    """Give the ledger's secret; see `select_secret`."""
    return read(engine, select_secret)
