"""The computation: features of all regions of a series."""

from collections.abc import Iterator
from pathlib import Path

from dicom_sieve import private
from dicom_sieve.computations.beside import Beside
from dicom_sieve.computations.computation import Series
from dicom_sieve.computations.radiomics.extract import extract
from dicom_sieve.computations.radiomics.masks import read_mask, refers_to
from dicom_sieve.computations.radiomics.region import Region
from dicom_sieve.computations.radiomics.source import OBJECTS, REGIONS_FROM
from dicom_sieve.computations.radiomics.table import Row, to_parquet
from dicom_sieve.errors import RefusedError
from dicom_sieve.ledger.reading.regions import Region as Recorded

TABLE = "features.parquet"
VOXELS, VOLUME = "voxels", "volume_mm3"
"""Names of what is counted of a mask before anything is resampled; beside the columns of features."""


def compute_features(series: Series) -> None:
    """Measure the regions of one series, and record them.

    Raises:
        RefusedError: Nothing tells its regions, or none can be measured.
    """
    images = series.download()
    rows = []
    for source, file, uid in _masks(series):
        for region in extract(images, file, _of_features(series)):
            series.record_region(as_recorded(region, uid), source)
            of = series.computation
            rows.append(Row(of.run.id, of.id, series.input.study_instance_uid or "", series.uid, uid, region))
    if not rows:
        source_name = series.computation.parameters[REGIONS_FROM]
        told_by = "no SEG or RTSTRUCT of its study" if source_name == OBJECTS else f"no result of {source_name}"
        raise RefusedError(f"{told_by} refers to it")
    series.record_output(to_parquet(rows), name=TABLE)


def _of_features(series: Series) -> dict[str, object]:
    return {name: value for name, value in series.computation.parameters.items() if name != REGIONS_FROM}


def _masks(series: Series) -> Iterator[tuple[Beside, Path, str]]:
    """Give what refers to the series, as a local file that goes when the next one comes, and its UID."""
    for source in series.beside:
        with private.temporary_folder() as folder:
            file = folder / "mask.dcm"
            source.fetch(file)
            mask = read_mask(file)
            if series.uid in refers_to(mask):
                yield source, file, str(mask.SOPInstanceUID)


def as_recorded(region: Region, source_uid: str) -> Recorded:
    """Give a region as the ledger records it."""
    counted = {VOXELS: float(region.voxels), VOLUME: region.volume_mm3}
    return Recorded(
        region.label,
        {**counted, **region.values},
        region.number,
        region.code or None,
        region.intensity_unit or None,
        region.refused or None,
        source_sop_instance_uid=source_uid,
    )


def as_computed(recorded: Recorded) -> Region:
    """Give a region as it was computed; the opposite of `as_recorded`."""
    values = {name: value for name, value in recorded.features.items() if name not in (VOXELS, VOLUME)}
    return Region(
        recorded.region,
        recorded.number or 0,
        recorded.code or "",
        int(recorded.features[VOXELS] or 0),
        recorded.features[VOLUME] or 0.0,
        recorded.unit or "",
        values,
        recorded.refused or "",
    )
