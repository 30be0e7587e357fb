"""Commands with criteria on tables."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import run_command
from tests.support.builders import make_instance

COLUMN = {"table": "cohort.csv", "column": "patient_id"}
IN: dict[str, Any] = {"dicom_tag": "PatientID", "operation": "IN", "reference": COLUMN}
CELL = "CELL-PLANTED-1"
SENTENCE = "PatientID (0010,0020) is one of the 2 values of column patient_id in cohort.csv"


class Home:
    """A folder with images, a table beside them, criteria and a ledger."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.images, self.output = folder, folder / "images", folder / "output"
        self.images.mkdir()
        self.output.mkdir()
        for number in range(3):
            data = make_instance(
                series_instance_uid=f"1.5.{number}", SOPInstanceUID=f"1.6.{number}", PatientID=f"P{number}"
            )
            (self.images / f"{number}.dcm").write_bytes(data)
        (self.output / "cohort.csv").write_text(f"patient_id\nP1\n{CELL}\n")
        self.file("in", [IN])
        self.file("group", [{"any": [IN], "name": "cohort"}])

    def file(self, name: str, criteria: Any) -> str:
        (path := self.folder / f"{name}.json").write_text(json.dumps(criteria))
        return str(path)

    def ask(self, *arguments: str) -> str:
        done = run_command(*arguments, home=self.folder)
        assert done.returncode == 0, done.stderr
        assert CELL not in done.stdout + done.stderr
        return done.stdout

    def refused(self, *arguments: str) -> str:
        done = run_command(*arguments, home=self.folder)
        assert done.returncode != 0
        assert CELL not in done.stdout + done.stderr
        return done.stderr

    def screened(self, name: str) -> str:
        done = self.ask(
            "screen",
            str(self.images),
            "--criteria",
            f"{self.folder}/{name}.json",
            "--output",
            str(self.output),
            "--json",
        )
        return str(json.loads(done)["run_id"])


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def run(home: Home) -> str:
    return home.screened("in")


def test_check_says_that_the_table_is_read_when_a_run_starts(home: Home) -> None:
    told = home.ask("check", f"{home.folder}/in.json")

    assert "PatientID (0010,0020) is one of the values of column patient_id in cohort.csv" in told
    assert "cohort.csv is read when a run or a preview starts; nobody has looked at it here." in told


def test_screen_show_and_report_say_what_was_compared(home: Home, run: str) -> None:
    told = home.ask("screen", str(home.images), "--criteria", f"{home.folder}/in.json", "--output", str(home.output))

    assert "1 of 3 instances passed" in told
    assert SENTENCE in " ".join(told.split())
    assert SENTENCE in " ".join(home.ask("show", run).split())
    assert SENTENCE.replace("_", "") in home.ask("report", run, "--format", "markdown").replace("\\", "").replace(
        "_", ""
    )


def test_preview_reads_a_table_of_the_input(home: Home) -> None:
    missing = home.refused("preview", str(home.images), "--criteria", f"{home.folder}/in.json")
    (home.images / "cohort.csv").write_text(f"patient_id\nP0\nP1\n{CELL}\n")
    told = home.ask("preview", str(home.images), "--criteria", f"{home.folder}/in.json")
    (home.images / "cohort.csv").unlink()

    assert f"table cohort.csv: is not there; looked for at {home.images}/cohort.csv" in missing
    assert "2 of 4 instances would pass" in told


def test_a_preview_without_listing_reads_the_table(home: Home, run: str) -> None:
    command = ["preview", str(home.images), "--criteria", f"{home.folder}/in.json", "--no-listing"]

    assert "Preview: 1 of " in home.ask(*command, "--tables", str(home.output))
    assert f"table cohort.csv: is not there; looked for at {home.images}/cohort.csv" in home.refused(*command)
    (home.images / "cohort.csv").write_text(f"patient_id\nP0\nP1\n{CELL}\n")
    assert "Preview: 2 of " in home.ask(*command)
    (home.images / "cohort.csv").unlink()


def test_a_file_of_criteria_is_compared_with_its_table(home: Home, run: str) -> None:
    other = home.folder / "other"
    other.mkdir()
    (other / "cohort.csv").write_text(f"patient_id\nP0\n{CELL}\n")
    command = ["compare", run, f"{home.folder}/in.json", "--json"]

    told = json.loads(home.ask(*command, "--tables", str(other)))
    assert [(each["series_instance_uid"], each["change"]) for each in told["series"]] == [
        ("1.5.0", "IN"),
        ("1.5.1", "OUT"),
    ]
    same = json.loads(home.ask(*command, "--tables", str(home.output)))
    assert same["series"] == []
    assert "missing: where does cohort.csv lie?" in " ".join(home.refused(*command).split())


def test_compare_and_trace_of_runs_say_the_sentence(home: Home, run: str) -> None:
    group = home.screened("group")

    assert home.ask("compare", run, group)
    traced = home.ask("trace", "1.6.1")
    assert f"{SENTENCE}: MET" in " ".join(traced.split())
    assert f"cohort: MET {SENTENCE}" in " ".join(traced.split())


def test_criteria_are_saved_and_shown_without_the_table(home: Home) -> None:
    home.ask("criteria", "save", "cohort", "--criteria", f"{home.folder}/in.json")

    assert "is one of the values of column patient_id in cohort.csv" in " ".join(
        home.ask("criteria", "show", "cohort").split()
    )
    told = home.ask("screen", str(home.images), "--criteria", "@cohort", "--output", str(home.output))
    assert "1 of 3 instances passed" in told
