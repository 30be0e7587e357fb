"""What the command says of an INCOMPLETE run, and of one in which nothing is listed."""

import json
from pathlib import Path

import pytest

from tests.cli.command import run_command
from tests.flows import planted
from tests.stores.small_s3 import denies_reads, small_s3
from tests.support.builders import make_instance

OBJECTS = {f"{number}.dcm": make_instance(SOPInstanceUID=f"1.2.{number}", Modality="CT") for number in (1, 2, 3)}
OWN = {"AWS_ACCESS_KEY_ID": "own-id", "AWS_SECRET_ACCESS_KEY": "own-key", "DICOM_SIEVE_READ_ATTEMPTS": "1"}


@pytest.fixture
def criteria(tmp_path: Path) -> Path:
    file = tmp_path / "criteria.json"
    file.write_text(json.dumps(planted.IS_CT))
    return file


def test_an_incomplete_run_says_why_and_show_lists_it(criteria: Path, tmp_path: Path) -> None:
    with small_s3(OBJECTS, denies_reads(400, "ExpiredToken")) as server:
        asked = ("s3://bucket", "--criteria", str(criteria), "--endpoint", server.endpoint)

        done = run_command("screen", *asked, home=tmp_path, **OWN)
    (row,) = json.loads(run_command("runs", "--json", home=tmp_path).stdout)
    shown = run_command("show", row["id"], home=tmp_path)
    as_json = json.loads(run_command("show", row["id"], "--json", home=tmp_path).stdout)

    assert done.returncode == 1
    said = "3 ExpiredToken (HTTP 400); the credentials have expired: give new ones; they are named by"
    assert said in done.stderr
    lines = shown.stdout.splitlines()
    place = next(number for number, line in enumerate(lines) if line.startswith("not read because"))
    assert lines[place].split() == ["not", "read", "because", "objects", "what", "to", "do"]
    assert lines[place + 1].split("  ")[0] == "ExpiredToken (HTTP 400)"
    assert lines[place + 1].endswith("3  the credentials have expired: give new ones")
    assert lines[-4:] == ["not read:", "  1.dcm", "  2.dcm", "  3.dcm"]
    assert as_json["counts"]["unread_causes"] == {"ExpiredToken (HTTP 400)": 3}
    assert as_json["unread"] == ["1.dcm", "2.dcm", "3.dcm"]


@pytest.mark.parametrize("command", ["screen", "preview"])
def test_where_nothing_is_listed_the_prefix_is_looked_at(command: str, criteria: Path, tmp_path: Path) -> None:
    with small_s3(OBJECTS) as server:
        asked = ("--criteria", str(criteria), "--endpoint", server.endpoint)

        done = run_command(command, "s3://bucket/*.dcm", *asked, home=tmp_path, **OWN)

    assert done.returncode == 0
    assert "nothing is listed: no key begins with the prefix; it looks like a pattern" in done.stdout
