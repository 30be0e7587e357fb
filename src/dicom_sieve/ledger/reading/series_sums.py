"""What the objects of each series of a run sum up to: whose they are, how many, how large, and where they lie."""

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from dicom_sieve.ledger.database.outages import read
from dicom_sieve.ledger.database.tables import header, object_
from dicom_sieve.ledger.reading.rows import RunRow
from dicom_sieve.ledger.reading.snapshots import is_in_snapshot, place_of_run


@dataclass(frozen=True, slots=True)
class SeriesSum:
    """The objects of one series, those that did not pass included.

    Attributes:
        study_instance_uid: Of its study, the first of several; None where unknown.
        patient: The ledger's digest of the Patient ID, the first of several; None where there is none.
        objects: How many.
        bytes: Of all of them.
        first_key: The lowest key.
        last_key: The highest one.
    """

    study_instance_uid: str | None
    patient: str | None
    objects: int
    bytes: int
    first_key: str
    last_key: str

    @property
    def folder(self) -> str:
        """What all keys begin with, up to a slash; empty: they have no folder in common."""
        pairs = zip(self.first_key.split("/")[:-1], self.last_key.split("/")[:-1], strict=False)
        names = []
        for first, last in pairs:
            if first != last:
                break
            names.append(first)
        return "".join(f"{name}/" for name in names)


def sum_series(engine: sa.Engine, row: RunRow) -> Mapping[str, SeriesSum]:
    """Sum up the series of a run's snapshot, by Series Instance UID, in the order of UIDs."""
    snapshot_id, location_id = place_of_run(engine, row.number)
    if snapshot_id is None:
        return {}
    series = header.c.series_instance_uid
    query = (
        sa.select(
            series,
            sa.func.min(header.c.study_instance_uid),
            sa.func.min(header.c.patient),
            sa.func.count(),
            sa.cast(sa.func.sum(object_.c.size), sa.BigInteger),
            sa.func.min(object_.c.key),
            sa.func.max(object_.c.key),
        )
        .select_from(object_.join(header, header.c.id == object_.c.header_id))
        .where(is_in_snapshot(snapshot_id, location_id), series.is_not(None))
        .group_by(series)
        .order_by(series)
    )
    return read(engine, lambda connection: {uid: SeriesSum(*rest) for uid, *rest in connection.execute(query)})
