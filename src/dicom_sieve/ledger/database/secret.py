"""The secret of a ledger, under which it keeps digests of what identifies (ADR 16, 35)."""

import sqlalchemy as sa

from dicom_sieve.errors import LedgerError
from dicom_sieve.ledger.database.tables import patient_key


def select_secret(connection: sa.Connection) -> bytes:
    """Give the ledger's secret.

    Raises:
        LedgerError: It is gone: under another one, the same patient would be another.
    """
    secret = connection.scalar(sa.select(patient_key.c.secret))
    if secret is None:
        raise LedgerError(
            "the ledger has lost the key of its digests (table patient_key): put it back from any backup of this "
            "ledger; docs/keeping.md says how"
        )
    return bytes(secret)
