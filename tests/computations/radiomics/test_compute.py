"""From objects to features: the IBSI's digital phantom is screened, measured, and traced back by one SQL statement."""

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from dicom_sieve import Ledger
from dicom_sieve.computations.one_by_one import compute_one_by_one
from dicom_sieve.computations.radiomics import RADIOMICS
from dicom_sieve.errors import InvalidRequestError
from dicom_sieve.ledger.audit.verify import verify
from dicom_sieve.screening import Screening, screen
from dicom_sieve.stores import DirectoryStore
from tests.computations.radiomics.digital_phantom import PARAMETERS, make_seg, region, save, series
from tests.computations.radiomics.published import disagreements
from tests.screening.screenings import one_of, sql
from tests.support.documents import code_blocks, read, section

FROM_OBJECTS = {**PARAMETERS, "regions_from": "OBJECTS"}
TRACED = """
SELECT measured.region, measured.region_code, measured.value, instance.object_key, instance.findings, run.criteria
FROM series_feature AS measured
JOIN instance_decision AS instance ON instance.run_id = measured.run_id
                                  AND instance.series_instance_uid = measured.series_instance_uid
JOIN run ON run.id = measured.run_id
WHERE measured.feature = 'volume_mesh_RNU0' AND instance.verdict = 'PASSED'
ORDER BY instance.object_key
"""


class Phantom:
    """The phantom in a directory, its SEG beside it, screened for CT as ``run``."""

    def __init__(self, ledger: Ledger, folder: Path) -> None:
        self.ledger, self.folder = ledger, folder
        slices = series()
        save(slices, folder / "objects")
        (folder / "objects" / "seg").mkdir()
        save([make_seg(slices, [region()])], folder / "objects" / "seg")
        self.inputs, self.outputs = DirectoryStore(folder / "objects"), DirectoryStore(folder / "results")
        screen(Screening("run", self.inputs, one_of("CT")), ledger)

    def measure(self, given: dict[str, Any], run: str = "run") -> list[tuple[str, str | None, int]]:
        """Measure; gives what became of the series."""
        reasons = compute_one_by_one(self.ledger, RADIOMICS, run, given=given, inputs=self.inputs, outputs=self.outputs)
        return [(state.value, reason, number) for state, reason, number in reasons]


@pytest.fixture
def phantom(ledger: Ledger, tmp_path: Path) -> Phantom:
    """The phantom, screened."""
    return Phantom(ledger, tmp_path)


def test_features_on_record_are_the_published_ones_and_lead_back(phantom: Phantom) -> None:
    assert phantom.measure(FROM_OBJECTS) == [("COMPLETED", None, 1)]

    [measured] = phantom.ledger.run("run").regions()
    values = {name: value for name, value in measured.measured.features.items() if name not in ("voxels", "volume_mm3")}
    assert disagreements(values, "digital phantom") == {}
    assert (measured.measured.features["voxels"], measured.measured.region) == (74, "Tumour")
    rows = sql(phantom.ledger, TRACED)
    assert [row[3] for row in rows] == sorted(path.name for path in (phantom.folder / "objects").glob("*.dcm"))
    assert {row[:2] for row in rows} == {("Tumour", "SCT:108369006")}
    assert all(abs(row[2] - 556) <= 4 for row in rows)  # the IBSI's value and tolerance, in mm3
    assert verify(phantom.ledger.engine).is_intact


def test_the_example_of_the_documents_prints_features(
    phantom: Phantom, ledger_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    phantom.measure(FROM_OBJECTS)
    monkeypatch.setenv("DICOM_SIEVE_DATABASE_URL", ledger_url)
    [code] = code_blocks(section(read("docs/computations.md"), "radiomics"), "python")

    exec(code.replace("1d0a2dfe", "run"), {})

    [uid, region_name, value] = capsys.readouterr().out.split()
    assert region_name == "Tumour"
    assert float(value) == pytest.approx(556, abs=4)
    assert uid == phantom.ledger.run("run").regions()[0].series_instance_uid


def test_tables_and_page_are_written_and_traced(phantom: Phantom) -> None:
    phantom.measure(FROM_OBJECTS)

    files = [path for path in (phantom.folder / "results").rglob("*") if path.is_file()]
    assert sorted(file.name for file in files) == ["features.html", "features.parquet", "features.parquet"]
    tables = [pq.read_table(file).to_pylist() for file in files if file.suffix == ".parquet"]
    assert tables[0] == tables[1]
    [page] = [file.read_text() for file in files if file.suffix == ".html"]
    assert "Tumour" in page
    for file in files:
        [traced] = phantom.ledger.trace_results(str(file))
        assert len(traced.inputs) == 4


def test_is_measured_once_and_again_when_the_segmentation_changes(phantom: Phantom) -> None:
    phantom.measure(FROM_OBJECTS)

    assert [state for state, *_ in phantom.measure(FROM_OBJECTS)] == ["SKIPPED"]
    mask = region()
    mask[0] = False
    (phantom.folder / "objects" / "seg" / "000.dcm").unlink()
    save([make_seg(series(), [mask])], phantom.folder / "objects" / "seg")
    screen(Screening("later", phantom.inputs, one_of("CT")), phantom.ledger)
    assert phantom.measure(FROM_OBJECTS, "later") == [("COMPLETED", None, 1)]
    voxels = [phantom.ledger.run(run).regions()[0].measured.features["voxels"] for run in ("run", "later")]
    assert voxels == [74, mask.sum()]


def test_a_series_without_a_region_is_refused(phantom: Phantom) -> None:
    assert phantom.measure(PARAMETERS) == [("REFUSED", "no result of lung-segmentation refers to it", 1)]
    assert phantom.ledger.run("run").regions() == []


@pytest.mark.parametrize("source", [None, "", 3, "a\nb", "x" * 65])
def test_where_regions_are_from_is_a_name(source: object) -> None:
    with pytest.raises(InvalidRequestError, match=r"parameters\.regions_from: no name"):
        RADIOMICS.read_parameters({"regions_from": source})


def test_parameters_are_whole_and_the_same_when_they_are_read_again() -> None:
    whole = RADIOMICS.read_parameters({"preset": "IBSI_E"})

    assert whole["regions_from"] == "lung-segmentation"
    assert RADIOMICS.read_parameters(whole) == whole
