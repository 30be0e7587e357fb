"""NIfTI and BIDS of what passed: the voxels that were judged, no value that identifies, each file on record."""

import gzip
import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK

from dicom_sieve import Ledger
from dicom_sieve.computations.export import Exported, ExportOptions, Format, export
from dicom_sieve.digest import digest_of
from dicom_sieve.errors import ComputationError, InvalidRequestError
from dicom_sieve.ledger.audit.verify import verify
from dicom_sieve.ledger.database.states import InputState
from dicom_sieve.screening import Screening, screen
from dicom_sieve.stores import DirectoryStore
from tests.computations.export.study import PHANTOM, PLANTED, RUN, uid_of, write_study
from tests.conftest import S3Server
from tests.screening.screenings import one_of
from tests.support.bids_validator import validate_bids

pytestmark = pytest.mark.usefixtures("needs_dcm2niix")
NOT_CONVERTED = (InputState.REFUSED, "the program refuses it: exit code 2", 1)
IN_PARTS = (InputState.REFUSED, "not whole: 1 of 8 objects did not pass", 1)
DONE = (InputState.COMPLETED, None, 3)


def files_of(exported: Exported) -> dict[str, Path]:
    root = Path(exported.uri)
    return {str(path.relative_to(root)): path for path in sorted(root.rglob("*")) if path.is_file()}


def planted_in(files: Sequence[Path]) -> set[str]:
    """Give the planted values that files hold."""
    bodies = [gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes() for file in files]
    values = {*map(str, PLANTED.values()), "PLANTED", "19011122", "235159", "23:51:59", "20240102", "20230102"}
    return {value for value in values for body in bodies if value.encode() in body}


def run_export(ledger: Ledger, images: DirectoryStore, results: DirectoryStore, how: Format, **more: Any) -> Exported:
    return export(ledger, RUN, how, inputs=images, outputs=results, options=ExportOptions(**more))


class TestNifti:
    def test_each_whole_series_is_converted_and_others_say_why_not(
        self, ledger: Ledger, images: DirectoryStore, results: DirectoryStore
    ) -> None:
        exported = run_export(ledger, images, results, Format.NIFTI)

        assert sorted(exported.reasons, key=str) == sorted([DONE, NOT_CONVERTED, IN_PARTS], key=str)
        assert exported.uri == f"{results.root}/{RUN}/nifti"
        converted = ("later", "earlier", "head")
        files = files_of(exported)
        assert set(files) == {f"{uid_of(name)}/image.{end}" for name in converted for end in ("json", "nii.gz")}
        voxels: Any = SimpleITK.ReadImage(str(files[f"{uid_of('later')}/image.nii.gz"]))
        array = SimpleITK.GetArrayFromImage(voxels)
        assert voxels.GetSpacing() == pytest.approx(PHANTOM.spacing[::-1])
        assert np.array_equal(array[:, ::-1], PHANTOM.hounsfield())  # rows of NIfTI run from posterior to anterior
        sidecar = json.loads(files[f"{uid_of('head')}/image.json"].read_text())
        assert (sidecar["Modality"], sidecar["SeriesDescription"]) == ("MR", "AX T1 MPRAGE")
        assert planted_in(list(files.values())) == set()

    def test_every_file_is_on_record_and_leads_back(
        self, ledger: Ledger, images: DirectoryStore, results: DirectoryStore
    ) -> None:
        files = files_of(run_export(ledger, images, results, Format.NIFTI))

        for path in files.values():
            [traced] = ledger.trace_results(str(path))
            assert traced.output.digest == digest_of(path)
            assert traced.series.series_instance_uid == path.parent.name
            assert len(traced.inputs) == PHANTOM.shape[0]
            assert traced.parameters["dcm2niix"].startswith("v1.")
        [decision] = ledger.trace(uid_of("head"))[0].decisions
        assert [each.name for each in decision.computations] == ["export-nifti"]
        assert len(decision.computations[0].outputs) == 2
        assert verify(ledger.engine).is_intact

    def test_what_is_there_is_not_made_again_and_what_is_gone_is(
        self, ledger: Ledger, images: DirectoryStore, results: DirectoryStore
    ) -> None:
        files = files_of(run_export(ledger, images, results, Format.NIFTI))
        gone = files[f"{uid_of('head')}/image.nii.gz"]
        before = {name: path.read_bytes() for name, path in files.items()}
        gone.unlink()

        again = run_export(ledger, images, results, Format.NIFTI)

        skipped = (InputState.SKIPPED, "computed before, by computation 1", 2)
        restored = (InputState.COMPLETED, None, 1)
        assert sorted(again.reasons, key=str) == sorted([skipped, restored, NOT_CONVERTED, IN_PARTS], key=str)
        assert {name: path.read_bytes() for name, path in files_of(again).items()} == before

    def test_another_place_is_another_export(
        self, ledger: Ledger, images: DirectoryStore, results: DirectoryStore, tmp_path: Path
    ) -> None:
        run_export(ledger, images, results, Format.NIFTI)

        elsewhere = run_export(ledger, images, DirectoryStore(tmp_path / "elsewhere"), Format.NIFTI)

        assert DONE in elsewhere.reasons
        assert len(files_of(elsewhere)) == 6

    def test_what_is_something_else_is_never_overwritten(
        self, ledger: Ledger, images: DirectoryStore, results: DirectoryStore
    ) -> None:
        mine = results.root / RUN / "nifti" / uid_of("head") / "image.json"
        mine.parent.mkdir(parents=True)
        mine.write_text("mine")

        exported = run_export(ledger, images, results, Format.NIFTI)

        [(_, why, _)] = [reason for reason in exported.reasons if reason[0] is InputState.FAILED]
        assert why is not None
        assert "is there already, and is something else: nothing is overwritten" in why
        assert mine.read_text() == "mine"

    def test_time_and_memory_are_bounded(self, ledger: Ledger, images: DirectoryStore, results: DirectoryStore) -> None:
        slow = run_export(ledger, images, results, Format.NIFTI, timeout_seconds=0.001)
        large = run_export(ledger, images, results, Format.NIFTI, memory_gib=0.001)

        why = [str(reason) for state, reason, _ in slow.reasons if state is InputState.FAILED]
        assert why
        assert all("took longer than 0.001 s and was killed" in each for each in why)
        assert sum(number for state, _, number in large.reasons if state is InputState.FAILED) == 4

    def test_without_the_program_it_is_said_what_to_install(
        self, ledger: Ledger, images: DirectoryStore, results: DirectoryStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PATH", "/nowhere")
        assert shutil.which("dcm2niix") is None

        with pytest.raises(InvalidRequestError, match="dcm2niix is not installed; install the package dcm2niix of Deb"):
            run_export(ledger, images, results, Format.NIFTI)

        assert ledger.computations() == []

    def test_without_a_place_to_read_from_it_is_said(self, ledger: Ledger, images: DirectoryStore) -> None:
        assert images.root.is_dir()
        with pytest.raises(ComputationError, match="nothing to read from"):
            export(ledger, RUN, Format.NIFTI, outputs=DirectoryStore(images.root.parent / "results"))


def test_from_bucket_to_bucket(ledger: Ledger, moto_server: S3Server, tmp_path: Path) -> None:
    source, target = (moto_server.store(moto_server.make_bucket(), prefix) for prefix in ("", "study"))
    folder, client = write_study(tmp_path / "study"), moto_server.client()
    for file in filter(Path.is_file, folder.rglob("*")):
        client.upload_file(str(file), source.location.bucket, str(file.relative_to(folder)))
    screen(Screening(RUN, source, one_of("CT", "MR")), ledger)

    for how in (Format.BIDS, Format.PARQUET, Format.OHIF):
        exported = export(ledger, RUN, how, inputs=source, outputs=target)
        assert exported.uri.startswith(f"s3://{target.location.bucket}/study/{RUN}/")
        assert {state for state, _, _ in export(ledger, RUN, how, inputs=source, outputs=target).reasons} <= {
            InputState.SKIPPED,
            InputState.REFUSED,
        }

    keys = {entry["Key"] for entry in client.list_objects_v2(Bucket=target.location.bucket)["Contents"]}
    assert {key.removeprefix(f"study/{RUN}/") for key in keys} >= {"series.parquet", "ohif.json", "bids/README"}
    assert len([key for key in keys if key.endswith(".nii.gz")]) == 3


class TestBids:
    def test_names_hold_running_labels_alone(
        self, ledger: Ledger, images: DirectoryStore, results: DirectoryStore
    ) -> None:
        exported = run_export(ledger, images, results, Format.BIDS)

        files = files_of(exported)
        [thorax, head] = _subjects(files)
        assert set(files) == {
            *(".bidsignore", "README", "dataset_description.json", "participants.json", "participants.tsv"),
            *(
                f"{thorax}/ses-{session}/ct/{thorax}_ses-{session}_run-1_ct.{end}"
                for session in ("01", "02")
                for end in ("json", "nii.gz")
            ),
            *(f"{head}/ses-01/anat/{head}_ses-01_run-1_T1w.{end}" for end in ("json", "nii.gz")),
        }
        assert planted_in(list(files.values())) == set()
        assert not [name for name in files if re.search(r"PLANTED|2023|2024|[0-9]{6}", name)]

    @pytest.mark.timeout(300)
    @pytest.mark.parametrize("given", [{}, {"suffix": "T2w"}])
    def test_the_validator_of_bids_finds_no_error(
        self, ledger: Ledger, images: DirectoryStore, results: DirectoryStore, given: dict[str, Any]
    ) -> None:
        files = files_of(run_export(ledger, images, results, Format.BIDS, **given))
        root = files["dataset_description.json"].parent

        found = validate_bids(root)

        assert found.errors == set()
        assert found.files == len(files) - len([".bidsignore"]) - len([name for name in files if "/ct/" in name])
        head = next(path for name, path in files.items() if name.endswith("w.nii.gz"))
        head.rename(head.with_name("head.nii.gz"))
        assert validate_bids(root).errors == {"NOT_INCLUDED", "SIDECAR_WITHOUT_DATAFILE"}

    def test_sessions_are_in_the_order_of_time_and_participants_have_age_and_sex(
        self, ledger: Ledger, images: DirectoryStore, results: DirectoryStore
    ) -> None:
        files = files_of(run_export(ledger, images, results, Format.BIDS))

        [thorax, head] = _subjects(files)
        first = files[f"{thorax}/ses-01/ct/{thorax}_ses-01_run-1_ct.nii.gz"]
        assert ledger.trace_results(str(first))[0].series.series_instance_uid == uid_of("earlier")
        rows = [line.split("\t") for line in files["participants.tsv"].read_text().splitlines()]
        assert rows[0] == ["participant_id", "age", "sex"]
        assert sorted(rows[1:]) == sorted([[thorax, "43", "F"], [head, "89", "F"]])
        described = json.loads(files["dataset_description.json"].read_text())
        assert described["GeneratedBy"][1]["Name"] == "dcm2niix"
        assert described["DatasetType"] == "raw"

    def test_files_of_the_dataset_are_on_record(
        self, ledger: Ledger, images: DirectoryStore, results: DirectoryStore
    ) -> None:
        files = files_of(run_export(ledger, images, results, Format.BIDS))

        for path in files.values():
            assert ledger.trace_results(str(path))[0].output.digest == digest_of(path)
        assert verify(ledger.engine).is_intact

    def test_it_is_the_same_when_it_is_made_again(
        self, ledger: Ledger, images: DirectoryStore, results: DirectoryStore, tmp_path: Path
    ) -> None:
        first = files_of(run_export(ledger, images, results, Format.BIDS))
        before = {name: path.read_bytes() for name, path in first.items()}

        again = files_of(run_export(ledger, images, results, Format.BIDS))
        elsewhere = files_of(run_export(ledger, images, DirectoryStore(tmp_path / "elsewhere"), Format.BIDS))

        assert {name: path.read_bytes() for name, path in again.items()} == before
        assert {name: path.read_bytes() for name, path in elsewhere.items()} == before

    def test_it_has_no_description_while_a_series_fails(
        self, ledger: Ledger, images: DirectoryStore, results: DirectoryStore
    ) -> None:
        failed = run_export(ledger, images, results, Format.BIDS, timeout_seconds=0.001)
        assert files_of(failed) == {}

        assert "dataset_description.json" in files_of(run_export(ledger, images, results, Format.BIDS))

    def test_what_all_mr_is_can_be_said(self, ledger: Ledger, images: DirectoryStore, results: DirectoryStore) -> None:
        files = files_of(run_export(ledger, images, results, Format.BIDS, suffix="T2w"))

        assert [name for name in files if name.endswith("_T2w.nii.gz")]
        assert not [name for name in files if "T1w" in name]


def _subjects(files: dict[str, Path]) -> list[str]:
    """Give the subject of the CT and that of the MR: which is first, digests decide."""
    subjects = {name.split("/")[0]: "anat" in name for name in sorted(files) if name.startswith("sub-")}
    return sorted(subjects, key=lambda subject: subjects[subject])
