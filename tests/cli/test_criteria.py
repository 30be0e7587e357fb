"""The commands for who tries criteria: preview, compare, values; what they print is inert, and can be piped."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import run_command
from tests.support.builders import make_instance

IS_CT = [{"dicom_tag": "Modality", "operation": "EQUALS", "reference": "CT"}]
IS_MR = [{"dicom_tag": "Modality", "operation": "EQUALS", "reference": "MR"}]
HOSTILE = ["=1+1", "+1", "-1", "@A1", "\t=1", "\r=1", "a|b", "\x1b[2J[red]", '"quoted",']


class Home:
    """A folder with images, criteria and a ledger."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.images = folder / "images"
        self.images.mkdir()
        for name, criteria in (("ct", IS_CT), ("mr", IS_MR)):
            (folder / f"{name}.json").write_text(json.dumps(criteria))

    def put(self, key: str, **attributes: Any) -> None:
        (self.images / key).write_bytes(make_instance(**attributes))

    def ask(self, *arguments: str) -> str:
        done = run_command(*arguments, home=self.folder)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def refused(self, *arguments: str) -> tuple[int, str]:
        done = run_command(*arguments, home=self.folder)
        assert done.stdout == ""
        return done.returncode, done.stderr

    def criteria(self, name: str) -> str:
        return str(self.folder / f"{name}.json")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Two CT, one MR and one that is no DICOM, never screened."""
    made = Home(tmp_path_factory.mktemp("home"))
    for number, modality in enumerate(("CT", "CT", "MR")):
        series = "1.5.1" if modality == "CT" else "1.5.2"
        made.put(f"{number}.dcm", series_instance_uid=series, SOPInstanceUID=f"1.6.{number}", Modality=modality)
    (made.images / "notes.txt").write_text("not an image")
    return made


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Values, and a series, that a terminal or a spreadsheet may take for something else."""
    made = Home(tmp_path_factory.mktemp("hostile"))
    for number, value in enumerate(HOSTILE):
        made.put(
            f"{number}.dcm",
            series_instance_uid=None,
            SeriesInstanceUID=value,
            SOPInstanceUID=f"1.6.{number}",
            Modality=value,
        )
    made.ask("preview", str(made.images), "--criteria", made.criteria("ct"))
    return made


def test_a_preview_leaves_no_run_and_answers_again_without_listing(home: Home) -> None:
    images = str(home.images)
    code, why = home.refused("preview", images, "--criteria", home.criteria("ct"), "--no-listing")
    assert (code, why.partition("; ")[0]) == (1, f"dicom-sieve: the ledger holds nothing of {images}")
    assert why.endswith("; 'dicom-sieve preview' without --no-listing, or a run, lists it first\n")

    said = home.ask("preview", images, "--criteria", home.criteria("ct"))
    again = json.loads(home.ask("preview", images, "--criteria", home.criteria("mr"), "--no-listing", "--json"))

    assert "Preview: 2 of 4 instances would pass in 1 whole series" in said
    assert "criterion 1: Modality (0008,0060) is CT  NOT_MET          1" in said
    assert again["counts"]["series"] == {"NONE": 1, "WHOLE": 1}
    assert again["counts"]["passed"] == 1
    assert "no runs yet" in home.ask("runs")


def test_a_preview_says_what_is_worth_a_look_about_its_criteria(home: Home, tmp_path: Path) -> None:
    asked = [{"dicom_tag": "PatientSex", "operation": "EQUALS", "reference": "FEMALE"}]
    (file := tmp_path / "criteria.json").write_text(json.dumps(asked))
    warning = "Criterion 1: FEMALE is no value of PatientSex (0010,0040)"

    said = home.ask("preview", str(home.images), "--criteria", str(file))
    told = json.loads(home.ask("preview", str(home.images), "--criteria", str(file), "--json"))

    assert said.splitlines()[-1].startswith(f"warning: {warning}")
    assert [text.partition(": PS3.3")[0] for text in told["warnings"]] == [warning]


def test_two_files_of_criteria_are_compared_where_the_location_says(home: Home) -> None:
    home.ask("preview", str(home.images), "--criteria", home.criteria("ct"))
    asked = ("compare", home.criteria("ct"), home.criteria("mr"))

    code, why = home.refused(*asked)
    answer = json.loads(home.ask(*asked, "--location", str(home.images), "--json"))
    rows = list(csv.DictReader(io.StringIO(home.ask(*asked, "--location", str(home.images), "--csv"))))
    text = home.ask(*asked, "--location", str(home.images))

    assert (code, "where are two files of criteria" in why) == (2, True)
    assert [(series["change"], series["series_instance_uid"]) for series in answer["series"]] == [
        ("OUT", "1.5.1"),
        ("IN", "1.5.2"),
    ]
    assert answer["summary"]["passed"] == {"A": 2, "B": 1}
    assert [(row["change"], row["a_selection"], row["b_passed"], row["reasons"]) for row in rows] == [
        ("OUT", "WHOLE", "0", "B1 NOT_MET 2"),
        ("IN", "NONE", "1", "A1 NOT_MET 1"),
    ]
    assert "OUT      1.5.1  WHOLE 2/2 -> NONE 0/2  B1 NOT_MET 2\n" in text
    assert "B1: Modality (0008,0060) is MR  NOT_MET          2" in text


def test_a_run_is_compared_with_a_file_and_refuses_another_location(home: Home) -> None:
    run = json.loads(home.ask("screen", str(home.images), "--criteria", home.criteria("ct"), "--json"))["run_id"]

    answer = json.loads(home.ask("compare", run[:8], home.criteria("mr"), "--json"))
    code, why = home.refused("compare", run, home.criteria("mr"), "--location", str(home.images))

    assert answer["sides"]["A"]["name"] == run
    assert answer["summary"]["went_out"] == 2
    assert (code, "a run has its own" in why) == (2, True)


def test_a_directory_is_found_whatever_server_the_shell_has_for_buckets(home: Home) -> None:
    home.ask("preview", str(home.images), "--criteria", home.criteria("ct"))

    done = run_command("values", str(home.images), home=home.folder, AWS_ENDPOINT_URL="http://127.0.0.1:9")

    assert done.returncode == 0, done.stderr


def test_values_tell_what_there_is_to_ask_for(home: Home) -> None:
    home.ask("preview", str(home.images), "--criteria", home.criteria("ct"))

    overview = json.loads(home.ask("values", str(home.images), "--json"))
    by_tag = json.loads(home.ask("values", str(home.images), "0008,0060", "--json"))
    text = home.ask("values", str(home.images), "Modality", "--min-cell", "2")
    limited = json.loads(home.ask("values", str(home.images), "(0008,0060)", "--limit", "1", "--json"))

    modality = {
        "keyword": "Modality",
        "tag": "0008,0060",
        "vr": "CS",
        "present": 3,
        "empty": 0,
        "absent": 0,
        "values": 2,
        "unreached": 0,
    }
    assert overview["instances"] == 3
    assert [attribute for attribute in overview["attributes"] if attribute["keyword"] == "Modality"] == [modality]
    assert [attribute["tag"] for attribute in overview["attributes"]] == sorted(
        attribute["tag"] for attribute in overview["attributes"]
    )
    assert by_tag["values"] == [
        {"value": "CT", "instances": 2, "series": 1},
        {"value": "MR", "instances": 1, "series": 1},
    ]
    assert limited["values"] == by_tag["values"][:1]
    assert limited["other"] == {"values": 1, "instances": 1}
    assert "(other values: 1)          1" in text
    assert "MR" not in text


def test_values_of_a_vr_with_an_order_tell_how_they_spread(home: Home) -> None:
    home.put("dated", StudyDate="20200131")
    home.put("later", StudyDate="20231224")
    home.ask("preview", str(home.images), "--criteria", home.criteria("ct"))

    dates = json.loads(home.ask("values", str(home.images), "StudyDate", "--json"))
    codes = json.loads(home.ask("values", str(home.images), "Modality", "--json"))
    text = home.ask("values", str(home.images), "StudyDate")

    assert (dates["spread"]["minimum"], dates["spread"]["maximum"]) == ("20200131", "20231224")
    assert "spread" not in codes
    assert text.splitlines()[-1] == "from 20200131 to 20231224"


@pytest.mark.parametrize(
    ("name", "why"),
    [
        (
            "ModifiedAttributesSequence.PatientName",
            (
                "items of ModifiedAttributesSequence (0400,0550) are not kept; accepted: code sequences, and those of "
                "docs/criteria.md"
            ),
        ),
        ("0009,0010", "(0009,0010) is a private tag: it has no VR in the DICOM dictionary"),
        (
            "StudyDay",
            "'StudyDay' is no keyword of the DICOM dictionary; accepted: one as StudyDate, or a tag as 0008,0020",
        ),
    ],
)
def test_values_refuse_what_no_criterion_can_name(home: Home, name: str, why: str) -> None:
    assert home.refused("values", str(home.images), name) == (2, f"dicom-sieve: KEYWORD: {why}\n")


class TestHostileValues:
    def test_hostile_values_are_no_formulas_in_csv_and_no_other_cells(self, hostile: Home) -> None:
        printed = hostile.ask("values", str(hostile.images), "Modality", "--csv")

        rows = list(csv.reader(io.StringIO(printed)))
        assert rows[0] == ["value", "instances", "series"]
        assert {len(row) for row in rows} == {3}
        cells = {row[0] for row in rows[1:]}
        assert cells == {"'=1+1", "'+1", "'-1", "'@A1", "'\\t=1", "'\\r=1", "a|b", "\\x1b[2J[red]", '"quoted",'}

    @pytest.mark.parametrize("form", ["--csv", "--json", "--limit=50"])
    def test_hostile_values_say_nothing_to_a_terminal(self, hostile: Home, form: str) -> None:
        printed = hostile.ask("values", str(hostile.images), "Modality", form)

        assert not any(ord(character) < 32 for character in printed.replace("\n", ""))
        assert "[2J[red]" in printed

    def test_a_series_with_a_hostile_name_does_not_reach_the_terminal(self, hostile: Home) -> None:
        everything = [{"dicom_tag": "Modality", "operation": "IN", "reference": ["=1+1", "+1", "a|b", "@A1"]}]
        (hostile.folder / "all.json").write_text(json.dumps(everything))
        asked = ("compare", hostile.criteria("ct"), hostile.criteria("all"), "--location", str(hostile.images))

        rows = list(csv.DictReader(io.StringIO(hostile.ask(*asked, "--csv"))))

        assert {row["series_instance_uid"] for row in rows} == {"'=1+1", "'+1", "a|b", "'@A1"}
        assert not any(ord(character) < 32 for character in hostile.ask(*asked).replace("\n", ""))


def test_check_reads_groups_and_every_vr_and_warns_of_negations(tmp_path: Path) -> None:
    file = tmp_path / "criteria.json"
    thick = {"dicom_tag": "SliceThickness", "operation": "AT_MOST", "reference": "3"}
    negation = {"dicom_tag": "SeriesDescription", "operation": "NOT_CONTAINS", "reference": "scout"}
    file.write_text(json.dumps([{"any": [thick, negation], "name": "thin"}]), encoding="utf-8")

    ended = run_command("check", str(file), home=tmp_path)

    assert ended.returncode == 0
    assert "thin, that is at least one of these is so: (SliceThickness (0018,0050) is at most 3 mm; or" in ended.stdout
    assert "the reference has no unit: it is read as mm; write it, as 3 mm." in ended.stdout
    assert "a negation without if_absent: where SeriesDescription (0008,103E) is absent or empty" in ended.stdout
