"""What headers are read for (ADR 32).

An attribute of another kind may be in an object all the same: what was not read is not absent. Whatever reads more, or
less, than before reads for another edition.
"""

import hashlib
import json
from dataclasses import dataclass
from functools import cache

from dicom_sieve.dicom.dictionary import header_tags
from dicom_sieve.dicom.vr.registry import VRS

FIRST_DIGEST = "20232f7ff34995b982a93e834c6bfa697df952ed3852a79f817fd7e220801545"
"""Of the edition that all headers were read for when none was recorded; what of it is in no header's digest."""


@dataclass(frozen=True, slots=True)
class Edition:
    """The attributes that headers were read for.

    Attributes:
        name: For people: their VRs, as ``AS, CS, DA``.
        header_tags: Their tags, as eight upper-case hex digits each, in ascending order with a space between them.
    """

    name: str
    header_tags: str

    @property
    def digest(self) -> str:
        """Identify it."""
        return digest_edition(self.name, self.header_tags)

    @property
    def mark(self) -> str | None:
        """What stands for it in the digest of a header: nothing for the first, so that old digests stay."""
        return None if self.digest == FIRST_DIGEST else self.digest


@cache
def current_edition() -> Edition:
    """Give what this version of the software reads headers for."""
    return Edition(", ".join(sorted(VRS)), " ".join(f"{tag:08X}" for tag in sorted(header_tags())))


@cache
def digest_edition(name: str, tags: str) -> str:
    """Give an edition's digest: SHA-256 over the canonical JSON of its name and tags, as hex."""
    return hashlib.sha256(json.dumps([name, tags], separators=(",", ":")).encode()).hexdigest()
