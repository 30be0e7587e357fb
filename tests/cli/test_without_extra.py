"""Where an extra is not installed, what needs it is not done, and that is said."""

import json
import re
import subprocess
import sys
import venv
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

import pytest

from tests.cli.command import environment_of
from tests.conftest import S3Server
from tests.support.builders import make_instance
from tests.support.prefect_server import running, wait_for
from tests.support.up import SECONDS_TO_START, get_when_served, unused_port

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python that has what the lock file of a plain installation names, and no more."""
    home = tmp_path_factory.mktemp("plain")
    venv.create(home)
    [site] = home.glob("lib/python*/site-packages")
    names = re.findall(r"^([a-z0-9.-]+)==", (ROOT / "requirements" / "base.txt").read_text(), re.MULTILINE)
    for package in (*_installed(names), distribution("dicom-sieve")):
        for file in package.files or ():
            top = file.parts[0]
            target = Path(str(package.locate_file(top)))
            if top != ".." and target.exists() and not (site / top).exists():
                (site / top).symlink_to(target)
    return home / "bin" / "python"


def _installed(names: list[str]) -> Iterator[Distribution]:
    for name in names:
        try:
            yield distribution(name)
        except PackageNotFoundError:  # of another platform
            continue


def test_the_extra_is_really_not_installed(python: Path) -> None:
    told = subprocess.run([python, "-c", "import dicom_sieve, highdicom"], capture_output=True, text=True, check=False)

    assert "No module named 'highdicom'" in told.stderr
    assert subprocess.run([sys.executable, "-c", "import highdicom"], check=False).returncode == 0


@pytest.mark.timeout(200)
def test_the_rest_is_served_and_one_line_says_what_is_not(python: Path, tmp_path: Path) -> None:
    free_port = unused_port()
    log = tmp_path / "up.log"
    command = [str(python), "-m", "dicom_sieve", "up", "--port", str(free_port)]
    with running(command, environment_of(tmp_path), log):
        address = f"http://127.0.0.1:{free_port}/api/deployments"
        deployment = get_when_served(f"{address}/name/clean-dicom/default", tmp_path)
        wait_for(lambda: "not served" in log.read_text(), "the line", SECONDS_TO_START)

    assert deployment["name"] == "default"
    lines = log.read_text().splitlines()
    assert [line for line in lines if "segment-series" in line] == [
        "segment-series is not served: highdicom, imagecodecs, scipy missing; pip install 'dicom-sieve[segmentation]'"
    ]
    [served] = [line for line in lines if line.startswith("ledger ")]
    assert served.endswith("; serving clean-dicom/default")


def test_the_missing_extra_cannot_be_asked_for(python: Path, tmp_path: Path) -> None:
    then = tmp_path / "then.json"
    then.write_text("{}")

    told = subprocess.run(
        [str(python), "-m", "dicom_sieve", "serve", "--then-segment", str(then)],
        env={**environment_of(tmp_path), "PREFECT_API_URL": "http://127.0.0.1:9/api"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert told.returncode == 2
    assert told.stderr.endswith("pip install 'dicom-sieve[segmentation]'\n")


def test_lineage_that_is_configured_is_not_sent_and_the_run_goes_on(python: Path, tmp_path: Path) -> None:
    images = tmp_path / "images"
    images.mkdir()
    (images / "1.dcm").write_bytes(make_instance(Modality="CT"))
    told = subprocess.run(
        [str(python), "-m", "dicom_sieve", "screen", str(images), "--criteria", str(_criteria(tmp_path)), "--json"],
        env=environment_of(tmp_path, OPENLINEAGE_URL="http://127.0.0.1:9"),
        capture_output=True,
        text=True,
        check=True,
    )

    assert json.loads(told.stdout)["counts"]["passed"] == 1
    assert told.stderr == "OpenLineage is configured, but no event is sent: pip install 'dicom-sieve[lineage]'\n"


def test_ray_cannot_be_chosen_and_it_is_said_what_to_do(python: Path, tmp_path: Path) -> None:
    told = subprocess.run(
        [str(python), "-m", "dicom_sieve", "screen", str(tmp_path), "--criteria", str(_criteria(tmp_path))],
        env=environment_of(tmp_path, DICOM_SIEVE_TASK_RUNNER="ray"),
        capture_output=True,
        text=True,
        check=False,
    )

    assert told.returncode == 2
    assert "DICOM_SIEVE_TASK_RUNNER: " in told.stderr
    assert told.stderr.endswith("ray is not installed; pip install 'dicom-sieve[ray]'\n")


def test_a_ledger_on_postgresql_is_refused_and_it_is_said_what_to_do(python: Path, tmp_path: Path) -> None:
    told = subprocess.run(
        [str(python), "-m", "dicom_sieve", "runs"],
        env=environment_of(tmp_path, DICOM_SIEVE_DATABASE_URL="postgresql://somebody:secret@127.0.0.1/ledger"),
        capture_output=True,
        text=True,
        check=False,
    )

    wanted = "dicom-sieve: a ledger on PostgreSQL needs a package more; pip install 'dicom-sieve[postgresql]'\n"
    assert (told.returncode, told.stderr) == (1, wanted)


@pytest.mark.parametrize("is_proxied", [False, True], ids=["direct", "through a proxy"])
def test_a_bucket_is_read_without_the_faster_clients(
    python: Path, moto_server: S3Server, tmp_path: Path, *, is_proxied: bool
) -> None:
    bucket = moto_server.make_bucket()
    moto_server.client().put_object(Bucket=bucket, Key="1.dcm", Body=make_instance(Modality="CT"))
    keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
    proxy = {"HTTP_PROXY": moto_server.endpoint} if is_proxied else {}
    asked = (f"s3://{bucket}", "--endpoint", moto_server.endpoint, "--criteria", str(_criteria(tmp_path)))

    told = subprocess.run(
        [str(python), "-m", "dicom_sieve", "screen", *asked, "--json"],
        env=environment_of(tmp_path, **keys, **proxy, NO_PROXY="", no_proxy=""),
        capture_output=True,
        text=True,
        check=True,
    )
    missing = subprocess.run([python, "-c", "import obstore, uvloop"], capture_output=True, text=True, check=False)

    assert json.loads(told.stdout)["counts"]["passed"] == 1
    assert missing.returncode == 1


def _criteria(folder: Path) -> Path:
    file = folder / "criteria.json"
    file.write_text('[{"dicom_tag": "Modality", "operation": "EQUALS", "reference": "CT"}]')
    return file
