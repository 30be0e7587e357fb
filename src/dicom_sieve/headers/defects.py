"""Why an object cannot be judged, and why a header is damaged: closed sets, each with its sentence."""

from enum import StrEnum


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
    Defect.CORRUPT: "The object is DICOM, or an archive, and damaged or cut short.",
    Defect.TOO_LARGE: "The object's header exceeds the limit, or what an archive holds does.",
    Defect.UNREADABLE: "The store refused to give the object: access denied, archived, or encrypted in an archive.",
    Defect.GONE: "The object was deleted between listing and reading.",
    Defect.NO_SERIES: "The object is DICOM without a Series Instance UID, as a DICOMDIR.",
}


class Damage(StrEnum):
    """Why a header is CORRUPT: a closed set."""

    CUT = "CUT"
    CONTRADICTORY = "CONTRADICTORY"
    REPEATED = "REPEATED"

    def describe(self) -> str:
        """Say it in a clause."""
        return _DAMAGE_CLAUSES[self]


_DAMAGE_CLAUSES = {
    Damage.CUT: "cut short",
    Damage.CONTRADICTORY: "its bytes contradict themselves",
    Damage.REPEATED: "there twice, with different values",
}
