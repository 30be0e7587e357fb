"""The segmentation as a computation: what is done with one series that passed."""

import json

from dicom_sieve.computations.computation import Series
from dicom_sieve.computations.segmentation.lungs import segment
from dicom_sieve.computations.segmentation.result import draw_preview, make_seg, volumes_ml
from dicom_sieve.computations.segmentation.volume import FEWEST_SLICES, stack
from dicom_sieve.errors import RefusedError


def _refuse_few_slices(series: Series) -> None:
    """Refuse a series without reading it, where the ledger knows that it has too few slices.

    Raises:
        RefusedError: It has.
    """
    slices = series.facts.get("slices")
    if isinstance(slices, int) and slices < FEWEST_SLICES:
        raise RefusedError(f"{slices} slices; needed: {FEWEST_SLICES} or more")


def segment_series(series: Series) -> None:
    """Segment one series: a DICOM SEG, a picture and volumes in ml are its results."""
    _refuse_few_slices(series)
    volume = stack(series.open_instances())
    segments = segment(volume)
    uids = {"series_instance_uid": series.new_uid("series"), "sop_instance_uid": series.new_uid("instance")}
    series.record_output(make_seg(volume, segments, **uids), name="segmentation.dcm")
    series.record_output(draw_preview(volume, segments), name="preview.png")
    series.record_output(json.dumps(volumes_ml(volume, segments)).encode(), name="volumes.json")
