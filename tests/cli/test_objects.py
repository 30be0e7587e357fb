"""The objects of a run as its users take them along: text, CSV, JSON, Parquet."""

import csv
import io
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from dicom_sieve import open_ledger
from tests.cli.command import run_command, run_cut_off
from tests.screening.screenings import screen_ct
from tests.support.builders import make_instance
from tests.support.simulated_store import SimulatedStore

RUN = "1d0a2dfe-9dfe-4ec1-a536-cdd18e57a83b"
FORMULA, TERMINAL = "=cmd|'/C calc'!A0.dcm", "\x1b[31mred.dcm"
Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose ledger holds one run: two passed, one discarded, one is no DICOM."""
    made = tmp_path_factory.mktemp("home")
    store = SimulatedStore(
        {
            FORMULA: make_instance(
                SOPInstanceUID="1.6.1", Modality="CT", StudyDate="20230101", ImageType=["ORIGINAL", "PRIMARY"]
            ),
            TERMINAL: make_instance(SOPInstanceUID="1.6.2", Modality="CT", StudyDate="", PatientID="PLANTED-ID"),
            "b.dcm": make_instance(SOPInstanceUID="1.6.3", Modality="MR", StudyDate="=1+1"),
            "notes": b"no DICOM",
        }
    )
    (made / ".dicom-sieve").mkdir()
    with open_ledger(f"sqlite:///{made / '.dicom-sieve' / 'ledger.db'}") as ledger:
        screen_ct(store, ledger, RUN)
    return made


@pytest.fixture
def command(home: Path) -> Command:
    def run(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        return run_command(*arguments, home=home, **environment)

    return run


class TestObjects:
    def test_objects_gives_every_object_in_json_one_a_line(self, command: Command) -> None:
        done = command("objects", RUN[:8], "--columns", "Modality,0008,0020,ImageType", "--json")

        rows: list[dict[str, Any]] = json.loads(done.stdout)
        assert [row["object_key"] for row in rows] == [TERMINAL, FORMULA, "b.dcm", "notes"]
        assert len(done.stdout.splitlines()) == len(rows) + 2
        assert "\x1b" not in done.stdout
        by_key = {row["object_key"]: row for row in rows}
        assert list(by_key["b.dcm"])[-3:] == ["Modality", "StudyDate", "ImageType"]
        passed = by_key[FORMULA]
        assert (passed["verdict"], passed["findings"], passed["defect"]) == ("PASSED", ["MET"], None)
        assert (passed["Modality"], passed["StudyDate"], passed["ImageType"]) == ("CT", "20230101", "ORIGINAL\\PRIMARY")
        assert (passed["sop_instance_uid"], passed["series_instance_uid"]) == ("1.6.1", "1.2.3.4")
        assert passed["size"] > 0
        assert len(passed["etag"]) == 32
        assert (by_key[TERMINAL]["StudyDate"], by_key[TERMINAL]["ImageType"]) == ("", None)
        assert (by_key["notes"]["defect"], by_key["notes"]["Modality"]) == ("NOT_DICOM", None)

    def test_objects_shows_patients_by_the_ledger_s_digest_alone(self, command: Command) -> None:
        done = command("objects", RUN, "--json")

        assert "PLANTED" not in done.stdout
        patients = {row["object_key"]: row["patient"] for row in json.loads(done.stdout)}
        assert len(patients[TERMINAL]) == 32
        assert patients["notes"] is None

    def test_objects_gives_those_of_one_verdict(self, command: Command) -> None:
        passed = json.loads(command("objects", RUN, "--verdict", "PASSED", "--json").stdout)
        discarded = json.loads(command("objects", RUN, "--verdict", "discarded", "--json").stdout)

        assert [row["object_key"] for row in passed] == [TERMINAL, FORMULA]
        assert [row["object_key"] for row in discarded] == ["b.dcm", "notes"]

    def test_no_cell_of_csv_is_a_formula_or_speaks_to_a_terminal(self, command: Command) -> None:
        done = command("objects", RUN, "--columns", "StudyDate", "--csv")

        rows = list(csv.DictReader(io.StringIO(done.stdout)))
        assert [row["object_key"] for row in rows] == [r"\x1b[31mred.dcm", f"'{FORMULA}", "b.dcm", "notes"]
        assert [row["StudyDate"] for row in rows] == ["", "20230101", "'=1+1", ""]
        assert [row["findings"] for row in rows] == ["MET", "MET", "NOT_MET", ""]

    def test_objects_prints_a_line_an_object_without_anything_that_speaks_to_a_terminal(self, command: Command) -> None:
        done = command("objects", RUN, "--columns", "Modality")

        assert done.stdout.splitlines() == [
            r"PASSED     \x1b[31mred.dcm  Modality=CT",
            f"PASSED     {FORMULA}  Modality=CT",
            "DISCARDED  b.dcm  NOT_MET  Modality=MR",
            "DISCARDED  notes  NOT_DICOM  Modality=",
        ]

    def test_objects_writes_parquet_for_its_owner_alone(self, command: Command, tmp_path: Path) -> None:
        file = tmp_path / "objects.parquet"
        file.write_bytes(b"an old one")

        done = command("objects", RUN, "--columns", "Modality", "--parquet", str(file))

        assert done.stdout == f"{file}\n"
        table = pq.read_table(file)
        assert table.column("Modality").to_pylist() == ["CT", "CT", "MR", None]
        assert table.column("findings").to_pylist() == [["MET"], ["MET"], ["NOT_MET"], []]
        assert file.stat().st_mode & 0o777 == 0o600
        assert [path.name for path in tmp_path.iterdir()] == ["objects.parquet"]

    def test_objects_says_of_all_columns_at_once_which_are_not_held(self, command: Command) -> None:
        done = command("objects", RUN, "--columns", "PixelData,Modality,NoKeyword")

        assert done.returncode == 2
        assert done.stdout == ""
        lines = done.stderr.splitlines()
        assert [line.split(";")[0] for line in lines] == [
            "dicom-sieve: --columns: PixelData (7FE0,0010) is not in the header: accepted are groups 0002 to 51FF",
            "dicom-sieve: --columns: 'NoKeyword' is no keyword of the DICOM dictionary",
            "dicom-sieve: --columns: UIDs have columns of their own, without being asked for",
        ]

    def test_objects_takes_one_format_at_a_time(self, command: Command) -> None:
        done = command("objects", RUN, "--csv", "--json")

        assert done.returncode == 2
        assert "say which" in done.stderr

    def test_a_pipe_that_is_closed_is_no_traceback(self, home: Path) -> None:
        done = run_cut_off("objects", RUN, "--csv", home=home)

        assert done.stdout == "b"
        assert done.stderr == ""

    def test_series_go_into_csv_too(self, command: Command) -> None:
        done = command("series", RUN, "--csv")

        [row] = csv.DictReader(io.StringIO(done.stdout))
        assert (row["series_instance_uid"], row["passed"], row["selection"]) == ("1.2.3.4", "2", "PARTIAL")
