"""Lungs and body in a phantom whose shape is known by formula, and every reason to refuse a series."""

import io
import math
import random
import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path

import highdicom
import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom import Dataset
from pydicom.uid import MRImageStorage, generate_uid

from dicom_sieve.computations.segmentation.compute import why_refused
from dicom_sieve.computations.segmentation.lungs import segment
from dicom_sieve.computations.segmentation.result import draw_preview, make_seg, volumes_ml
from dicom_sieve.computations.segmentation.volume import Volume, stack
from dicom_sieve.errors import RefusedError
from dicom_sieve.ledger.reading.facts import Value
from tests.computations.segmentation.overlap import dice
from tests.computations.segmentation.phantom import Phantom, to_bytes
from tests.conftest import not_present

SMALL = Phantom(shape=(30, 80, 80), spacing=(4.0, 3.0, 3.0))
OBLIQUE = Phantom(shape=(30, 80, 80), spacing=(4.0, 3.0, 3.0), orientation=(0, 1, 0, 0, 0, -1))
PHANTOMS = {"usual": Phantom(), "coarse": SMALL, "sagittal": OBLIQUE}


@cache
def volume_of(name: str) -> Volume:
    instances = list(PHANTOMS[name].instances())
    random.Random(1).shuffle(instances)
    return stack(instances)


@pytest.mark.parametrize("name", PHANTOMS)
class TestAPhantom:
    def test_a_phantom_is_stacked_by_position_whatever_the_order_of_its_objects(self, name: str) -> None:
        volume = volume_of(name)

        assert np.array_equal(volume.hounsfield, PHANTOMS[name].hounsfield())
        assert volume.spacing == pytest.approx(PHANTOMS[name].spacing)

    def test_a_phantom_has_its_lungs_and_body_found(self, name: str) -> None:
        found, (body, lungs) = segment(volume_of(name)), PHANTOMS[name].masks()

        assert dice(found.lungs, lungs) >= 0.95
        assert dice(found.body, body) >= 0.95

    def test_a_phantom_has_the_volume_of_its_spheres(self, name: str) -> None:
        by_formula = sum(4 / 3 * math.pi * radius**3 for radius in PHANTOMS[name].radii) / 1000

        measured = volumes_ml(volume_of(name), segment(volume_of(name)))

        assert measured["lungs_ml"] == pytest.approx(by_formula, rel=0.03)


def seg_of(volume: Volume) -> highdicom.seg.Segmentation:
    uids = {"series_instance_uid": generate_uid(), "sop_instance_uid": generate_uid()}
    return make_seg(volume, segment(volume), **uids)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The SEG of the coarse phantom."""
    path = tmp_path_factory.mktemp("seg") / "result.dcm"
    seg_of(volume_of("coarse")).save_as(path, enforce_file_format=True)
    return path


class TestTheSeg:
    def test_the_seg_is_read_back_by_highdicom_voxel_by_voxel(self, file: Path) -> None:
        read = highdicom.seg.segread(file)
        volume, found = volume_of("coarse"), segment(volume_of("coarse"))

        pixels = read.get_pixels_by_source_instance([image.SOPInstanceUID for image in volume.slices])

        assert [read.get_segment_description(number).segment_label for number in (1, 2)] == ["Body", "Lungs"]
        assert np.array_equal(pixels[..., 0], found.body)
        assert np.array_equal(pixels[..., 1], found.lungs)

    def test_refers_to_the_instances_it_was_made_of_and_to_no_other(self, file: Path) -> None:
        read = pydicom.dcmread(file)

        referenced = {
            instance.ReferencedSOPInstanceUID
            for series in read.ReferencedSeriesSequence
            for instance in series.ReferencedInstanceSequence
        }

        assert referenced == {instance.SOPInstanceUID for instance in SMALL.instances()}
        assert read.StudyInstanceUID == volume_of("coarse").slices[0].StudyInstanceUID

    def test_conforms_to_the_standard(self, file: Path) -> None:
        dciodvfy = shutil.which("dciodvfy")
        if dciodvfy is None:
            not_present("dciodvfy", "install Debian's package dicom3tools")

        told = subprocess.run([str(dciodvfy), str(file)], capture_output=True, text=True, check=False)

        assert "Segmentation" in told.stderr
        assert [line for line in told.stderr.splitlines() if line.startswith("Error")] == []

    def test_the_seg_says_that_it_is_not_for_clinical_use(self, file: Path) -> None:
        assert "not for clinical use" in pydicom.dcmread(file).SeriesDescription


def test_the_preview_is_a_picture_with_the_lungs_tinted() -> None:
    volume = volume_of("coarse")

    image = Image.open(io.BytesIO(draw_preview(volume, segment(volume))))

    assert image.format == "PNG"
    assert image.size == (80, 80)
    pixels = np.asarray(image).astype(int)
    is_tinted = pixels[..., 0] > pixels[..., 2] + 40
    _, lungs = SMALL.masks()
    assert dice(is_tinted, lungs[int(lungs.sum(axis=(1, 2)).argmax())]) > 0.95


def without(number: int) -> Callable[[list[Dataset]], object]:
    return lambda instances: instances.__delitem__(number)


def setting(name: str, value: object, number: int = 7) -> Callable[[list[Dataset]], object]:
    return lambda instances: setattr(instances[number], name, value)


def lacking(name: str) -> Callable[[list[Dataset]], object]:
    return lambda instances: delattr(instances[7], name)


def halved(instances: list[Dataset]) -> None:
    instances[7].Rows //= 2
    instances[7].PixelData = instances[7].PixelData[: len(instances[7].PixelData) // 2]


class TestRefused:
    @pytest.mark.parametrize(
        ("spoil", "words"),
        [
            (without(12), "the slices are not evenly spaced: 8.00 mm between slices 12 and 13, 4.00 mm between most"),
            (setting("ImagePositionPatient", [0, 0, 24]), "two slices are at the same place"),
            (setting("ImagePositionPatient", [0, 0, 29.5]), "the slices are not evenly spaced: 5.50 mm"),
            (setting("SOPClassUID", MRImageStorage), "not CT Image Storage: only single-frame CT is segmented"),
            (setting("Modality", "PT"), "its Modality is not CT"),
            (halved, "the slices differ in Rows"),
            (setting("PixelData", b"1234"), r"the pixels of an instance cannot be decoded \(ValueError\)"),
            (setting("NumberOfFrames", 2), "the pixels of an instance cannot be decoded"),
            (setting("SamplesPerPixel", 3), "the pixels of an instance cannot be decoded"),
            (setting("PixelSpacing", [3.0, 3.1]), "the slices differ in PixelSpacing"),
            (setting("ImageOrientationPatient", [0, 1, 0, 1, 0, 0]), "the slices differ in ImageOrientationPatient"),
            (setting("FrameOfReferenceUID", "1.2.3"), "the slices differ in FrameOfReferenceUID"),
            (lacking("ImagePositionPatient"), "an instance lacks ImagePositionPatient"),
            (lacking("RescaleSlope"), "an instance lacks RescaleSlope"),
            (lacking("PixelData"), "an instance has no Pixel Data"),
        ],
    )
    def test_refused_is_a_series_that_is_no_stack_of_ct(
        self, spoil: Callable[[list[Dataset]], object], words: str
    ) -> None:
        instances: list[Dataset] = [pydicom.dcmread(io.BytesIO(to_bytes(instance))) for instance in SMALL.instances()]
        spoil(instances)

        with pytest.raises(RefusedError, match=words):
            stack(instances)

    def test_refused_is_a_series_of_two_slices(self) -> None:
        with pytest.raises(RefusedError, match="2 slices; needed: 3 or more"):
            stack(list(SMALL.instances())[:2])

    @pytest.mark.parametrize(
        ("slices", "instances", "words"),
        [(2, 2, "2 slices; needed: 3 or more"), (4, 5, "two slices are at the same place")],
    )
    def test_what_the_ledger_measured_refuses_before_anything_is_read(
        self, slices: int, instances: int, words: str
    ) -> None:
        assert why_refused({"slices": slices}, instances) == words

    @pytest.mark.parametrize("facts", [{}, {"slices": None}, {"slices": 5}, {"slices": 6}])
    def test_what_it_does_not_know_refuses_nothing(self, facts: dict[str, Value]) -> None:
        assert why_refused(facts, 5) is None

    def test_refused_is_a_volume_without_a_body(self) -> None:
        volume = volume_of("coarse")
        empty = Volume(np.full_like(volume.hounsfield, -1000), volume.spacing, volume.slices)

        with pytest.raises(RefusedError, match="there is no body in it"):
            segment(empty)
