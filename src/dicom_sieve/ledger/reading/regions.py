"""What computations measured in regions of series; and what lies in the ledger that regions can be told by."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields

import sqlalchemy as sa

from dicom_sieve.ledger.database.outages import read
from dicom_sieve.ledger.database.states import InputState
from dicom_sieve.ledger.database.tables import (
    computation,
    computation_input,
    computation_output,
    computation_region,
    header,
    object_,
    run,
)
from dicom_sieve.ledger.reading.results import Output
from dicom_sieve.ledger.reading.rows import RunRow
from dicom_sieve.ledger.reading.snapshots import is_in_snapshot, place_of_run
from dicom_sieve.objects import ObjectInfo


@dataclass(frozen=True, slots=True)
class Region:
    """What was measured in one region of a series.

    Attributes:
        region: What it is called, as ``Lungs``.
        features: Values by name; None: there is none.
        number: Of the segment, or of the region of interest; None: it has none.
        code: What it is, as ``SCT:39607008``; None where nothing says it.
        unit: Of intensities; None where they have none that is known.
        refused: Why nothing could be measured; None where something was.
        source_uri: Address of what the region was told by, as of a segmentation.
        source_digest: Of its bytes; of an object of the run its etag.
        source_sop_instance_uid: Its SOP Instance UID; None where it is not DICOM.
    """

    region: str
    features: Mapping[str, float | None]
    number: int | None = None
    code: str | None = None
    unit: str | None = None
    refused: str | None = None
    source_uri: str = ""
    source_digest: str = ""
    source_sop_instance_uid: str | None = None


@dataclass(frozen=True, slots=True)
class RegionOfSeries:
    """A region, and where it is.

    Attributes:
        computation_id: Of the computation that measured it.
        series_instance_uid: Of the series.
        study_instance_uid: Of its study; None where unknown.
        measured: What was measured.
    """

    computation_id: int
    series_instance_uid: str
    study_instance_uid: str | None
    measured: Region


_MEASURED = tuple(field.name for field in fields(Region))


def regions_of(engine: sa.Engine, computation_id: int) -> list[RegionOfSeries]:
    """Give what was measured on the series of a computation, those included that were computed before.

    They come in the order of series, regions and numbers.
    """
    asked, same, before = computation_input.alias(), computation_input.alias(), computation.alias()
    query = (
        sa.select(
            computation_region.c.computation_id,
            asked.c.series_instance_uid,
            _study(asked.c.series_instance_uid),
            *(computation_region.c[name] for name in _MEASURED),
        )
        .select_from(
            computation.join(asked, asked.c.computation_id == computation.c.id)
            .join(same, same.c.digest == asked.c.digest)
            .join(before, sa.and_(before.c.id == same.c.computation_id, before.c.identity == computation.c.identity))
            .join(
                computation_region,
                sa.and_(
                    computation_region.c.computation_id == before.c.id,
                    computation_region.c.series_instance_uid == same.c.series_instance_uid,
                ),
            )
        )
        .where(
            computation.c.id == computation_id,
            asked.c.object_id.is_(None),
            same.c.object_id.is_(None),
            same.c.state == InputState.COMPLETED,
            asked.c.state.in_([InputState.COMPLETED, InputState.SKIPPED]),
        )
        .order_by(asked.c.series_instance_uid, computation_region.c.id)
    )
    return read(engine, lambda connection: [_region(row) for row in connection.execute(query)])


def regions_of_run(engine: sa.Engine, run_number: int, name: str) -> list[RegionOfSeries]:
    """Give what the last computation of a name measured on the series of a run."""
    last = sa.select(sa.func.max(computation.c.id)).where(
        computation.c.run_number == run_number, computation.c.name == name
    )
    computation_id = read(engine, lambda connection: connection.scalar(last))
    return [] if computation_id is None else regions_of(engine, computation_id)


def _study(series: sa.ColumnElement[str]) -> sa.ColumnElement[str]:
    return (
        sa.select(sa.func.min(header.c.study_instance_uid))
        .where(header.c.series_instance_uid == series)
        .scalar_subquery()
        .label("study_instance_uid")
    )


def _region(row: sa.Row[tuple[object, ...]]) -> RegionOfSeries:
    computation_id, series, study, *measured = row
    return RegionOfSeries(computation_id, series, study, Region(*measured))


def results_on(engine: sa.Engine, run_row: RunRow, name: str, series_uid: str) -> Sequence[Output]:
    """Give the DICOM results of the last computation of a name that was completed on a series, at a run's location."""
    _, location_id = place_of_run(engine, run_row.number)
    done = (
        sa.select(computation.c.id)
        .join(run, run.c.number == computation.c.run_number)
        .join(computation_input, computation_input.c.computation_id == computation.c.id)
        .where(
            run.c.location_id == location_id,
            computation.c.name == name,
            computation_input.c.series_instance_uid == series_uid,
            computation_input.c.object_id.is_(None),
            computation_input.c.state == InputState.COMPLETED,
        )
        .order_by(computation.c.id.desc())
        .limit(1)
    )
    columns = computation_output.c
    query = (
        sa.select(columns.uri, columns.digest, columns.sop_instance_uid, columns.recorded_at)
        .where(
            columns.computation_id == done.scalar_subquery(),
            columns.series_instance_uid == series_uid,
            columns.sop_instance_uid.is_not(None),
        )
        .order_by(columns.uri)
    )
    return read(engine, lambda connection: [Output(*row) for row in connection.execute(query)])


def objects_of_study(
    engine: sa.Engine, run_row: RunRow, study_uid: str, sop_classes: Collection[str]
) -> Sequence[ObjectInfo]:
    """Give the objects of some SOP classes in a study, as a run's snapshot holds them, in the order of keys."""
    of_snapshot = place_of_run(engine, run_row.number)
    query = (
        sa.select(object_.c.key, object_.c.etag, object_.c.size, object_.c.last_modified)
        .join(header, header.c.id == object_.c.header_id)
        .where(
            is_in_snapshot(*of_snapshot),
            header.c.study_instance_uid == study_uid,
            header.c.sop_class_uid.in_(sorted(sop_classes)),
        )
        .order_by(object_.c.key)
    )
    return read(engine, lambda connection: [ObjectInfo(*row) for row in connection.execute(query)])
