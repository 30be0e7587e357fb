"""Keyed digests: what stands for a value that tells who somebody is (ADR 35)."""

import hmac
import unicodedata

from dicom_sieve.dicom.marks import IDENTITY
from dicom_sieve.dicom.vr.value_type import WHITE_SPACE

_DIGEST_BYTES = 16


def digest_identity(value: str, secret: bytes, *, vr: str = "LO") -> str:
    """Give what stands for a value in one ledger: a mark, and HMAC with SHA-256, its first 128 bits as hex.

    Values that mean the same have one digest: white space around them and case do not matter, nor, of a name, empty
    components and groups at its end.

    Args:
        value: One value, as the object or a criterion has it.
        secret: Of the ledger: without it nobody can tell whose digest this is by trying values.
        vr: Of the attribute; PN is a name.
    """
    normal = normalise_identity(value, vr=vr)
    return IDENTITY + hmac.digest(secret, normal.encode("utf-8", "replace"), "sha256")[:_DIGEST_BYTES].hex()


def normalise_identity(value: str, *, vr: str = "LO") -> str:
    """Give the form that all values have in common that mean the same; see `digest_identity`."""
    return _normalised_name(value) if vr == "PN" else _normalised(value)


def _normalised(value: str) -> str:
    folded = unicodedata.normalize("NFC", value.strip(WHITE_SPACE)).casefold()
    return unicodedata.normalize("NFC", folded)


def _normalised_name(value: str) -> str:
    """Normalise a name: groups divided by ``=``, in them components divided by ``^`` (PS3.5 6.2.1.2)."""
    groups = ("^".join(map(_normalised, group.split("^"))).rstrip("^") for group in value.strip(WHITE_SPACE).split("="))
    return "=".join(groups).rstrip("=")
