"""Recorded results, and how a computation is found to have died."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from dicom_sieve.ledger.database.outages import read
from dicom_sieve.ledger.database.states import InputState
from dicom_sieve.ledger.database.tables import computation, computation_input, computation_output
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


def results_of_same(engine: sa.Engine, identity: str, series_uid: str, digest: str) -> Sequence[Output]:
    """Give the results of the first computation of an identity that was completed on an input.

    Args:
        engine: The ledger's.
        identity: Of what was computed.
        series_uid: Of the series.
        digest: Of the input.
    """
    columns = computation_output.c
    first = (
        sa.select(sa.func.min(computation.c.id))
        .join(computation_input, computation_input.c.computation_id == computation.c.id)
        .where(
            computation.c.identity == identity,
            computation_input.c.digest == digest,
            computation_input.c.state == InputState.COMPLETED,
        )
    )
    query = sa.select(columns.uri, columns.digest, columns.sop_instance_uid, columns.recorded_at).where(
        columns.computation_id == first.scalar_subquery(), columns.series_instance_uid == series_uid
    )
    return read(engine, lambda connection: [Output(*row) for row in connection.execute(query.order_by(columns.uri))])
