"""The segmentation as a computation: what is done with one series that passed."""

import json
from collections.abc import Mapping

from dicom_sieve.computations.computation import Series
from dicom_sieve.computations.segmentation.geometry import SAME_PLACE
from dicom_sieve.computations.segmentation.lungs import segment
from dicom_sieve.computations.segmentation.result import draw_preview, make_seg, volumes_ml
from dicom_sieve.computations.segmentation.volume import FEWEST_SLICES, stack
from dicom_sieve.errors import RefusedError
from dicom_sieve.ledger.reading.facts import Value


def why_refused(facts: Mapping[str, Value], instances: int) -> str | None:
    """Give why a series is refused without reading it: what the ledger measured says what reading would say.

    Whether slices are evenly spaced and stand over one another is found by reading: there it depends on the digits
    that their positions are written with, and on the size of a pixel.

    Args:
        facts: See `Series.facts`.
        instances: How many are to be segmented, which may be fewer than the series has.

    Returns:
        It has too few slices, or fewer than instances; None: neither is known.
    """
    slices = facts.get("slices")
    if not isinstance(slices, int):
        return None
    if slices < FEWEST_SLICES:
        return f"{slices} slices; needed: {FEWEST_SLICES} or more"
    return SAME_PLACE if slices < instances else None


def segment_series(series: Series) -> None:
    """Segment one series: a DICOM SEG, a picture and volumes in ml are its results."""
    if why := why_refused(series.facts, len(series.instances)):
        raise RefusedError(why)
    volume = stack(series.open_instances())
    segments = segment(volume)
    uids = {"series_instance_uid": series.new_uid("series"), "sop_instance_uid": series.new_uid("instance")}
    series.record_output(make_seg(volume, segments, **uids), name="segmentation.dcm")
    series.record_output(draw_preview(volume, segments), name="preview.png")
    series.record_output(json.dumps(volumes_ml(volume, segments)).encode(), name="volumes.json")
