"""Conversion to NIfTI by dcm2niix: the program, and what is taken out of the files that it writes.

Chris Rorden's dcm2niix is called as any program of `dicom_sieve.computations.command`: no shell, bounded in time and
memory, without this machine's credentials, what it prints in the log. With ``-ba y`` it leaves names and IDs of
patients out of its sidecars, but not free texts, sites and devices; and of an image's comment and time it writes a part
into the header of the NIfTI file, whatever it is told.
"""

import gzip
import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from dicom_sieve.computations.command.spec import INPUT, OUTPUT, Command
from dicom_sieve.dicom.dictionary import find_keyword
from dicom_sieve.dicom.identifying import identifying_tags
from dicom_sieve.errors import ComputationError, InvalidRequestError

PROGRAM = "dcm2niix"
STEM = "image"
"""What the names of its files begin with; behind it come its own words for echoes, phases and the like."""
NOTHING_TO_CONVERT = 2
"""Its exit code where a folder holds no image that it can convert."""
SECONDS_TO_SAY_VERSION = 30.0
HOW_TO_INSTALL = "install the package dcm2niix of Debian or Ubuntu (apt-get install dcm2niix), or pip install dcm2niix"
_VERSION = re.compile(r"v[0-9]+\.[0-9.]+")

SITES_AND_DEVICES = frozenset(
    {
        "AcquisitionDateTime",
        "AcquisitionTime",
        "DeviceSerialNumber",
        "ImageComments",
        "InstitutionAddress",
        "InstitutionalDepartmentName",
        "InstitutionName",
        "OperatorsName",
        "PatientBirthDate",
        "PatientSex",
        "PatientSize",
        "PatientWeight",
        "ProcedureStepDescription",
        "SeriesInstanceUID",
        "StationName",
        "StudyDescription",
        "StudyInstanceUID",
    }
)
"""Fields of sidecars that are left out besides those that identify (`dicom_sieve.dicom.identifying`): PS3.15, table
E.1-1, cleans or removes them in the Basic Profile."""

_TEXTS_OF_1 = ((14, 18), (148, 80), (228, 24), (328, 16))
"""Offset and length of free texts in the header of NIfTI-1: db_name, descrip, aux_file, intent_name."""
_TEXTS_OF_2 = ((240, 80), (320, 24), (508, 16))
"""Likewise of NIfTI-2: descrip, aux_file, intent_name."""
_HEADERS = {348: _TEXTS_OF_1, 540: _TEXTS_OF_2}
"""By the first number of a file, which is the length of its header."""


def read_version() -> str:
    """Give the version of the program.

    Raises:
        InvalidRequestError: It is not installed, or does not say what it is.
    """
    path = shutil.which(PROGRAM)
    if path is None:
        raise InvalidRequestError((f"--format: {PROGRAM} is not installed; {HOW_TO_INSTALL}",))
    try:
        said = subprocess.run(  # noqa: S603 - the program of that name; no shell
            [path, "-v"], capture_output=True, text=True, timeout=SECONDS_TO_SAY_VERSION, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        said = ""
    if (found := _VERSION.search(said)) is None:
        raise InvalidRequestError((f"--format: {path} does not say its version; {HOW_TO_INSTALL}",))
    return found[0]


def command_of(version: str, timeout_seconds: float, memory_gib: float) -> Command:
    """Give the call of the program.

    Args:
        version: Of the program.
        timeout_seconds: That a series may take.
        memory_gib: That it may have.
    """
    options = {"-g": "i", "-z": "n", "-b": "y", "-ba": "y", "-f": STEM, "-o": OUTPUT}
    words = [word for option in options.items() for word in option]
    return Command(
        command=(PROGRAM, *words, INPUT),
        version=version,
        timeout_seconds=timeout_seconds,
        memory_gib=memory_gib,
        refuses=(NOTHING_TO_CONVERT,),
    )


def clean(found: Mapping[str, Path], folder: Path) -> dict[str, Path]:
    """Give what is exported of the files that the program left: NIfTI without free texts and compressed, sidecars.

    Args:
        found: Its files, by name.
        folder: An empty one, for what is written.

    Raises:
        ComputationError: A file is no NIfTI.
    """
    cleaned = {}
    for name, file in found.items():
        if name.endswith(".nii"):
            cleaned[f"{name}.gz"] = _compress(file, folder / f"{name}.gz")
        elif name.endswith(".json"):
            cleaned[name] = _clean_sidecar(file, folder / name)
        else:
            cleaned[name] = file
    return cleaned


def _compress(file: Path, target: Path) -> Path:
    """Compress a NIfTI without the free texts of its header; the same image gives the same bytes."""
    with file.open("rb") as opened, target.open("wb") as written:
        size = int.from_bytes(opened.read(4), "little")
        if size not in _HEADERS:
            raise ComputationError(f"{PROGRAM} wrote a file that is no NIfTI in little endian")
        opened.seek(0)
        header = bytearray(opened.read(size))
        for start, length in _HEADERS[size]:
            header[start : start + length] = bytes(length)
        with gzip.GzipFile("", "wb", compresslevel=6, fileobj=written, mtime=0) as compressed:
            compressed.write(header)
            shutil.copyfileobj(opened, compressed, 1 << 20)
    return target


def _clean_sidecar(file: Path, target: Path) -> Path:
    told = json.loads(file.read_text(encoding="utf-8", errors="replace"))
    kept = {name: value for name, value in told.items() if not is_left_out(name)}
    target.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")
    return target


@cache
def is_left_out(name: str) -> bool:
    """Tell whether a field of a sidecar is left out."""
    tag = find_keyword(name)
    return name in SITES_AND_DEVICES or (tag is not None and tag in identifying_tags())
