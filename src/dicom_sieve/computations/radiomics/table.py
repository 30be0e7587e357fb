"""A Parquet table of features: a row a region."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from dicom_sieve.computations.radiomics.features import INTENSITY, features
from dicom_sieve.computations.radiomics.region import Region

KEYS = pa.schema(
    [
        ("run_id", pa.string()),
        ("computation_id", pa.int64()),
        ("study_instance_uid", pa.string()),
        ("series_instance_uid", pa.string()),
        ("mask_sop_instance_uid", pa.string()),
        ("number", pa.int64()),
        ("label", pa.string()),
        ("code", pa.string()),
        ("voxels", pa.int64()),
        ("volume_mm3", pa.float64()),
        ("intensity_unit", pa.string()),
        ("refused", pa.string()),
    ]
)
"""Columns before the features: where a region is from, and what it is."""


@dataclass(frozen=True, slots=True)
class Row:
    """One region with where it is from.

    Attributes:
        run_id: The run that let the series pass.
        computation_id: The computation.
        study_uid: Study Instance UID.
        series_uid: Series Instance UID of the images.
        mask_uid: SOP Instance UID of the mask.
        region: What was computed.
    """

    run_id: str
    computation_id: int
    study_uid: str
    series_uid: str
    mask_uid: str
    region: Region


def to_parquet(rows: Iterable[Row]) -> bytes:
    """Write rows; the same rows give the same bytes."""
    kept = list(rows)
    records = [_record(row) for row in kept]
    schema = schema_of(sorted({row.region.intensity_unit for row in kept if row.region.intensity_unit}))
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(records, schema), sink, compression="zstd", store_schema=True)
    return bytes(sink.getvalue())


def schema_of(intensity_units: Sequence[str] = ()) -> Any:
    """Give the schema: each field of a feature says its name, code, family, aggregation and unit.

    Args:
        intensity_units: Of the images; only one is named, of several each row tells its own.
    """
    unit = intensity_units[0] if len(intensity_units) == 1 else INTENSITY
    fields = [
        pa.field(
            feature.column,
            pa.float64(),
            metadata={
                "name": feature.name,
                "ibsi_code": feature.code,
                "family": feature.family,
                "aggregation": feature.aggregation,
                "unit": feature.unit_in(unit),
            },
        )
        for feature in features()
    ]
    return pa.schema([*KEYS, *fields])


def from_parquet(body: bytes) -> list[Row]:
    """Read what `to_parquet` wrote; features that were not asked for are not told from those without a value."""
    return [_row(record) for record in pq.read_table(pa.BufferReader(body)).to_pylist()]


def _record(row: Row) -> dict[str, Any]:
    region = row.region
    return {
        "run_id": row.run_id,
        "computation_id": row.computation_id,
        "study_instance_uid": row.study_uid,
        "series_instance_uid": row.series_uid,
        "mask_sop_instance_uid": row.mask_uid,
        "number": region.number,
        "label": region.label,
        "code": region.code,
        "voxels": region.voxels,
        "volume_mm3": region.volume_mm3,
        "intensity_unit": region.intensity_unit,
        "refused": region.refused,
        **region.values,
    }


def _row(record: dict[str, Any]) -> Row:
    region = Region(
        record["label"],
        record["number"],
        record["code"],
        record["voxels"],
        record["volume_mm3"],
        record["intensity_unit"],
        {name: value for name, value in record.items() if name not in KEYS.names and value is not None},
        record["refused"],
    )
    return Row(
        record["run_id"],
        record["computation_id"],
        record["study_instance_uid"],
        record["series_instance_uid"],
        record["mask_sop_instance_uid"],
        region,
    )
