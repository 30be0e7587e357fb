"""The demo where no S3 server is installed: on files; `tests/test_wheel.py` runs it on servers."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dicom_sieve.cli.app import app
from dicom_sieve.demo import servers
from dicom_sieve.demo.bucket import objects
from dicom_sieve.errors import DicomSieveError
from tests.support.demo import Demo, check_commands, check_end, run_demo

WITHOUT = """
import importlib.util, sys
find, without = importlib.util.find_spec, set(sys.argv[1].split(","))
importlib.util.find_spec = lambda name, package=None: None if name in without else find(name, package)
sys.argv = ["dicom-sieve", *sys.argv[2:]]
from dicom_sieve.cli import main
main()
"""
"""Runs the command as where some packages are not installed."""


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """A demo with nothing but the package."""
    return run_demo(tmp_path_factory.mktemp("files"), sys.executable, "-c", WITHOUT, "moto,scipy")


def test_the_demo_ends_with_a_summary_of_what_passed_and_where_it_is(plain: Demo) -> None:
    check_end(plain)


def test_each_of_five_commands_works_as_printed(plain: Demo) -> None:
    check_commands(plain)


def test_what_is_missing_is_said_and_the_rest_is_shown(plain: Demo) -> None:
    lines = plain.output.splitlines()

    assert lines[0] == "== without lung-segmentation: scipy missing; pip install 'dicom-sieve[segmentation]'"
    assert lines[1].endswith("with Prefect and S3: pip install 'dicom-sieve[demo]'")
    assert "SEGMENTATION none" in plain.end


def test_segments_files_too(tmp_path: Path) -> None:
    demo = run_demo(tmp_path, sys.executable, "-c", WITHOUT, "moto")

    assert "SEGMENTATION of 2 series, not for clinical use; of the one with lungs" in demo.end
    assert "FEATURES of 4 regions of 2 series; of the one with lungs" in demo.end
    assert sorted(file.name for file in (tmp_path / "demo" / "results" / "computations").rglob("volumes.json"))


def test_a_folder_with_something_else_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("all of it")

    done = CliRunner().invoke(app, ["demo", "--folder", str(tmp_path)])

    assert isinstance(done.exception, DicomSieveError)
    assert str(done.exception) == (
        f"{tmp_path} holds something that no demo made; name another with --folder, or remove it"
    )
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.tex"]


def test_the_bucket_is_the_same_each_time() -> None:
    assert dict(objects()) == dict(objects())


def test_a_server_that_ended_is_said_at_once(tmp_path: Path) -> None:
    made = servers.Api("http://127.0.0.1:9/api", tmp_path / "password", tmp_path / "prefect.log")
    (tmp_path / "password").write_text("user:password")
    made.process = subprocess.Popen([sys.executable, "-c", ""])
    made.process.wait()

    with pytest.raises(servers.DemoError, match=r"'dicom-sieve up' ended; see .*prefect\.log"):
        made.wait_for_deployment()


def test_pages_have_a_port_of_their_own(tmp_path: Path) -> None:
    made = servers.Servers(tmp_path, {}, ())

    assert len({made.s3, made.prefect, made.pages}) == 3
