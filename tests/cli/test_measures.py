"""What the command tells of criteria that measure series, studies and patients."""

import json
from pathlib import Path
from typing import Any

from tests.cli.command import run_command
from tests.screening.screenings import ct

CRITERIA: list[dict[str, Any]] = [
    {"measure": "INSTANCES", "operation": "AT_LEAST", "reference": "2"},
    {
        "any": [
            {"measure": "AGE", "operation": "GREATER", "reference": "040Y"},
            {"measure": "SERIES", "scope": "PATIENT", "operation": "EQUALS", "reference": "1"},
            {"measure": "FRAMES", "operation": "GREATER", "reference": "2"},
            {"measure": "SPACING", "operation": "LESS", "reference": "2"},
        ],
        "name": "old or alone",
    },
    {"measure": "AGE", "operation": "LESS", "reference": "090Y"},
]


def run(home: Path, *arguments: str) -> str:
    done = run_command(*arguments, home=home, DICOM_SIEVE_DATABASE_URL=f"sqlite:///{home / 'ledger.db'}")
    assert done.returncode == 0, done.stderr
    return done.stdout


def screened(tmp_path: Path) -> Path:
    """Screen a directory with a patient, whose age is told by dates."""
    objects = tmp_path / "objects"
    objects.mkdir()
    for number in "12":
        born = {"PatientID": "1", "PatientBirthDate": "19600229", "StudyDate": "20220228"}
        (objects / f"{number}.dcm").write_bytes(ct(uid=f"1.2.{number}", **born))
    (tmp_path / "criteria.json").write_text(json.dumps(CRITERIA))
    run(tmp_path, "screen", str(objects), "--criteria", str(tmp_path / "criteria.json"))
    return objects


def test_check_reads_measures_back_as_sentences(tmp_path: Path) -> None:
    (tmp_path / "criteria.json").write_text(json.dumps(CRITERIA))

    said = run(tmp_path, "check", str(tmp_path / "criteria.json"))

    assert said.splitlines()[0] == "An instance passes when number of instances of its series is at least 2,"
    assert "and age is younger than 090Y." in said


def test_trace_tells_what_was_measured_of_the_series_and_of_an_age_what_it_comes_from(tmp_path: Path) -> None:
    screened(tmp_path)

    said = run(tmp_path, "trace", "1.dcm").splitlines()

    [told] = json.loads(run(tmp_path, "trace", "1.dcm", "--json"))["objects"]
    [judged] = told["decisions"]

    assert judged["measured"] == {"INSTANCES": "2", "FRAMES": "2", "SPACING": None}
    assert said[-7:] == [
        "  number of instances of its series is at least 2: MET, value 2",
        "  old or alone: MET",
        "    age is older than 040Y: MET, from Birth Date to Study Date",
        "    number of series of its patient is 1: not recorded by itself",
        "    number of frames of its series is greater than 2: NOT_MET, value 2",
        "    spacing of slices of its series is less than 2 mm: ABSENT, value absent",
        "  age is younger than 090Y: MET, from Birth Date to Study Date",
    ]


def test_report_show_and_compare_know_measures(tmp_path: Path) -> None:
    objects = screened(tmp_path)
    [only] = json.loads(run(tmp_path, "runs", "--json"))
    other = [CRITERIA[0] | {"reference": "3"}]
    (tmp_path / "other.json").write_text(json.dumps(other))

    shown = json.loads(run(tmp_path, "show", only["id"], "--json"))
    compared = run(tmp_path, "compare", only["id"], str(tmp_path / "other.json"))
    previewed = run(tmp_path, "preview", str(objects), "--criteria", str(tmp_path / "other.json"))

    assert shown["criteria"] == CRITERIA
    assert "B1 NOT_MET 2" in compared
    assert "Preview: 0 of 2 instances would pass" in previewed
    report = run(tmp_path, "report", only["id"])
    assert "Left after criterion 1" in report
    assert report.count("Values are counted for criteria on one attribute at the top level alone.") == len(CRITERIA)
    assert "that meet it" not in report
    assert "number of instances of its series" in run(tmp_path, "report", only["id"], "--format", "html")
