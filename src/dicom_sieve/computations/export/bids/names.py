"""Names of files in BIDS: of a series and a file that dcm2niix wrote, the path in the dataset.

Source:
    Brain Imaging Data Structure 1.10, "Modality specific files"; CT is not part of it and lies as BEP 24 proposes.
"""

import re
from dataclasses import dataclass

from dicom_sieve.computations.export.dcm2niix import STEM

CT = "ct"
OTHER = "other"
"""Folder of what BIDS has no name for; with `CT` it is in ``.bidsignore``."""
DWI = ("dwi", "dwi")
_BY_WORD = (
    ("FLAIR", r"FLAIR"),
    ("T2starw", r"T2\*|T2STAR|\bSWI\b"),
    ("T2w", r"\bT2"),
    ("PDw", r"\bPD"),
    ("T1w", r"\bT1|MP-?RAGE|\bBRAVO\b|\bFSPGR\b"),
)
"""Suffixes of anatomical MR, and what tells them in a description; the first one that is found counts."""
_ECHO = re.compile(r"e([0-9]+)")
_PARTS = {"ph": "phase", "real": "real", "imaginary": "imag"}
"""dcm2niix's words for the parts of a complex image."""
_ENDINGS = (".nii.gz", ".json", ".bval", ".bvec")


@dataclass(frozen=True, slots=True)
class SeriesLabels:
    """Where a series stands in a dataset.

    Attributes:
        subject: Running label of the patient, as ``0001``.
        session: Of the study, likewise.
        run: Number of the series in its session, from 1.
        modality: Of DICOM, as ``CT``; empty where unknown.
        description: What the series is called; empty where unknown.
    """

    subject: str
    session: str
    run: int
    modality: str
    description: str


def path_in_dataset(labels: SeriesLabels, name: str, *, is_diffusion: bool, mr_suffix: str | None = None) -> str:
    """Give the path of a file in a dataset.

    Args:
        labels: Of its series.
        name: Of the file, as dcm2niix named it and it was compressed, as ``image_e2.nii.gz``.
        is_diffusion: Whether dcm2niix found gradients of diffusion in the series.
        mr_suffix: What all MR is; None: the description tells.
    """
    ending = next((each for each in _ENDINGS if name.endswith(each)), "")
    stem = name.removesuffix(ending) if ending else name.rpartition(".")[0]
    ending = ending or f".{name.rpartition('.')[2]}"
    folder, suffix = DWI if is_diffusion else _folder_and_suffix(labels, mr_suffix)
    entities = {"sub": labels.subject, "ses": labels.session}
    rest: list[str] = []
    more: dict[str, str] = {}
    for word in filter(None, stem.removeprefix(STEM).split("_")):
        if found := _ECHO.fullmatch(word):
            more["echo"] = found[1]
        elif word in _PARTS:
            more["part"] = _PARTS[word]
        else:
            rest.append(re.sub(r"[^A-Za-z0-9]", "", word))
    if rest:  # as Eq1, Tilt1: resampled by dcm2niix
        entities["rec"] = "".join(rest)
    entities |= {"run": str(labels.run), **more}
    written = "_".join(f"{entity}-{label}" for entity, label in entities.items())
    return f"sub-{labels.subject}/ses-{labels.session}/{folder}/{written}_{suffix}{ending}"


def _folder_and_suffix(labels: SeriesLabels, mr_suffix: str | None) -> tuple[str, str]:
    match labels.modality:
        case "CT":
            return CT, "ct"
        case "PT":
            return "pet", "pet"
        case "MR":
            suffix = mr_suffix or suffix_of(labels.description)
            return ("anat", suffix) if suffix else (OTHER, "mr")
    return OTHER, re.sub(r"[^a-z0-9]", "", labels.modality.lower()) or "unknown"


def suffix_of(description: str) -> str | None:
    """Give the suffix of anatomical MR that a description tells; None where it tells none, or a localizer."""
    text = description.upper().replace("_", " ")
    if re.search(r"LOCALI[SZ]ER|SCOUT|SURVEY|3.?PLANE", text):
        return None
    return next((suffix for suffix, pattern in _BY_WORD if re.search(pattern, text)), None)
