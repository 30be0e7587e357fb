"""Results that are on record, and how a computation is seen to have died."""

import datetime
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from dicom_sieve.ledger.leases.holder import is_dead

ABANDONED = "its process ended before the computation did"


@dataclass(frozen=True, slots=True)
class Output:
    """What came out of a series.

    Attributes:
        uri: Where it is.
        digest: SHA-256 of its bytes, as hex.
        sop_instance_uid: Where it is DICOM, else None.
        recorded_at: When it was there.
    """

    uri: str
    digest: str
    sop_instance_uid: str | None
    recorded_at: datetime.datetime


def has_died(row: sa.Row[Any]) -> bool:
    """Tell whether a process is gone, of a row with ``is_silent`` and its ``holder``."""
    return row.is_silent or is_dead(row.holder)
