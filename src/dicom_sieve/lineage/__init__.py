"""Provenance of results for other programs: OpenLineage events, and W3C PROV as JSON (ADR 12).

Both are made of what the ledger holds, without patients' values.
"""

from dicom_sieve.lineage.follow import Follower, following
from dicom_sieve.lineage.prov import describe_provenance

__all__ = ["Follower", "describe_provenance", "following"]
