"""From images and masks to regions, and the reasons why not."""

import logging
import warnings
from pathlib import Path
from typing import Any

import highdicom as hd
import numpy as np
import numpy.typing as npt
import pytest
from highdicom.seg import SegmentationTypeValues
from pydicom import Dataset
from pydicom.uid import MRImageStorage, generate_uid

from dicom_sieve.computations.radiomics import extract as module
from dicom_sieve.computations.radiomics.extract import extract
from dicom_sieve.computations.radiomics.masks import refers_to
from dicom_sieve.computations.radiomics.region import Region
from dicom_sieve.computations.radiomics.segments import read_segment
from dicom_sieve.computations.radiomics.slices import read_slices
from dicom_sieve.computations.segmentation.lungs import segment
from dicom_sieve.computations.segmentation.result import make_seg as lung_seg
from dicom_sieve.computations.segmentation.volume import stack
from dicom_sieve.errors import RefusedError
from tests.computations.radiomics.digital_phantom import make_seg, save, series
from tests.computations.radiomics.structures import Rectangles, make_structures
from tests.computations.segmentation.phantom import Phantom

QUICK: dict[str, Any] = {"families": ["statistics"], "spacing": None}
SHAPE = (6, 12, 10)
INTENSITIES = np.random.default_rng(3).integers(-100, 100, SHAPE)
BOX: Rectangles = [(place, 2, 5, 3, 6) for place in (1, 2, 3)]
Mask = npt.NDArray[np.bool_]


def box(*bounds: slice) -> Mask:
    mask = np.zeros(SHAPE, dtype=bool)
    mask[bounds] = True
    return mask


ONE, OTHER = box(slice(1, 4), slice(2, 6), slice(3, 7)), box(slice(3, 5), slice(4, 9), slice(1, 5))


@pytest.fixture
def slices() -> list[Dataset]:
    return series(INTENSITIES)


def run(folder: Path, slices: list[Dataset], mask: Dataset, **parameters: Any) -> list[Region]:
    (file,) = save([mask], folder / "mask")
    return extract(save(slices, folder / "images"), file, {**QUICK, **parameters})


def refusal(folder: Path, slices: list[Dataset], mask: Dataset, **parameters: Any) -> str:
    with pytest.raises(RefusedError) as refused:
        run(folder, slices, mask, **parameters)
    return str(refused.value)


def mean(region: Region) -> float | None:
    return region.values["mean_intensity_Q4LE"]


class TestSegments:
    def test_each_of_two_overlapping_segments_has_its_own_voxels(self, slices: list[Dataset], tmp_path: Path) -> None:
        one, other = run(tmp_path, slices, make_seg(slices, [ONE, OTHER], "One", "Other"))

        assert (one.label, one.number, one.voxels) == ("One", 1, ONE.sum())
        assert (other.label, other.number, other.voxels) == ("Other", 2, OTHER.sum())
        assert mean(one) == pytest.approx(INTENSITIES[ONE].mean(), abs=1e-4)
        assert mean(other) == pytest.approx(INTENSITIES[OTHER].mean(), abs=1e-4)

    @pytest.mark.parametrize("omit", [True, False])
    def test_our_lung_segmentation_is_read_as_highdicom_reads_it(self, omit: bool, tmp_path: Path) -> None:
        volume = stack(Phantom(shape=(30, 80, 80), spacing=(4.0, 3.0, 3.0)).instances())
        seg = lung_seg(volume, segment(volume), series_instance_uid=generate_uid(), sop_instance_uid=generate_uid())
        where = read_slices(save(list(Phantom(shape=(30, 80, 80), spacing=(4.0, 3.0, 3.0)).instances()), tmp_path))
        there = hd.seg.Segmentation.from_dataset(seg)
        uids = [str(each.SOPInstanceUID) for each in volume.slices]
        frames = there.get_pixels_by_source_instance(
            uids, ignore_spatial_locations=True, assert_missing_frames_are_empty=True
        )

        assert len(seg.PerFrameFunctionalGroupsSequence) < 2 * 30
        for number in (1, 2):
            assert np.array_equal(read_segment(seg, number, where), frames[..., number - 1])

    @pytest.mark.parametrize(
        "orientation", [(1, 0, 0, 0, 1, 0), (1, 0, 0, 0, 0, -1), (0, 1, 0, 0, 0, -1), (-1, 0, 0, 0, 1, 0)]
    )
    def test_directions_of_the_images_make_no_difference(self, orientation: tuple[float, ...], tmp_path: Path) -> None:
        slices = series(INTENSITIES, orientation=orientation, spacing=(3.0, 1.5, 2.0))

        (found,) = run(tmp_path, slices, make_seg(slices, [ONE]))

        assert mean(found) == pytest.approx(INTENSITIES[ONE].mean(), abs=1e-4)
        assert found.volume_mm3 == pytest.approx(ONE.sum() * 9.0)

    def test_fractions_of_none_and_all_are_taken(self, slices: list[Dataset], tmp_path: Path) -> None:
        seg = make_seg(slices, [ONE.astype(float)], kind=SegmentationTypeValues.FRACTIONAL)

        (found,) = run(tmp_path, slices, seg)

        assert found.voxels == ONE.sum()

    def test_other_fractions_are_refused(self, slices: list[Dataset], tmp_path: Path) -> None:
        seg = make_seg(slices, [ONE * 0.5], kind=SegmentationTypeValues.FRACTIONAL)

        assert refusal(tmp_path, slices, seg) == (
            "no region can be computed: the SEG is FRACTIONAL and has voxels that belong in part; "
            "accepted: none or all of each"
        )

    def test_only_regions_that_are_asked_for_are_computed(self, slices: list[Dataset], tmp_path: Path) -> None:
        seg = make_seg(slices, [ONE, OTHER], "One", "Other")

        assert [found.label for found in run(tmp_path, slices, seg, regions=["Other"])] == ["Other"]
        assert refusal(tmp_path, slices, seg, regions=["Other", "None"]) == (
            "the mask has no region of 1 of the 2 labels that are asked for"
        )

    def test_a_region_of_few_voxels_is_refused_beside_the_others(self, slices: list[Dataset], tmp_path: Path) -> None:
        small = box(slice(1, 2), slice(2, 3), slice(3, 7))

        one, few = run(tmp_path, slices, make_seg(slices, [ONE, small], "One", "Few"))

        assert one.values
        assert (few.values, few.voxels, few.refused) == ({}, 4, "it has 4 voxels; needed: 8 or more")

    @pytest.mark.parametrize(("spacing", "by_slice"), [(None, False), (1.0, False), (1.0, True)])
    def test_a_region_that_is_too_large_is_refused(
        self,
        spacing: float | None,
        by_slice: bool,
        slices: list[Dataset],
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        most = int(ONE.sum()) * {None: 1, 1.0: 4 if by_slice else 8}[spacing]
        aggregations = ["2D"] if by_slice else ["3D"]
        asked = {"spacing": spacing, "by_slice": by_slice, "aggregations": aggregations}
        monkeypatch.setattr(module, "MOST_REGION_VOXELS", most)
        assert run(tmp_path / "most", slices, make_seg(slices, [ONE]), **asked)[0].values
        monkeypatch.setattr(module, "MOST_REGION_VOXELS", most - 1)

        said = refusal(tmp_path / "more", slices, make_seg(slices, [ONE]), **asked)

        assert said == f"no region can be computed: it has more than {most - 1} voxels, as it is or resampled"

    def test_a_region_outside_of_the_range_is_refused(self, slices: list[Dataset], tmp_path: Path) -> None:
        assert refusal(tmp_path, slices, make_seg(slices, [ONE]), lowest=300) == (
            "no region can be computed: after resampling and re-segmentation it has no voxels"
        )

    def test_frames_off_the_images_are_refused(self, slices: list[Dataset], tmp_path: Path) -> None:
        seg = make_seg(slices, [ONE])
        position = seg.PerFrameFunctionalGroupsSequence[0].PlanePositionSequence[0]
        position.ImagePositionPatient = [0, 0, 3.0]

        assert "the SEG has a frame where there is no image" in refusal(tmp_path, slices, seg)


class TestContours:
    def test_voxels_within_contours_are_taken(self, slices: list[Dataset], tmp_path: Path) -> None:
        (found,) = run(tmp_path, slices, make_structures(slices, [("Box", BOX)]))

        assert found.voxels == ONE.sum()
        assert mean(found) == pytest.approx(INTENSITIES[ONE].mean(), abs=1e-4)

    def test_regions_of_one_name_are_told_apart_by_their_numbers(self, slices: list[Dataset], tmp_path: Path) -> None:
        one, other = run(tmp_path, slices, make_structures(slices, [("Box", BOX), ("Box", [*BOX, (4, 2, 5, 3, 6)])]))

        assert (one.label, one.number, one.voxels) == ("Box", 1, 48)
        assert (other.label, other.number, other.voxels) == ("Box", 2, 64)

    def test_a_region_without_contours_is_refused_beside_the_others(
        self, slices: list[Dataset], tmp_path: Path
    ) -> None:
        empty, found = run(tmp_path, slices, make_structures(slices, [("Empty", []), ("Box", BOX)]))

        assert (empty.values, empty.refused) == ({}, "the region has no closed planar contours")
        assert found.values


class TestRefusals:
    def test_a_mask_of_another_series_is_refused(self, slices: list[Dataset], tmp_path: Path) -> None:
        seg = make_seg(slices, [ONE])
        seg.ReferencedSeriesSequence[0].SeriesInstanceUID = generate_uid()

        assert refusal(tmp_path, slices, seg) == "the mask refers to another series"

    @pytest.mark.parametrize("kind", ["seg", "structures"])
    def test_a_mask_in_another_frame_of_reference_is_refused(
        self, kind: str, slices: list[Dataset], tmp_path: Path
    ) -> None:
        mask = make_seg(slices, [ONE]) if kind == "seg" else make_structures(slices, [("Box", BOX)])
        for each in slices:
            each.FrameOfReferenceUID = "1.2.3"

        assert refusal(tmp_path, slices, mask) == "the mask is in another frame of reference than the images"

    def test_a_region_in_another_frame_of_reference_is_refused_beside_the_others(
        self, slices: list[Dataset], tmp_path: Path
    ) -> None:
        mask = make_structures(slices, [("Far", BOX), ("Box", BOX)])
        mask.StructureSetROISequence[0].ReferencedFrameOfReferenceUID = "1.2.3"

        far, near = run(tmp_path, slices, mask)

        assert (far.values, far.refused) == ({}, "the region is in another frame of reference than the images")
        assert near.values

    def test_the_range_of_ct_is_not_applied_to_others(self, slices: list[Dataset], tmp_path: Path) -> None:
        for each in slices:
            each.Modality, each.SOPClassUID = "MR", MRImageStorage
            each.file_meta.MediaStorageSOPClassUID = MRImageStorage
        seg = make_seg(slices, [ONE])

        assert refusal(tmp_path / "default", slices, seg) == (
            "its Modality is not CT, but -1000 to 400 are HU; give lowest and highest"
        )
        (found,) = run(
            tmp_path / "own",
            slices,
            seg,
            lowest=None,
            highest=None,
            discretisation="NONE",
            volume_discretisation="NONE",
        )
        assert found.intensity_unit == ""
        assert mean(found) == pytest.approx(INTENSITIES[ONE].mean(), abs=1e-4)

    def test_a_missing_slice_is_refused(self, slices: list[Dataset], tmp_path: Path) -> None:
        seg = make_seg(slices, [ONE])

        assert refusal(tmp_path, [*slices[:2], *slices[3:]], seg) == (
            "the slices are not evenly spaced: 4.00 mm between slices 2 and 3, 2.00 mm between most; "
            "a slice may be missing"
        )

    def test_what_is_no_mask_is_refused(self, slices: list[Dataset], tmp_path: Path) -> None:
        assert refusal(tmp_path, slices, slices[0]) == "the mask is neither a DICOM SEG nor an RTSTRUCT"

    def test_images_of_two_series_are_refused(self, slices: list[Dataset], tmp_path: Path) -> None:
        seg = make_seg(slices, [ONE])
        slices[1].SeriesInstanceUID = generate_uid()

        assert refusal(tmp_path, slices, seg) == "the images are of several series"

    def test_pixels_that_cannot_be_decoded_name_no_patient(self, slices: list[Dataset], tmp_path: Path) -> None:
        seg = make_seg(slices, [ONE])
        for each in slices:
            each.PatientName, each.PatientID = "Roe^Jane", "SECRET"
            each.PixelData = each.PixelData[:10]

        said = refusal(tmp_path, slices, seg)

        assert said.startswith("the images cannot be read (")
        assert "Roe" not in said
        assert "SECRET" not in said


class TestReferences:
    def test_series_of_a_seg_and_of_structures_are_given(self, slices: list[Dataset]) -> None:
        uid = str(slices[0].SeriesInstanceUID)

        assert refers_to(make_seg(slices, [ONE])) == {uid}
        assert refers_to(make_structures(slices, [("Box", BOX)])) == {uid}
        assert refers_to(slices[0]) == set()


class TestSilence:
    def test_nothing_is_logged_or_changed(
        self, slices: list[Dataset], tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
    ) -> None:
        seg = make_seg(slices, [ONE])
        caplog.clear()
        root = logging.getLogger()
        before = (list(root.handlers), list(root.filters), root.level)

        with warnings.catch_warnings(), caplog.at_level(logging.INFO):
            warnings.simplefilter("error")
            run(tmp_path, slices, seg)

        assert caplog.records == []
        assert capfd.readouterr() == ("", "")
        assert (list(root.handlers), list(root.filters), root.level) == before
