"""What passed, brought to disk by the command: from a directory and from S3, with a summary and an exit code."""

import json
from pathlib import Path

import pytest

from dicom_sieve import open_ledger
from tests.cli.command import run_command
from tests.conftest import S3Server
from tests.screening.screenings import ct, mr, screen_ct
from tests.stores.buckets import fill

OBJECTS = {
    "a/1": ct("1.5.1", "1.6.1"),
    "a/2": ct("1.5.1", "1.6.2"),
    "b/1": ct("1.5.2", "1.6.3"),
    "b/2": mr("1.5.2", "1.6.4"),
}


@pytest.fixture
def judged(moto_server: S3Server, tmp_path: Path) -> tuple[Path, str, dict[str, str]]:
    """A home whose ledger has a run over a bucket, that bucket, and an environment that reaches it."""
    bucket = moto_server.make_bucket()
    fill(moto_server, bucket, OBJECTS)
    home = tmp_path / "home"
    (home / ".dicom-sieve").mkdir(parents=True)
    with open_ledger(f"sqlite:///{home / '.dicom-sieve' / 'ledger.db'}") as ledger:
        screen_ct(moto_server.store(bucket), ledger, "run")
    keys = moto_server.credentials
    return home, bucket, {"AWS_ACCESS_KEY_ID": keys.key_id, "AWS_SECRET_ACCESS_KEY": keys.access_key}


def test_pull_brings_whole_series_from_s3_and_goes_on(
    judged: tuple[Path, str, dict[str, str]], moto_server: S3Server, tmp_path: Path
) -> None:
    home, _, environment = judged
    arguments = ("pull", "run", str(tmp_path / "out"), "--selection", "WHOLE", "--endpoint", moto_server.endpoint)

    first = run_command(*arguments, home=home, **environment)
    again = run_command(*arguments, "--json", home=home, **environment)

    assert (first.returncode, first.stderr) == (0, "")
    size = sum(len(OBJECTS[key]) for key in ("a/1", "a/2"))
    assert [" ".join(line.split()) for line in first.stdout.splitlines()] == [
        "objects that passed count",
        "pulled 2",
        "of series that did not pass as a whole 1",
        f"bytes on disk {size:,}",
        str(tmp_path / "out"),
    ]
    assert json.loads(again.stdout) == {
        "outcomes": {"PRESENT": 2, "NOT_WHOLE": 1},
        "duplicates": 0,
        "bytes": size,
        "complete": True,
    }
    assert sorted(str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.dcm")) == [
        "unknown-patient/1.2.3/1.5.1/1.6.1.dcm",
        "unknown-patient/1.2.3/1.5.1/1.6.2.dcm",
    ]


def test_pull_says_what_is_not_there_and_exits_with_1(
    judged: tuple[Path, str, dict[str, str]], moto_server: S3Server, tmp_path: Path
) -> None:
    home, bucket, environment = judged
    moto_server.client().put_object(Bucket=bucket, Key="a/1", Body=b"as it is now")

    done = run_command(
        "pull", "run", str(tmp_path / "out"), "--by-key", "--endpoint", moto_server.endpoint, home=home, **environment
    )

    assert done.returncode == 1
    assert "  a/1: the object has changed since it was listed\n" in done.stdout
    assert sorted(path.name for path in (tmp_path / "out").rglob("*") if path.is_file()) == ["1", "2", "pulled.jsonl"]


def test_pull_sends_no_credentials_to_a_server_that_was_not_named(
    judged: tuple[Path, str, dict[str, str]], tmp_path: Path
) -> None:
    home, _, environment = judged

    done = run_command("pull", "run", str(tmp_path / "out"), home=home, **environment)

    assert done.returncode == 2
    assert "would be sent this machine's own credentials; accepted: to name it yourself" in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_directory_inside_the_input_is_wrong_usage(tmp_path: Path) -> None:
    images = tmp_path / "images"
    images.mkdir()
    (images / "1").write_bytes(OBJECTS["a/1"])
    criteria = tmp_path / "criteria.json"
    criteria.write_text('[{"dicom_tag": "Modality", "operation": "EQUALS", "reference": "CT"}]')
    run_command("screen", str(images), "--criteria", str(criteria), home=tmp_path)
    [run] = json.loads(run_command("runs", "--json", home=tmp_path).stdout)

    done = run_command("pull", run["id"], str(images / "out"), home=tmp_path)

    assert done.returncode == 2
    assert done.stderr.startswith(f"dicom-sieve: DIR: the output {images}/out lies inside the input {images}")
    assert [path.name for path in images.iterdir()] == ["1"]


@pytest.mark.parametrize("layout", [(), ("--by-key",)], ids=["by UID", "by key"])
def test_a_file_that_was_pulled_is_traced_to_its_object(
    judged: tuple[Path, str, dict[str, str]], moto_server: S3Server, tmp_path: Path, layout: tuple[str, ...]
) -> None:
    home, bucket, environment = judged
    asked = ("pull", "run", str(tmp_path / "out"), *layout, "--endpoint", moto_server.endpoint)
    run_command(*asked, home=home, **environment)
    file = tmp_path / "out" / ("b/1" if layout else "unknown-patient/1.2.3/1.5.2/1.6.3.dcm")

    by_file, by_key = (
        run_command("trace", name, home=home, **environment) for name in (str(file), f"s3://{bucket}/b/1")
    )
    strange = tmp_path / "out" / "mine.dcm"
    strange.write_bytes(file.read_bytes())
    by_strange = run_command("trace", str(strange), home=home, **environment)

    assert (by_file.returncode, by_file.stderr, by_file.stdout) == (0, "", by_key.stdout)
    assert by_strange.stderr == f"dicom-sieve: nothing is known of {strange}\n"
