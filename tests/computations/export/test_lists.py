"""Tables of series and study lists: what the ledger knows of all series of a run, on record as of the run itself."""

import csv
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from dicom_sieve import Ledger
from dicom_sieve.computations.export import Exported, ExportOptions, Format, export
from dicom_sieve.digest import digest_of
from dicom_sieve.errors import InvalidRequestError
from dicom_sieve.ledger.audit.verify import verify
from dicom_sieve.ledger.database.states import InputState
from dicom_sieve.screening import Screening, screen
from dicom_sieve.stores import DirectoryStore
from tests.computations.export.study import PHANTOM, RUN, SERIES, datasets, uid_of
from tests.screening.screenings import ct, one_of
from tests.support.simulated_store import SimulatedStore

BASE = ExportOptions(base_url="https://images.example.org/study")
LISTS = (Format.PARQUET, Format.CSV, Format.OHIF)


def run_export(ledger: Ledger, results: DirectoryStore, how: Format, options: ExportOptions = BASE) -> Exported:
    return export(ledger, RUN, how, outputs=results, options=options)


@pytest.mark.usefixtures("images")
class TestTables:
    def test_the_table_has_all_series_with_what_their_instances_say_alike(
        self, ledger: Ledger, results: DirectoryStore
    ) -> None:
        table = pq.read_table(run_export(ledger, results, Format.PARQUET).uri)

        rows = {row["series_instance_uid"]: row for row in table.to_pylist()}
        assert set(rows) == {"1.2.99", *map(uid_of, SERIES)}
        head, parts = rows[uid_of("head")], rows[uid_of("parts")]
        assert (head["selection"], head["passed"], head["objects"]) == ("WHOLE", 8, 8)
        assert (parts["selection"], parts["passed"], parts["discarded"]) == ("PARTIAL", 7, 1)
        assert (head["Modality"], head["Rows"], head["PatientAge"]) == ("MR", "32", "091Y")
        assert head["PixelSpacing"] == "3.0\\3.0"
        assert head["uri"].endswith("/images/head/")
        assert head["bytes"] == sum(path.stat().st_size for path in Path(head["uri"]).iterdir())
        assert (head["slices"], head["spacing"]) == (8, 4.0)
        assert (parts["Modality"], parts["differing"]) == (None, ["Modality"])
        assert rows[uid_of("later")]["patient"] == rows[uid_of("earlier")]["patient"] != head["patient"]
        assert "PixelData" not in table.column_names
        assert "InstanceNumber" not in table.column_names
        field = table.schema.field("Modality")
        assert field.metadata == {b"tag": b"00080060", b"vr": b"CS"}

    def test_each_value_is_that_of_the_objects(self, ledger: Ledger, results: DirectoryStore) -> None:
        [row] = [
            row
            for row in pq.read_table(run_export(ledger, results, Format.PARQUET).uri).to_pylist()
            if row["series_instance_uid"] == uid_of("later")
        ]
        made = datasets("later")

        for keyword, value in row.items():
            if keyword[0].isupper() and value is not None and not value.startswith("digest:"):
                told = {str(getattr(each, keyword, getattr(each.file_meta, keyword, None))) for each in made}
                assert len(told) == 1, keyword
                [text] = told
                plain = text.strip("[]").replace("'", "").replace(", ", "\\")
                assert plain == value or float(plain.split("\\")[0]) == float(value.split("\\")[0]), keyword

    def test_csv_says_the_same_as_parquet(self, ledger: Ledger, results: DirectoryStore) -> None:
        table = pq.read_table(run_export(ledger, results, Format.PARQUET).uri)
        with Path(run_export(ledger, results, Format.CSV).uri).open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))

        for row, said in zip(table.to_pylist(), rows, strict=True):
            for name, value in row.items():
                plain = "\\".join(value) if isinstance(value, list) else "" if value is None else str(value)
                assert said[name].removeprefix("'") == plain

    def test_a_selection_is_a_table_of_its_own(self, ledger: Ledger, results: DirectoryStore) -> None:
        run_export(ledger, results, Format.PARQUET)

        exported = run_export(ledger, results, Format.PARQUET, ExportOptions(selection="PARTIAL"))

        assert exported.uri.endswith(f"{RUN}/partial/series.parquet")
        assert pq.read_table(exported.uri).column("series_instance_uid").to_pylist() == [uid_of("parts")]


@pytest.mark.usefixtures("images")
class TestStudyList:
    def test_lists_studies_series_and_instances_with_addresses(self, ledger: Ledger, results: DirectoryStore) -> None:
        listed = json.loads(Path(run_export(ledger, results, Format.OHIF).uri).read_text())["studies"]

        by_series = {each["SeriesInstanceUID"]: (study, each) for study in listed for each in study["series"]}
        assert set(by_series) == {"1.2.99", *map(uid_of, SERIES)}
        study, head = by_series[uid_of("head")]
        assert (study["Modalities"], study["NumInstances"], study["PatientSex"]) == ("MR", 8, "F")
        assert len(study["PatientID"]) == 32
        made = sorted(datasets("head"), key=lambda each: int(each.InstanceNumber))
        assert [each["metadata"]["SOPInstanceUID"] for each in head["instances"]] == [
            each.SOPInstanceUID for each in made
        ]
        for told, dataset in zip(head["instances"], made, strict=True):
            metadata = told["metadata"]
            assert metadata["ImagePositionPatient"] == pytest.approx(list(dataset.ImagePositionPatient))
            assert (metadata["Rows"], metadata["Columns"]) == PHANTOM.shape[1:]
            assert metadata["RescaleIntercept"] == -1024
            assert told["url"].startswith("dicomweb:https://images.example.org/study/head/")
        assert "PLANTED" not in json.dumps([study["PatientName"], study["PatientID"], study["AccessionNumber"]])

    def test_each_frame_has_an_address_of_its_own(self, ledger: Ledger, results: DirectoryStore) -> None:
        store = SimulatedStore({"1.dcm": ct("1.2.8", "1.2.8.1", NumberOfFrames=3, Rows=4)})
        screen(Screening("frames", store, one_of("CT")), ledger)

        exported = export(ledger, "frames", Format.OHIF, outputs=results)

        [study] = json.loads(Path(exported.uri).read_text())["studies"]
        frames = study["series"][0]["instances"]
        assert [each["url"].rpartition("/")[2] for each in frames] == [f"1.dcm?frame={number}" for number in (1, 2, 3)]
        assert study["NumInstances"] == 3
        assert {each["metadata"]["SOPInstanceUID"] for each in frames} == {"1.2.8.1"}
        assert not [each for each in frames if "NumberOfFrames" in each["metadata"]]

    def test_a_directory_needs_an_address(self, ledger: Ledger, results: DirectoryStore) -> None:
        with pytest.raises(InvalidRequestError, match="--base-url: needed"):
            run_export(ledger, results, Format.OHIF, ExportOptions())

    def test_a_bucket_has_addresses_at_its_endpoint(self, ledger: Ledger, results: DirectoryStore) -> None:
        store = SimulatedStore({"a b/1.dcm": ct("1.2.7", "1.2.7.1")})
        screen(Screening("bucket", store, one_of("CT")), ledger)

        exported = export(ledger, "bucket", Format.OHIF, outputs=results)

        [study] = json.loads(Path(exported.uri).read_text())["studies"]
        [instance] = study["series"][0]["instances"]
        place = store.location
        assert instance["url"] == f"dicomweb:{place.endpoint}/{place.bucket}/a%20b/1.dcm"


@pytest.mark.usefixtures("images")
@pytest.mark.parametrize("how", LISTS)
class TestRecord:
    def test_it_is_made_once_and_again_where_it_is_gone(
        self, how: Format, ledger: Ledger, results: DirectoryStore
    ) -> None:
        first = run_export(ledger, results, how)
        body = Path(first.uri).read_bytes()

        second = run_export(ledger, results, how)
        Path(first.uri).unlink()
        third = run_export(ledger, results, how)

        assert first.reasons == third.reasons == [(InputState.COMPLETED, None, 1)]
        assert second.reasons == [(InputState.SKIPPED, "computed before, by computation 1", 1)]
        assert Path(third.uri).read_bytes() == body

    def test_it_leads_back_to_the_run_and_each_object_of_the_run_to_it(
        self, how: Format, ledger: Ledger, results: DirectoryStore
    ) -> None:
        exported = run_export(ledger, results, how)

        [traced] = ledger.trace_results(exported.uri)
        assert traced.output.digest == digest_of(Path(exported.uri))
        assert (traced.series.run_id, traced.series.series_instance_uid) == (RUN, "")
        for name in ("1.2.99", uid_of("parts")):
            [decision] = ledger.trace(name)[0].decisions
            [computed] = decision.computations
            assert [output.uri for output in computed.outputs] == [exported.uri]
        assert verify(ledger.engine).is_intact


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (ExportOptions(selection="HALF"), "selection: not known; accepted: WHOLE, PARTIAL, NONE"),
        (ExportOptions(suffix="T3w"), "suffix: not known; accepted: T1w"),
        (ExportOptions(base_url="ftp://x"), "base-url: no address of HTTP"),
        (ExportOptions(base_url="https://me:secret@x"), "base-url: .* without user, password"),
        (ExportOptions(timeout_seconds=0), "timeout: accepted: more than 0"),
        (ExportOptions(memory_gib=float("nan")), "memory: accepted: more than 0"),
    ],
)
def test_what_cannot_be_asked_is_said(options: ExportOptions, problem: str) -> None:
    with pytest.raises(InvalidRequestError, match=problem):
        options.check()
