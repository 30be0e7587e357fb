"""From a header, and how far it was read, to a decision."""

from collections.abc import Mapping

from dicom_sieve.criteria import UNJUDGED, Damaged, Decider, Decision
from dicom_sieve.headers.extent import Extent


def judge_header(
    decider: Decider, extent: Extent, attributes: Mapping[str, tuple[str, ...]], damaged: Damaged
) -> Decision:
    """Judge one header as far as it can be trusted.

    Args:
        decider: Knows the criteria.
        extent: How far the header was read.
        attributes: What is known of it.
        damaged: What becomes of damaged objects.
    """
    if not extent.is_judged(damaged):
        return UNJUDGED
    return decider.decide(extent.trusted(attributes), extent.unreadable_from)
