"""A header: what the ledger keeps of an object. Equal headers are stored once, and many objects point to one."""

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import orjson

from dicom_sieve.headers.defects import Damage, Defect


@dataclass(frozen=True)
class Header:
    """What a criterion can ask of an object, and where it belongs.

    Attributes:
        study_instance_uid: (0020,000D), None where absent or empty.
        series_instance_uid: (0020,000E), likewise.
        sop_class_uid: (0008,0016), likewise.
        attributes: Tag (eight upper-case hex digits) to raw values, one text a value, in the object's order: every
            top-level DA, CS and AS attribute of the object. An attribute without a value has the empty tuple. Trailing
            padding is taken off, and a NUL or an undecodable value inside is U+FFFD, as databases cannot hold NULs.
        defect: Why the object cannot be judged, or None.
        patient: Patient ID (0010,0020) and its issuer (0010,0021, or ""), None where there is no Patient ID. The ledger
            keeps a digest of it alone, see `digest_patient`.
        damage: Why it is CORRUPT, where that is known; None with any other defect, and without one.
        unreadable_from: A tag: eight upper-case hex digits. Of the wanted attributes with this tag or a higher one,
            those that are not in `attributes` may still be in the object. None: what is not there is absent.
    """

    study_instance_uid: str | None = None
    series_instance_uid: str | None = None
    sop_class_uid: str | None = None
    attributes: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)
    defect: Defect | None = None
    patient: tuple[str, str] | None = field(default=None, repr=False)
    damage: Damage | None = None
    unreadable_from: str | None = None

    def digest(self, secret: bytes, edition: str | None = None) -> str:
        """Identify the header by its content; see `digest_content`.

        Args:
            secret: Of the ledger, see `digest_patient`.
            edition: What it was read for: the `mark` of its edition.
        """
        return digest_content(
            self.study_instance_uid,
            self.series_instance_uid,
            self.sop_class_uid,
            self.attributes,
            self.defect,
            patient=digest_patient(self.patient, secret),
            damage=self.damage,
            unreadable_from=self.unreadable_from,
            edition=edition,
        )


def digest_content(
    study_instance_uid: str | None,
    series_instance_uid: str | None,
    sop_class_uid: str | None,
    attributes: Mapping[str, Sequence[str]],
    defect: str | None,
    *,
    patient: str | None,
    damage: str | None = None,
    unreadable_from: str | None = None,
    edition: str | None = None,
) -> str:
    """Give a header's digest: SHA-256 over canonical JSON, as hex.

    Where no patient is known, none is in it; likewise damage and where reading ended, which are one member together;
    likewise the mark of an edition.
    """
    content: list[object] = [study_instance_uid, series_instance_uid, sop_class_uid, dict(attributes), defect]
    if patient is not None:
        content.append(patient)
    if damage is not None or unreadable_from is not None:
        content.append({"damage": damage, "unreadable_from": unreadable_from})
    if edition is not None:
        content.append({"edition": edition})
    return hashlib.sha256(_canonical(content)).hexdigest()


def digest_patient(patient: tuple[str, str] | None, secret: bytes) -> str | None:
    """Give what stands for a patient in one ledger (ADR 16): HMAC with SHA-256, its first 128 bits as hex.

    Args:
        patient: See `Header`.
        secret: Of the ledger: without it nobody can tell whose digest this is by trying Patient IDs.
    """
    if patient is None:
        return None
    return hmac.digest(secret, _canonical(patient), "sha256")[:16].hex()


def _canonical(content: Sequence[object]) -> bytes:
    """Write canonical JSON: members sorted by name, no white space, all but ASCII escaped; texts, lists and None."""
    try:
        quick = orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # half a character outside the Basic Multilingual Plane
        quick = _DELETE
    # A sixth of the time, and the same where neither has anything to escape.
    return quick if quick.isascii() and _DELETE not in quick else _written_with_care(content).encode()


_DELETE = b"\x7f"
_written_with_care = json.JSONEncoder(sort_keys=True, separators=(",", ":"), check_circular=False).encode


@dataclass(frozen=True, slots=True)
class Instance:
    """One object's header, with what is its own.

    Attributes:
        header: What it may have in common with other objects.
        sop_instance_uid: (0008,0018), None where absent or empty.
        own: As `Header.attributes`: those that are kept with each object.
    """

    header: Header
    sop_instance_uid: str | None = None
    own: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)


def defective(defect: Defect) -> Instance:
    """Give the instance of an object of which nothing but a defect is known."""
    return Instance(Header(defect=defect))
