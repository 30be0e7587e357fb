"""CT as scanners, archives and anonymisers leave it: the segmentation is right, or refused with what it lacks."""

import io
import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import dcmqi
import highdicom
import numpy as np
import pydicom
import pytest
from pydicom import Dataset
from pydicom.uid import JPEGLosslessSV1, generate_uid

from dicom_sieve.computations.segmentation.lungs import segment
from dicom_sieve.computations.segmentation.result import make_seg, volumes_ml
from dicom_sieve.computations.segmentation.volume import Volume, stack
from dicom_sieve.errors import RefusedError
from tests.computations.segmentation.phantom import Phantom, to_bytes, with_text
from tests.conftest import not_present

SMALL = Phantom(shape=(30, 80, 80), spacing=(4.0, 3.0, 3.0), noise=0)
THIN = Phantom(shape=(60, 40, 40), spacing=(0.625, 6.0, 6.0), noise=0)
Spoil = Callable[[list[Dataset]], object]


def instances(phantom: Phantom = SMALL) -> list[Dataset]:
    """Give a phantom's slices as they are read from objects."""
    return [pydicom.dcmread(io.BytesIO(body)) for body in bodies(phantom)]


@cache
def bodies(phantom: Phantom) -> tuple[bytes, ...]:
    return tuple(to_bytes(dataset) for dataset in phantom.instances())


@cache
def volumes_of(phantom: Phantom) -> dict[str, float]:
    volume = stack(instances(phantom))
    return volumes_ml(volume, segment(volume))


def read_again(datasets: list[Dataset]) -> list[Dataset]:
    with pydicom.config.disable_value_validation():
        return [pydicom.dcmread(io.BytesIO(to_bytes(dataset))) for dataset in datasets]


def every(name: str, value: Any) -> Spoil:
    """Set an attribute of each slice, whether or not the value conforms; None takes it away."""

    def spoil(slices: list[Dataset]) -> None:
        with pydicom.config.disable_value_validation():
            for dataset in slices:
                dataset.pop(name, None)
                if value is not None:
                    setattr(dataset, name, value)

    return spoil


def text(name: str, value: str) -> Spoil:
    """Write a text in place of each slice's number."""

    def spoil(slices: list[Dataset]) -> None:
        bodies = [with_text(to_bytes(dataset), name, value) for dataset in slices]
        slices[:] = [pydicom.dcmread(io.BytesIO(body)) for body in bodies]

    return spoil


def moved(place: Callable[[int, list[float]], list[Any]]) -> Spoil:
    """Write each slice's position again."""

    def spoil(slices: list[Dataset]) -> None:
        for number, dataset in enumerate(slices):
            dataset.ImagePositionPatient = place(number, [float(value) for value in dataset.ImagePositionPatient])

    return spoil


def rounded(digits: int, step: float = 0.625) -> Spoil:
    """Write positions with so few digits, as some scanners do."""
    return moved(lambda number, at: [f"{at[0]:.1f}", f"{at[1]:.1f}", f"{-12.3 + number * step:.{digits}f}"])


def tilted(degrees: float) -> Spoil:
    """A gantry that is tilted, over a table that moves straight on."""
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))

    def spoil(slices: list[Dataset]) -> None:
        every("ImageOrientationPatient", [1, 0, 0, 0, round(cosine, 6), round(-sine, 6)])(slices)

    return spoil


def sheared(number: int, at: list[float]) -> list[Any]:
    return [at[0] + (30 if number >= 20 else 0), *at[1:]]


GOOD: dict[str, tuple[Phantom, Spoil]] = {
    "as it was made": (SMALL, lambda _: None),
    "0.625 mm written to 0.1": (THIN, rounded(1)),
    "0.625 mm written to 0.01": (THIN, rounded(2)),
    "1.25 mm written to 0.1": (THIN, rounded(1, 1.25)),
    "no Patient's Name": (SMALL, every("PatientName", None)),
    "no Patient's Birth Date": (SMALL, every("PatientBirthDate", None)),
    "no Study ID, no Accession Number": (
        SMALL,
        lambda slices: [every(name, None)(slices) for name in ("StudyID", "AccessionNumber", "StudyTime")],
    ),
    "no Referring Physician": (SMALL, every("ReferringPhysicianName", None)),
    "no Slice Thickness": (SMALL, every("SliceThickness", None)),
    "empty Slice Thickness": (SMALL, every("SliceThickness", "")),
    "born in 1970": (SMALL, every("PatientBirthDate", "1970")),
    "time with colons": (SMALL, every("StudyTime", "12:30:45")),
    "a weight that is no number": (SMALL, text("PatientWeight", "heavy")),
    "sex unknown": (SMALL, every("PatientSex", "U")),
    "unknown character set": (SMALL, every("SpecificCharacterSet", "ISO_IR 999")),
    "Modality in lower case": (SMALL, every("Modality", "ct ")),
    "Rescale Type in lower case": (SMALL, every("RescaleType", "hu")),
    "cosines that are not of length 1": (SMALL, every("ImageOrientationPatient", [0.99, 0, 0, 0, 0.99, 0])),
}


def seg_of(volume: Volume) -> highdicom.seg.Segmentation:
    uids = {"series_instance_uid": generate_uid(), "sop_instance_uid": generate_uid()}
    return make_seg(volume, segment(volume), **uids)


@pytest.mark.parametrize("name", GOOD)
def test_it_is_segmented_and_every_reader_opens_the_result(name: str, tmp_path: Path) -> None:
    phantom, spoil = GOOD[name]
    slices = instances(phantom)
    spoil(slices)

    volume = stack(slices)
    path = tmp_path / "result.dcm"
    seg_of(volume).save_as(path, enforce_file_format=True)

    assert volumes_ml(volume, segment(volume)) == expected(phantom, volume.spacing[0])
    assert highdicom.seg.segread(path).number_of_segments == 2
    opened_by_dcmqi(path, tmp_path)
    conforms(path)


def expected(phantom: Phantom, distance: float) -> dict[str, object]:
    """Work the volumes out from the phantom as it was made; only the distance between slices may be rounded."""
    made = phantom.spacing[0]
    assert min(abs(distance - made), abs(distance - 2 * made)) < 0.002
    return {name: pytest.approx(volume * distance / made, rel=1e-4) for name, volume in volumes_of(phantom).items()}


def opened_by_dcmqi(path: Path, folder: Path) -> None:
    """Read the SEG as Slicer does."""
    tool = Path(dcmqi.__file__).parent / "bin" / "segimage2itkimage"
    ended = subprocess.run(
        [str(tool), "--inputDICOM", str(path), "--outputDirectory", str(folder), "--outputType", "nrrd"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
    assert len(list(folder.glob("*.nrrd"))) == 2, ended.stdout[-2000:]


def conforms(path: Path) -> None:
    dciodvfy = shutil.which("dciodvfy")
    if dciodvfy is None:
        not_present("dciodvfy", "install Debian's package dicom3tools")
    told = subprocess.run([str(dciodvfy), str(path)], capture_output=True, text=True, check=False)
    assert [line for line in told.stderr.splitlines() if line.startswith("Error")] == []


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (tilted(15), "tilted by 15.0 degrees"),
        (tilted(-3), "tilted by 3.0 degrees"),
        (moved(sheared), "some are displaced within their plane"),
        (every("FrameOfReferenceUID", None), "an instance lacks FrameOfReferenceUID"),
        (every("FrameOfReferenceUID", ""), "an instance lacks FrameOfReferenceUID"),
        (every("PixelSpacing", None), "an instance lacks PixelSpacing"),
        (every("PixelSpacing", ""), "an instance lacks PixelSpacing"),
        (every("ImagePositionPatient", [0, 0]), "an instance lacks ImagePositionPatient"),
        (text("RescaleSlope", "steep"), "an instance lacks RescaleSlope"),
        (every("RescaleType", "US"), "its Rescale Type is not HU: its values are no Hounsfield units"),
        (every("ImageOrientationPatient", [1, 0, 0, 0.5, 0.866, 0]), "its rows are not perpendicular to its columns"),
        (every("ImageOrientationPatient", [0, 0, 0, 0, 0, 0]), "its ImageOrientationPatient gives no directions"),
    ],
)
def test_what_cannot_be_right_is_refused_with_its_reason(spoil: Spoil, words: str) -> None:
    slices = instances()
    spoil(slices)

    with pytest.raises(RefusedError, match=words):
        stack(slices)


@pytest.mark.parametrize("digits", [0, 1, 2, 3])
def test_a_missing_slice_is_never_taken_for_rounding(digits: int) -> None:
    slices = instances(THIN)
    rounded(digits)(slices)
    del slices[20]

    with pytest.raises(RefusedError, match=r"not evenly spaced|at the same place"):
        stack(slices)


def padded(slices: list[Dataset], value: int, *, signed: bool, limit: int | None = None) -> None:
    """Fill the corners outside a circle that cuts the body, as reconstructions do, with what stands for no pixel."""
    height, width = SMALL.shape[1:]
    rows, columns = np.ogrid[:height, :width]
    outside = (rows - height / 2) ** 2 + (columns - width / 2) ** 2 > (width * 0.42) ** 2
    for dataset in slices:
        pixels = np.array(dataset.pixel_array).astype(np.int64)
        pixels[outside] = value if limit is None else np.linspace(value, limit, int(outside.sum())).astype(int)
        dataset.PixelRepresentation = int(signed)
        dataset.PixelData = pixels.astype(np.int16 if signed else np.uint16).tobytes()
        for name, end in (("PixelPaddingValue", value), ("PixelPaddingRangeLimit", limit)):
            if end is not None:
                dataset.add_new(name, "SS" if signed else "US", end)


@pytest.mark.parametrize(
    ("value", "signed", "limit"), [(63536, False, None), (-2000, True, None), (60000, False, 65000), (3000, True, 4000)]
)
def test_padding_is_no_tissue(value: int, signed: bool, limit: int | None) -> None:
    padded_slices, air = instances(), instances()
    padded(padded_slices, value, signed=signed, limit=limit)
    padded(air, 24, signed=True)  # -1000 Hounsfield units

    as_padding, as_air = stack(read_again(padded_slices)), stack(read_again(air))

    assert np.array_equal(as_padding.hounsfield, as_air.hounsfield)
    assert volumes_ml(as_padding, segment(as_padding)) == volumes_ml(as_air, segment(as_air))


def test_a_padding_value_that_was_written_with_the_other_sign_is_the_same_bits() -> None:
    slices, air = instances(), instances()
    padded(slices, -2000, signed=True)
    padded(air, 24, signed=True)
    for dataset in slices:
        del dataset["PixelPaddingValue"]
        dataset.add_new("PixelPaddingValue", "US", 63536)

    assert np.array_equal(stack(read_again(slices)).hounsfield, stack(read_again(air)).hounsfield)


def test_jpeg_lossless_is_decoded(tmp_path: Path) -> None:
    encoder = shutil.which("dcmcjpeg")
    if encoder is None:
        not_present("dcmcjpeg", "install Debian's package dcmtk")
    encoded = []
    for number, dataset in enumerate(SMALL.instances()):
        plain, small = tmp_path / f"{number}.dcm", tmp_path / f"{number}.jpg.dcm"
        dataset.PixelRepresentation = 0
        plain.write_bytes(to_bytes(dataset))
        subprocess.run([str(encoder), "+e1", str(plain), str(small)], check=True, capture_output=True)
        encoded.append(pydicom.dcmread(small))

    assert {dataset.file_meta.TransferSyntaxUID for dataset in encoded} == {JPEGLosslessSV1}
    assert np.array_equal(stack(encoded).hounsfield, SMALL.hounsfield())


def test_damaged_jpeg_lossless_is_refused() -> None:
    slices = instances()
    for dataset in slices:
        dataset.file_meta.TransferSyntaxUID = JPEGLosslessSV1
        dataset.PixelData = pydicom.encaps.encapsulate([b"\xff\xd8\xff\xc3" + bytes(60)])
        dataset["PixelData"].is_undefined_length = True

    with pytest.raises(RefusedError, match="the pixels of an instance cannot be decoded"):
        stack(read_again(slices))


def test_each_segment_has_a_colour_of_its_own() -> None:
    seg = seg_of(stack(instances()))

    colours = {tuple(item.RecommendedDisplayCIELabValue) for item in seg.SegmentSequence}

    assert len(colours) == 2
