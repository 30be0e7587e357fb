"""Where results come from, told to other programs: OpenLineage events, and W3C PROV as JSON (ADR 12).

Both are made of what the ledger holds, and of no patient's value.
"""

from dicom_sieve.lineage.follow import Follower, following
from dicom_sieve.lineage.prov import describe_provenance

__all__ = ["Follower", "describe_provenance", "following"]
