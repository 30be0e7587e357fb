"""The secret of a ledger, under which it keeps digests of what identifies (ADR 16, 35)."""

from collections.abc import Iterable

import sqlalchemy as sa

from dicom_sieve.criteria import CompiledItem, compares_identities
from dicom_sieve.ledger.database.outages import read
from dicom_sieve.ledger.database.tables import patient_key


def secret_for(engine: sa.Engine, criteria: Iterable[CompiledItem]) -> bytes | None:
    """Give the ledger's secret where criteria compare what identifies; else None: nobody needs it."""
    if not compares_identities(criteria):
        return None
    return read_secret(engine)


def read_secret(engine: sa.Engine) -> bytes:
    """Give the ledger's secret."""
    query = sa.select(patient_key.c.secret)
    return bytes(read(engine, lambda connection: connection.execute(query).scalar_one()))
