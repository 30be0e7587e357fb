"""Recorded results, and how a computation is found to have died."""

import datetime
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from dicom_sieve.ledger.leases.holder import is_dead

ABANDONED = "its process ended before the computation did"


@dataclass(frozen=True, slots=True)
class Output:
    """A result of a series.

    Attributes:
        uri: Address of the result.
        digest: SHA-256 of its bytes, as hex.
        sop_instance_uid: None where it is not DICOM.
        recorded_at: When it was recorded.
    """

    uri: str
    digest: str
    sop_instance_uid: str | None
    recorded_at: datetime.datetime


def has_died(row: sa.Row[Any]) -> bool:
    """Tell whether a process is gone, of a row with ``is_silent`` and its ``holder``."""
    return row.is_silent or is_dead(row.holder)
