"""What other programs take for the distance of the slices of a series: each is asked as its users ask it."""

import struct
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import highdicom
import SimpleITK
from highdicom.spatial import get_series_volume_positions
from pydicom import Dataset

NO_VOLUME = "no volume"


def ask_highdicom(series: Sequence[Dataset]) -> str:
    """Ask whether the series, or its one enhanced object, is a volume: images of the same position make it none."""
    if "PerFrameFunctionalGroupsSequence" in series[0]:
        volume = highdicom.Image.from_dataset(series[0]).get_volume_geometry()
        return NO_VOLUME if volume is None else shown(float(volume.spacing_between_slices))
    spacing, _ = get_series_volume_positions(series)
    return NO_VOLUME if spacing is None else shown(float(spacing))


def ask_simpleitk(series: Sequence[Dataset], folder: Path) -> str:
    """Read the series as its examples do."""
    write(series, folder)
    reader: Any = SimpleITK.ImageSeriesReader()  # type: ignore[no-untyped-call]
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    return shown(reader.Execute().GetSpacing()[2])


def ask_dcm2niix(program: str, series: Sequence[Dataset], folder: Path) -> str:
    """Convert the series; of volumes that it made of another one by resampling, nothing is said."""
    write(series, folder)
    out = folder / "out"
    out.mkdir()
    command = [program, "-b", "n", "-f", "volume", "-o", str(out), str(folder)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    volumes = [path for path in out.glob("*.nii") if "_Eq" not in path.stem and "_Tilt" not in path.stem]
    spacings = {shown(spacing_of_nifti(path)) for path in volumes}
    return " and ".join(sorted(spacings)) + (f", {len(volumes)} volumes" if len(volumes) > 1 else "")


def spacing_of_nifti(path: Path) -> float:
    """Read the distance of slices of a NIfTI file: pixdim[3] of its header."""
    return float(struct.unpack_from("<f", path.read_bytes(), 76 + 3 * 4)[0])


def write(series: Sequence[Dataset], folder: Path) -> None:
    folder.mkdir()
    for number, dataset in enumerate(series):
        dataset.save_as(folder / f"{number}.dcm")


def shown(spacing: float) -> str:
    """Write a length in mm, to a ten-thousandth."""
    return f"{spacing:.4f}".rstrip("0").rstrip(".")
