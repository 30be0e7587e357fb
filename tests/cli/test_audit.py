"""What an auditor meets on the command line: verify, forget."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from dicom_sieve import open_ledger
from tests.cli.command import run_command
from tests.ledger.vandal import vandal
from tests.support.builders import make_instance

CRITERIA = [{"dicom_tag": "Modality", "operation": "EQUALS", "reference": "CT"}]
Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with images and a ledger in which they were screened twice, once published."""
    images = tmp_path / "images"
    images.mkdir()
    for number in range(3):
        made = make_instance(SOPInstanceUID=f"1.6.{number}", Modality="CT", PatientBirthDate="19330303")
        (images / f"{number}.dcm").write_bytes(made)
    (tmp_path / "criteria.json").write_text(json.dumps(CRITERIA))
    screen = ("screen", str(images), "--criteria", str(tmp_path / "criteria.json"))
    assert run_command(*screen, home=tmp_path).returncode == 0
    assert run_command(*screen, "--output", str(tmp_path / "published"), home=tmp_path).returncode == 0
    return tmp_path


@pytest.fixture
def command(home: Path) -> Command:
    return lambda *arguments: run_command(*arguments, home=home)


def edit(home: Path, statement: str) -> None:
    with open_ledger(f"sqlite:///{home / '.dicom-sieve' / 'ledger.db'}") as ledger, vandal(ledger) as connection:
        connection.execute(sa.text(statement))


def run_ids(command: Command) -> list[str]:
    """Give the ids of the runs, the oldest first."""
    return [row["id"] for row in reversed(json.loads(command("runs", "--json").stdout))]


def manifest_of(home: Path, command: Command) -> Path:
    return home / "published" / run_ids(command)[1] / "manifest.json"


class TestVerify:
    def test_verify_says_that_all_is_intact_and_what_was_looked_at(self, command: Command) -> None:
        done = command("verify")

        assert done.returncode == 0
        assert done.stdout.startswith("intact: 2 sealed runs, 2 decisions, 1 headers, 3 objects, 0 computations\n")
        assert run_ids(command)[1] in done.stdout.splitlines()[-1]

    def test_verify_looks_at_one_run(self, command: Command) -> None:
        done = command("verify", run_ids(command)[0][:8])

        assert done.returncode == 0
        assert done.stdout.startswith("intact: 1 sealed runs, 1 decisions")

    def test_verify_names_what_was_edited_and_fails(self, home: Path, command: Command) -> None:
        edit(home, "UPDATE outcome SET verdict = 'DISCARDED' WHERE run_number = 1")
        edit(home, "UPDATE object SET etag = 'x' WHERE id = 2")

        done = command("verify")

        assert done.returncode == 1
        assert done.stdout.splitlines()[:4] == [
            "object 2 (instance 1.6.1) was edited",
            f"run {run_ids(command)[0]}: outcome 0 of its palette 0 was edited",
            "",
            (
                "NOT intact: 2 rows are not as they were sealed; "
                "looked at 2 sealed runs, 2 decisions, 1 headers, 3 objects, 0 computations"
            ),
        ]
        assert "19330303" not in done.stdout + done.stderr

    def test_verify_gives_json_to_a_program(self, home: Path, command: Command) -> None:
        edit(home, "UPDATE outcome SET verdict = 'DISCARDED' WHERE run_number = 1")

        done = command("verify", "--json")

        answer = json.loads(done.stdout)
        assert done.returncode == 1
        assert answer["is_intact"] is False
        [damage] = answer["damages"]
        assert {name: damage[name] for name in ("kind", "table", "row", "run_id", "uid")} == {
            "kind": "EDITED",
            "table": "outcome",
            "row": 0,
            "run_id": run_ids(command)[0],
            "uid": None,
        }

    def test_an_unknown_run_is_an_error(self, command: Command) -> None:
        done = command("verify", "no-such-run")

        assert done.returncode == 1
        assert done.stderr.startswith("dicom-sieve: no run 'no-such-run' in this ledger")


class TestVerifyAgainstAManifest:
    def test_verify_against_a_manifest_is_intact_where_the_ledger_says_what_was_published(
        self, home: Path, command: Command
    ) -> None:
        done = command("verify", "--manifest", str(manifest_of(home, command)))

        assert done.returncode == 0
        assert done.stdout.startswith("intact: 1 sealed runs")

    def test_verify_against_a_manifest_finds_a_ledger_in_which_all_was_sealed_anew(
        self, home: Path, command: Command
    ) -> None:
        manifest = manifest_of(home, command)
        copy = home / "copy.json"
        copy.write_bytes(manifest.read_bytes())
        (home / ".dicom-sieve" / "ledger.db").unlink()
        (home / "images" / "0.dcm").write_bytes(make_instance(SOPInstanceUID="1.6.0", Modality="MR"))
        content = json.loads(manifest.read_text())
        screen = ("screen", str(home / "images"), "--criteria", str(home / "criteria.json"))
        assert command(*screen).returncode == 0
        assert command(*screen, "--output", str(home / "again")).returncode == 0
        number = "(SELECT max(number) FROM run)"
        edit(home, f"UPDATE run SET id = '{content['run_id']}' WHERE number = {number}")
        edit(home, f"UPDATE run SET manifest_digest = '{content['digest']}' WHERE number = {number}")

        done = command("verify", "--manifest", str(copy))

        assert done.returncode == 1
        assert done.stdout.splitlines()[:3] == [
            "the seal of the run before it in the ledger: not what was published",
            "its decisions in the ledger: not what was published",
            "the manifest is of another ledger, or this one was made again",
        ]

    def test_verify_against_a_manifest_finds_a_manifest_that_was_edited(self, home: Path, command: Command) -> None:
        content = json.loads(manifest_of(home, command).read_text())
        content["counts"]["passed"] += 1
        (home / "edited.json").write_text(json.dumps(content))

        done = command("verify", "--manifest", str(home / "edited.json"))

        assert done.returncode == 1
        assert done.stdout.splitlines()[0] == (
            "the manifest is not as it was written: its digest is not that of its content"
        )

    @pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": "other", "run_id": "x"}'])
    def test_verify_against_a_manifest_refuses_what_is_no_manifest(
        self, home: Path, command: Command, text: str
    ) -> None:
        (home / "other.json").write_text(text)

        done = command("verify", "--manifest", str(home / "other.json"))

        assert done.returncode == 2
        assert done.stderr == f"dicom-sieve: {home / 'other.json'}: is not the manifest.json of a run\n"


class TestVerifyAgainstAnAnchor:
    @pytest.fixture
    def anchored(self, home: Path) -> Callable[..., "subprocess.CompletedProcess[str]"]:
        """The command, with an anchor that has the seals."""
        setting = {"DICOM_SIEVE_ANCHOR": f"file:{home / 'anchor'}"}
        assert run_command("anchor", home=home, **setting).stdout == f"5 seals pushed to file:{home / 'anchor'}\n"
        return lambda *arguments: run_command(*arguments, home=home, **setting)

    def test_verify_against_an_anchor_is_intact_where_the_ledger_is_as_it_was_pushed(
        self, home: Path, anchored: Command
    ) -> None:
        done = anchored("verify")

        assert done.returncode == 0
        assert "as the anchor says, by 5 seals" in done.stdout
        assert (home / "anchor").stat().st_mode & 0o777 == 0o600

    def test_verify_against_an_anchor_is_pushed_to_by_each_run_and_by_forgetting(
        self, home: Path, anchored: Command
    ) -> None:
        screen = ("screen", str(home / "images"), "--criteria", str(home / "criteria.json"))
        assert anchored(*screen).returncode == 0
        assert len((home / "anchor").read_text().splitlines()) == 6

        assert anchored("forget", str(home / "images"), "--reason", "x", "--yes").returncode == 0

        assert len((home / "anchor").read_text().splitlines()) == 8
        assert anchored("verify").returncode == 0

    def test_verify_against_an_anchor_finds_a_ledger_that_was_made_anew(
        self, home: Path, command: Command, anchored: Command
    ) -> None:
        (home / ".dicom-sieve" / "ledger.db").unlink()
        assert command("screen", str(home / "images"), "--criteria", str(home / "criteria.json")).returncode == 0

        done = command("verify", "--anchor", f"file:{home / 'anchor'}", "--json")

        assert done.returncode == 1
        answer = json.loads(done.stdout)
        assert (answer["is_intact"], answer["damages"], len(answer["anchor"]["differences"])) == (False, [], 2)
        assert command("verify").returncode == 0

    def test_verify_against_an_anchor_needs_a_place(self, command: Command) -> None:
        for arguments in (("anchor",), ("verify", "--anchor", "somewhere")):
            done = command(*arguments)
            assert done.returncode == 2
            assert "accepted: file:/path or s3://bucket/prefix" in done.stderr


class TestVerifyOfAFreshLedger:
    def test_verify_of_a_fresh_ledger_says_that_there_is_nothing_and_leaves_with_a_code_of_its_own(
        self, tmp_path: Path
    ) -> None:
        assert run_command("runs", home=tmp_path).returncode == 0

        done = run_command("verify", home=tmp_path)

        assert done.returncode == 3
        assert done.stdout.startswith("nothing to verify: no run has ended in this ledger\n")

    def test_verify_of_a_fresh_ledger_makes_none(self, tmp_path: Path) -> None:
        done = run_command("verify", home=tmp_path)

        assert done.returncode == 1
        assert done.stderr == f"dicom-sieve: the ledger {tmp_path / '.dicom-sieve' / 'ledger.db'} is not there\n"
        assert not (tmp_path / ".dicom-sieve").exists()


class TestForget:
    def test_forget_removes_a_location_and_verify_says_so(self, home: Path, command: Command) -> None:
        done = command("forget", str(home / "images"), "--reason", "retention is over", "--yes")

        assert done.returncode == 0
        said = {tuple(line.rsplit(maxsplit=1)) for line in done.stdout.splitlines()}
        assert {("runs", "2"), ("decisions", "2"), ("snapshots", "2"), ("objects", "3"), ("headers", "1")} <= said
        assert json.loads(command("runs", "--json").stdout) == []
        assert command("trace", "0.dcm").returncode == 1
        verified = command("verify")
        assert verified.returncode == 0
        assert "was forgotten on" in verified.stdout
        assert verified.stdout.rstrip().endswith(": retention is over")
        assert manifest_of_any(home).exists()

    def test_forget_removes_nothing_where_the_answer_is_no(self, home: Path, command: Command) -> None:
        done = command("forget", str(home / "images"), "--reason", "x")

        assert done.returncode == 1
        assert len(json.loads(command("runs", "--json").stdout)) == 2

    @pytest.mark.parametrize(
        ("setting", "words"),
        [
            ({"DICOM_SIEVE_ANCHOR_CREDENTIALS": "nocolon"}, "_CREDENTIALS: not of the form key_id:access_key"),
            ({"DICOM_SIEVE_ANCHOR_ENDPOINT": "ftp://host"}, "_ENDPOINT: is no http or https URL"),
        ],
    )
    def test_forget_removes_nothing_where_the_anchor_cannot_be_opened(
        self, home: Path, command: Command, setting: dict[str, str], words: str
    ) -> None:
        forget = ("forget", str(home / "images"), "--reason", "x", "--yes")

        done = run_command(*forget, home=home, DICOM_SIEVE_ANCHOR="s3://seals", **setting)

        assert done.returncode == 2
        assert done.stdout == ""
        assert f"DICOM_SIEVE_ANCHOR{words}" in done.stderr
        assert len(json.loads(command("runs", "--json").stdout)) == 2

    def test_an_unknown_location_is_an_error(self, command: Command) -> None:
        done = command("forget", "s3://nowhere/at/all", "--reason", "x", "--yes")

        assert done.returncode == 1
        assert done.stderr == (
            "dicom-sieve: the ledger holds nothing of s3://nowhere/at/all; 'dicom-sieve runs' shows locations\n"
        )


def manifest_of_any(home: Path) -> Path:
    return next((home / "published").glob("*/manifest.json"))


@pytest.mark.parametrize("name", ["anchor", "verify", "forget"])
def test_every_command_has_an_example(command: Command, name: str) -> None:
    assert "Example" in command(name, "--help").stdout
