"""The examples of docs/examples.md, run as they stand. MONAI brings torch, and is tried where it is installed."""

import json
from pathlib import Path
from typing import Any

import pytest

from dicom_sieve import open_ledger
from dicom_sieve.screening import Screening, screen
from dicom_sieve.stores import DirectoryStore
from tests.cli.command import run_command
from tests.computations.segmentation.phantom import Phantom
from tests.screening.screenings import one_of
from tests.support.builders import make_instance
from tests.support.documents import code_blocks, read, section

RUN = "1d0a2dfe-9dfe-4ec1-a536-cdd18e57a83b"
SHAPE = (5, 16, 24)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which a series of five slices passed, and a series in parts; the examples' run judged them."""
    images = tmp_path / "images"
    images.mkdir()
    for number, instance in enumerate(Phantom(shape=SHAPE).instances()):
        instance.PatientID = "PLANTED"
        instance.save_as(images / f"{number}.dcm")
    for number, modality in enumerate(("CT", "MR")):
        (images / f"part-{number}.dcm").write_bytes(make_instance(Modality=modality, Rows=16, Columns=24))
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    with open_ledger(url) as ledger:
        screen(Screening(RUN, DirectoryStore(images), one_of("CT")), ledger)
    monkeypatch.setenv("DICOM_SIEVE_DATABASE_URL", url)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def example(heading: str, number: int = 0) -> str:
    return code_blocks(section(read("docs/examples.md"), heading), "python")[number]


def run_commands(heading: str, home: Path) -> None:
    """Run the commands that stand under a heading."""
    [block] = code_blocks(section(read("docs/examples.md"), heading), "console")
    for line in block.splitlines():
        done = run_command(*line.split()[1:], home=home, DICOM_SIEVE_DATABASE_URL=f"sqlite:///{home / 'ledger.db'}")
        assert done.returncode == 0, done.stderr


def run_python(code: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(code, names)
    return names


def test_pandas_reads_the_table_of_objects(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("pandas")
    run_commands("A table of objects", home)

    names = run_python(example("A table of objects"))

    assert len(names["objects"]) == 7
    assert names["passed"].Modality.tolist() == ["CT"] * 6
    assert names["passed"].patient.nunique() == 1
    assert "CT    6" in capsys.readouterr().out


def test_pandas_reads_what_was_published(home: Path) -> None:
    pandas = pytest.importorskip("pandas")
    criteria = home / "criteria.json"
    criteria.write_text(json.dumps([{"dicom_tag": "Modality", "operation": "EQUALS", "reference": "CT"}]))
    published = run_command(
        "screen", str(home / "images"), "--criteria", str(criteria), "--output", "results", "--json", home=home
    )

    table = pandas.read_parquet(f"results/{json.loads(published.stdout)['run_id']}/instances")

    assert sorted(table.verdict) == ["DISCARDED"] + ["PASSED"] * 6
    assert "object_key" in table.columns


def test_polars_takes_the_objects_of_a_run(home: Path) -> None:
    pytest.importorskip("polars")

    objects = run_python(example("A table of objects", 1))["objects"]

    assert objects.height == 7
    assert objects.filter(objects["verdict"] == "PASSED")["Modality"].to_list() == ["CT"] * 6


def test_pydicom_reads_the_bytes_that_were_judged(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_python(example("The bytes of an object"))

    assert capsys.readouterr().out.splitlines()[0] == "0.dcm 16 24"


def test_simpleitk_reads_a_series_from_disk(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("SimpleITK")
    run_commands("Series on disk", home)

    names = run_python(example("Series on disk"))

    assert names["image"].GetSize() == SHAPE[::-1]
    assert len(capsys.readouterr().out.splitlines()) == 1


@pytest.mark.filterwarnings("ignore")  # of torch and MONAI, about each other
def test_monai_loads_series_from_disk(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("monai")
    run_commands("Series on disk", home)

    names = run_python(example("Series on disk", 1))

    assert sorted(names["data"][0].shape) == sorted((1, *SHAPE))
    assert "24" in capsys.readouterr().out
