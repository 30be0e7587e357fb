"""What headers are read for (ADR 32).

An attribute of another kind may be in an object all the same: what was not read is not absent. Whatever reads more, or
less, than before reads for another edition.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from dicom_sieve.criteria import CompiledItem, asked_attributes
from dicom_sieve.criteria.reading import read_attribute
from dicom_sieve.dicom.dictionary import Attribute, header_tags
from dicom_sieve.dicom.vr.registry import KEPT
from dicom_sieve.errors import InvalidRequestError

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
    return Edition(", ".join(sorted(KEPT)), " ".join(f"{tag:08X}" for tag in sorted(header_tags())))


def refuse_not_kept(criteria: Sequence[CompiledItem]) -> None:
    """Refuse criteria on what headers do not keep: nothing could be decided by them.

    Raises:
        InvalidRequestError: One line an attribute.
    """
    kept = frozenset(current_edition().header_tags.split())
    problems = [
        f"criteria[{place}]: {attribute} is not kept in headers yet, so nothing can be decided on it; accepted: "
        f"attributes at the top level with the VRs {current_edition().name}"
        for place, item in enumerate(criteria)
        for attribute in asked_attributes([item])
        if attribute.hex_tag not in kept
    ]
    if problems:
        raise InvalidRequestError(tuple(problems))


def read_kept_attribute(text: str, field: str) -> Attribute:
    """Read the name of an attribute that headers keep; see `read_attribute`.

    Raises:
        InvalidRequestError: No criterion can name it, or headers do not keep it.
    """
    attribute = read_attribute(text, field)
    if attribute.hex_tag not in current_edition().header_tags.split():
        accepted = f"attributes at the top level with the VRs {current_edition().name}"
        raise InvalidRequestError((f"{field}: {attribute} is not kept in headers yet; accepted: {accepted}",))
    return attribute


@cache
def digest_edition(name: str, tags: str) -> str:
    """Give an edition's digest: SHA-256 over the canonical JSON of its name and tags, as hex."""
    return hashlib.sha256(json.dumps([name, tags], separators=(",", ":")).encode()).hexdigest()
