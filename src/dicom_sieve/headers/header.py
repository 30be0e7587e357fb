"""A header: what the ledger keeps of an object. Equal headers are stored once, and many objects point to one."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property


class Defect(StrEnum):
    """Why an object could not be judged: a closed set."""

    NOT_DICOM = "NOT_DICOM"
    EMPTY_OBJECT = "EMPTY_OBJECT"
    CORRUPT = "CORRUPT"
    TOO_LARGE = "TOO_LARGE"
    UNREADABLE = "UNREADABLE"
    GONE = "GONE"
    NO_SERIES = "NO_SERIES"

    def describe(self) -> str:
        """Say it in a sentence."""
        return _DEFECT_SENTENCES[self]

    @property
    def is_lasting(self) -> bool:
        """Whether the same bytes will always give this defect; else the next run reads the object again."""
        return self not in {Defect.UNREADABLE, Defect.GONE}


_DEFECT_SENTENCES = {
    Defect.NOT_DICOM: "The object is no DICOM.",
    Defect.EMPTY_OBJECT: "The object has no bytes.",
    Defect.CORRUPT: "The object is DICOM, but its header is damaged or cut short.",
    Defect.TOO_LARGE: "The object's header has no end within the bound.",
    Defect.UNREADABLE: "The store refused to give the object: access denied, or archived.",
    Defect.GONE: "The object was deleted between listing and reading.",
    Defect.NO_SERIES: "The object is DICOM without a Series Instance UID, as a DICOMDIR.",
}


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
    """

    study_instance_uid: str | None = None
    series_instance_uid: str | None = None
    sop_class_uid: str | None = None
    attributes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    defect: Defect | None = None

    @cached_property
    def digest(self) -> str:
        """Identify the header by its content; see `digest_content`."""
        return digest_content(
            self.study_instance_uid, self.series_instance_uid, self.sop_class_uid, self.attributes, self.defect
        )


def digest_content(
    study_instance_uid: str | None,
    series_instance_uid: str | None,
    sop_class_uid: str | None,
    attributes: Mapping[str, Sequence[str]],
    defect: str | None,
) -> str:
    """Give a header's digest: SHA-256 over canonical JSON, as hex."""
    content = [study_instance_uid, series_instance_uid, sop_class_uid, dict(attributes), defect]
    return hashlib.sha256(_canonical(content).encode()).hexdigest()


_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":"), check_circular=False).encode


@dataclass(frozen=True, slots=True)
class Instance:
    """One object's header, with what is its own."""

    header: Header
    sop_instance_uid: str | None = None


def defective(defect: Defect) -> Instance:
    """Give the instance of an object of which nothing but a defect is known."""
    return Instance(Header(defect=defect))
