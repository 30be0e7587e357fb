"""Names in BIDS: of a series, and of what dcm2niix makes of it."""

from dataclasses import replace

import pytest

from dicom_sieve.computations.export.bids.names import SeriesLabels, path_in_dataset, suffix_of

MR = SeriesLabels("03", "01", 2, "MR", "T2w FLAIR")


@pytest.mark.parametrize(
    ("modality", "name", "path"),
    [
        ("CT", "image.nii.gz", "ct/sub-03_ses-01_run-2_ct.nii.gz"),
        ("CT", "image_Eq_1.nii.gz", "ct/sub-03_ses-01_rec-Eq1_run-2_ct.nii.gz"),
        ("CT", "imagea.json", "ct/sub-03_ses-01_rec-a_run-2_ct.json"),
        ("MR", "image_e2_ph.nii.gz", "anat/sub-03_ses-01_run-2_echo-2_part-phase_FLAIR.nii.gz"),
        ("PT", "image.nii.gz", "pet/sub-03_ses-01_run-2_pet.nii.gz"),
        ("US", "image.nii.gz", "other/sub-03_ses-01_run-2_us.nii.gz"),
        ("", "image.nii.gz", "other/sub-03_ses-01_run-2_unknown.nii.gz"),
    ],
)
def test_a_file_has_its_place_by_modality(modality: str, name: str, path: str) -> None:
    labels = replace(MR, modality=modality)

    assert path_in_dataset(labels, name, is_diffusion=False) == f"sub-03/ses-01/{path}"


def test_what_has_gradients_is_diffusion() -> None:
    names = ("image.nii.gz", "image.json", "image.bval", "image.bvec")

    paths = [path_in_dataset(MR, name, is_diffusion=True, mr_suffix="T1w") for name in names]

    ends = [name.partition(".")[2] for name in names]
    assert paths == [f"sub-03/ses-01/dwi/sub-03_ses-01_run-2_dwi.{end}" for end in ends]


@pytest.mark.parametrize(
    ("description", "suffix"),
    [
        ("AX T1 MPRAGE", "T1w"),
        ("sag_t1_mprage", "T1w"),
        ("T2 FLAIR", "FLAIR"),
        ("t2_tse_tra", "T2w"),
        ("AX T2* GRE", "T2starw"),
        ("PD TSE", "PDw"),
        ("3-plane T2 localizer", None),
        ("dynamic", None),
        ("", None),
    ],
)
def test_descriptions_tell_the_suffix_of_anatomical_mr(description: str, suffix: str | None) -> None:
    assert suffix_of(description) == suffix
