"""At the end of a computation: one table of all regions, and a page of their distributions."""

from dicom_sieve.computations.computation import Computation
from dicom_sieve.computations.radiomics.compute import TABLE, as_computed
from dicom_sieve.computations.radiomics.distributions import as_html
from dicom_sieve.computations.radiomics.table import Row, to_parquet

PAGE = "features.html"


def gather(computation: Computation) -> None:
    """Write what was measured on all series, those included that were measured before."""
    regions = computation.regions()
    rows = [
        Row(
            computation.run.id,
            each.computation_id,
            each.study_instance_uid or "",
            each.series_instance_uid,
            each.measured.source_sop_instance_uid or "",
            as_computed(each.measured),
        )
        for each in regions
    ]
    if not rows or computation.outputs is None:
        return
    computation.record_gathered(to_parquet(rows), TABLE, of=regions)
    page = as_html([row.region for row in rows], title=f"Features of the regions of run {computation.run.id}")
    computation.record_gathered(page.encode(), PAGE, of=regions)
