"""Rules of other tools on the command line: criteria go to stdout, what they leave out to stderr."""

import json
from pathlib import Path

import pytest

from tests.cli.command import run_command

CONFIG = {
    "descriptions": [
        {"datatype": "anat", "suffix": "T1w", "criteria": {"SeriesDescription": "*T1*"}},
        {"datatype": "anat", "suffix": "T2w", "criteria": {"SeriesDescription": "*T2*", "SidecarFilename": "007*"}},
        {"datatype": "fmap", "suffix": "fmap", "criteria": {"SidecarFilename": "*e4*"}},
    ]
}
T1 = {"dicom_tag": "SeriesDescription", "operation": "CONTAINS", "reference": "T1", "case": "EXACT"}
T2 = {**T1, "reference": "T2"}
NAME_OF_FILE = "it is the name of a file that dcm2niix writes, and no attribute"


@pytest.fixture
def config(tmp_path: Path) -> str:
    (file := tmp_path / "config.json").write_text(json.dumps(CONFIG))
    return str(file)


def test_criteria_of_all_rules_can_be_kept_in_a_file_and_checked(config: str, tmp_path: Path) -> None:
    done = run_command("check", "--from", "dcm2bids", config, home=tmp_path)
    (file := tmp_path / "criteria.json").write_text(done.stdout)
    checked = run_command("check", str(file), home=tmp_path)

    assert done.returncode == checked.returncode == 0
    assert json.loads(done.stdout) == [{"any": [{"all": [T1], "name": "anat_T1w"}, {"all": [T2], "name": "anat_T2w"}]}]
    assert done.stderr.splitlines() == [
        "anat_T2w: said in part: more passes than the rule takes",
        f'  SidecarFilename "007*": {NAME_OF_FILE}',
        "fmap_fmap: not said",
        f'  SidecarFilename "*e4*": {NAME_OF_FILE}',
        "3 rules: 1 said whole, 1 in part, 1 not at all",
    ]
    assert "anat_T1w" in checked.stdout


def test_one_rule_is_picked_by_its_name(config: str, tmp_path: Path) -> None:
    done = run_command("check", "--from", "dcm2bids", config, "--rule", "anat_T1w", home=tmp_path)

    assert json.loads(done.stdout) == [T1]
    assert done.stderr == "1 rule: 1 said whole, 0 in part, 0 not at all\n"


def test_each_rule_is_listed_as_json_with_what_it_leaves_out(config: str, tmp_path: Path) -> None:
    done = run_command("check", "--from", "dcm2bids", config, "--json", home=tmp_path)

    assert json.loads(done.stdout) == [
        {"name": "anat_T1w", "criteria": [T1], "left_out": []},
        {"name": "anat_T2w", "criteria": [T2], "left_out": [f'SidecarFilename "007*": {NAME_OF_FILE}']},
        {"name": "fmap_fmap", "criteria": [], "left_out": [f'SidecarFilename "*e4*": {NAME_OF_FILE}']},
    ]
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--rule", "anat_T3w"), "has no rule 'anat_T3w', perhaps 'anat_T2w'; accepted: 'anat_T1w', 'anat_T2w', "),
        (
            ("--rule", "fmap_fmap"),
            f"rule 'fmap_fmap' cannot be said in criteria: SidecarFilename \"*e4*\": {NAME_OF_FILE}",
        ),
    ],
)
def test_rule_that_is_not_there_or_not_said_is_refused(
    config: str, arguments: tuple[str, ...], why: str, tmp_path: Path
) -> None:
    done = run_command("check", "--from", "dcm2bids", config, *arguments, home=tmp_path)

    assert (done.returncode, done.stdout) == (2, "")
    assert why in done.stderr


def test_file_is_named_in_what_is_wrong_with_it(config: str, tmp_path: Path) -> None:
    other = run_command("check", "--from", "monai", config, home=tmp_path)
    missing = run_command("check", "--from", "monai", str(tmp_path / "none.json"), home=tmp_path)
    (binary := tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    no_text = run_command("check", "--from", "ctp", str(binary), home=tmp_path)

    assert other.stderr.startswith(
        f"dicom-sieve: {config}: has no selections; accepted: selection rules of MONAI Deploy"
    )
    assert missing.stderr == f"dicom-sieve: {tmp_path / 'none.json'}: cannot be read: No such file or directory\n"
    assert no_text.stderr == f"dicom-sieve: {binary}: is not UTF-8 text, or longer than is read; accepted: a text\n"
    assert other.returncode == missing.returncode == no_text.returncode == 2


def test_tool_that_is_not_known_and_rule_without_a_tool_are_refused(config: str, tmp_path: Path) -> None:
    unknown = run_command("check", "--from", "heudiconv", config, home=tmp_path)
    without = run_command("check", config, "--rule", "a", home=tmp_path)

    assert (unknown.returncode, without.returncode) == (2, 2)
    assert "accepted: dcm2bids, bidscoin, mercure, monai, ctp, pixl" in " ".join(
        unknown.stderr.replace("│", " ").split()
    )
    assert "--from" in without.stderr


def test_names_from_a_file_do_no_harm_to_a_terminal(tmp_path: Path) -> None:
    (file := tmp_path / "rules.json").write_text(
        json.dumps({"selections": [{"name": "\x1b[2J", "conditions": {"Modality": ["CT"]}}]})
    )

    done = run_command("check", "--from", "monai", str(file), home=tmp_path)

    assert "\x1b" not in done.stderr
    assert "\\x1b[2J: not said" in done.stderr
