"""The commands that keep criteria under a name, and that use them."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import run_command
from tests.support.builders import make_instance

IS_CT = {"dicom_tag": "Modality", "operation": "EQUALS", "reference": "CT"}
THIN = {"dicom_tag": "SliceThickness", "operation": "AT_MOST", "reference": "5 mm"}
FEMALE = {"dicom_tag": "PatientSex", "operation": "EQUALS", "reference": "F"}
FIRST, SECOND = [IS_CT, THIN], [IS_CT, {**THIN, "reference": "3 mm"}, FEMALE]
NAME = "thin-axial-ct"


class Home:
    """A folder with images, files of criteria and a ledger."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.images = folder / "images"
        self.images.mkdir()
        for number, thickness in enumerate(("2", "4", "8")):
            data = make_instance(
                series_instance_uid=f"1.5.{number}", Modality="CT", SliceThickness=thickness, PatientSex="F"
            )
            (self.images / f"{number}.dcm").write_bytes(data)

    def file(self, name: str, criteria: Any) -> str:
        (path := self.folder / f"{name}.json").write_text(json.dumps(criteria))
        return str(path)

    def ask(self, *arguments: str) -> str:
        done = run_command(*arguments, home=self.folder)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def told(self, *arguments: str) -> Any:
        return json.loads(self.ask(*arguments, "--json"))

    def refused(self, *arguments: str) -> tuple[int, str]:
        done = run_command(*arguments, home=self.folder)
        assert done.stdout == ""
        return done.returncode, done.stderr

    def save(self, criteria: Any, *more: str) -> str:
        return self.ask("criteria", "save", NAME, "--criteria", self.file("saved", criteria), *more)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Three CT series, and two versions of criteria; nothing is screened."""
    made = Home(tmp_path_factory.mktemp("home"))
    assert made.ask("criteria", "list").startswith("no criteria saved yet; ")
    assert made.told("criteria", "list") == []
    assert made.save(FIRST, "--note", "first go") == f"saved {NAME}, version 1\n"
    assert made.save(SECOND) == f"saved {NAME}, version 2\n"
    return made


def test_saving_the_same_again_says_so(home: Home) -> None:
    assert home.save(SECOND) == f"not saved: {NAME}, version 2, asks the same; its note stays as it is\n"

    told = json.loads(home.save(SECOND, "--json"))

    assert (told["name"], told["version"], told["is_new"]) == (NAME, 2, False)
    assert [saved["version"] for saved in home.told("criteria", "list")] == [2]


def test_the_list_shows_the_newest_version(home: Home) -> None:
    lines = home.ask("criteria", "list").splitlines()

    assert lines[0].split() == ["name", "version", "saved", "criteria", "note"]
    assert [line.split()[:2] + line.split()[-2:] for line in lines[1:]] == [[NAME, "2", "3", "-"]]


def test_a_version_is_shown_in_sentences_and_as_a_file_of_criteria(home: Home) -> None:
    shown = home.ask("criteria", "show", f"{NAME}@1")
    told = home.told("criteria", "show", NAME)

    assert shown.startswith(f"{NAME}, version 1, saved 20")
    assert "note       first go\n" in shown
    assert shown.endswith(
        "An instance passes when Modality (0008,0060) is CT,\nand SliceThickness (0018,0050) is at most 5 mm.\n"
    )
    assert told["version"] == 2
    assert home.save(told) == f"not saved: {NAME}, version 2, asks the same; its note stays as it is\n"


@pytest.mark.parametrize("which", [(f"{NAME}@1", NAME), (NAME, "1", "2"), (f"{NAME}@1", f"{NAME}@2")])
def test_a_difference_is_told_in_sentences(home: Home, which: tuple[str, ...]) -> None:
    said = home.ask("criteria", "diff", *which)
    told = home.told("criteria", "diff", *which)

    assert said.splitlines() == [
        f"from {NAME}, version 1, to {NAME}, version 2:",
        "added    PatientSex (0010,0040) is F",
        "changed  SliceThickness (0018,0050) is at most 5 mm",
        "     to  SliceThickness (0018,0050) is at most 3 mm",
    ]
    assert (told["before"], told["after"], told["removed"]) == (f"{NAME}@1", f"{NAME}@2", [])
    assert [item["describe"] for item in told["added"]] == ["PatientSex (0010,0040) is F"]
    assert [item["after"]["reference"] for item in told["changed"]] == ["3 mm"]


def test_a_difference_of_none_is_said(home: Home) -> None:
    assert home.ask("criteria", "diff", NAME, f"{NAME}@2").splitlines()[1:] == ["both ask the same"]


def test_a_run_by_name_is_shown_wherever_its_criteria_are(home: Home) -> None:
    output = home.folder / "results"
    screened = home.told("screen", str(home.images), "--criteria", f"@{NAME}@1", "--output", str(output))
    run = screened["run_id"]

    history = home.told("criteria", "history", NAME)
    manifest = json.loads((output / run / "manifest.json").read_text())
    report = json.loads((output / run / "report.json").read_text())
    [row] = home.told("runs")
    said = f"{NAME}, version 1"

    assert screened["counts"]["passed"] == 2
    assert [(version["version"], [used["id"] for used in version["runs"]]) for version in history] == [
        (2, []),
        (1, [run]),
    ]
    assert f"run        {run} COMPLETED, " in home.ask("criteria", "history", NAME)
    for told in (row, manifest, report["run"]):
        assert (told["criteria_name"], told["criteria_version"]) == (NAME, 1)
    assert f"criteria   {said}\n" in home.ask("show", run)
    assert f"  criteria {said}\n" in home.ask("trace", "0.dcm")
    assert f"Saved as {said}." in (output / run / "report.md").read_text()
    assert f"Saved as {said}." in (output / run / "report.html").read_text()
    assert home.ask("verify").startswith("intact: 1 sealed runs, ")
    assert "2 versions of criteria" in home.ask("verify", "--manifest", str(output / run / "manifest.json"))


def test_a_name_stands_wherever_a_file_of_criteria_does(home: Home) -> None:
    previewed = home.told("preview", str(home.images), "--criteria", f"@{NAME}")
    compared = home.told("compare", f"@{NAME}@1", f"@{NAME}", "--location", str(home.images))

    assert previewed["counts"]["passed"] == 1
    assert {side: told["name"] for side, told in compared["sides"].items()} == {"A": f"{NAME}@1", "B": f"{NAME}@2"}
    assert [series["series_instance_uid"] for series in compared["series"]] == ["1.5.1"]
    assert home.ask("check", f"@{NAME}@1").startswith("An instance passes when Modality (0008,0060) is CT,\n")


@pytest.mark.parametrize(
    ("arguments", "code", "why"),
    [
        (("criteria", "show", "thin-axial"), 1, f"no criteria 'thin-axial' in this ledger, perhaps '{NAME}'; "),
        (("criteria", "show", f"{NAME}@7"), 1, f"criteria '{NAME}' have no version 7 in this ledger; accepted: 1 to 2"),
        (("criteria", "show", "a b"), 2, "NAME: 'a b' is no name of criteria; accepted: 1 to 64 of "),
        (("criteria", "show", f"{NAME}@x"), 2, "NAME: 'x' is no version; accepted: a number from 1"),
        (("criteria", "diff", NAME, "1", "x"), 2, "VERSION: 'x' is no version; accepted: a number from 1"),
        (("criteria", "history", "none"), 1, "no criteria 'none' in this ledger"),
        (("check", "@none"), 1, "no criteria 'none' in this ledger"),
        (("check", "@a b"), 2, "@a b: 'a b' is no name of criteria; accepted: "),
        (("screen", "/nowhere", "--criteria", f"@{NAME}@9"), 1, f"criteria '{NAME}' have no version 9"),
    ],
)
def test_what_is_not_there_is_said(home: Home, arguments: tuple[str, ...], code: int, why: str) -> None:
    left, said = home.refused(*arguments)

    assert (left, said.startswith(f"dicom-sieve: {why}")) == (code, True), said


@pytest.mark.parametrize(
    ("name", "criteria", "note", "why"),
    [
        ("../x", FIRST, "", "NAME: '../x' is no name of criteria"),
        ("x", [{**IS_CT, "operation": "GREATER"}], "", "criteria[0]: Modality (0008,0060) is a Code String (CS)"),
        ("x", [], "", "criteria: "),
        ("x", FIRST, "two\nlines", "note: not accepted; accepted: one line of 500 characters at most"),
    ],
)
def test_what_makes_no_sense_is_not_saved(home: Home, name: str, criteria: Any, note: str, why: str) -> None:
    code, said = home.refused("criteria", "save", name, "--criteria", home.file("wrong", criteria), "--note", note)

    assert (code, said.startswith(f"dicom-sieve: {why}")) == (2, True), said
    assert [saved["name"] for saved in home.told("criteria", "list")] == [NAME]
