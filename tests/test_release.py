"""What is released is built the same by anybody, from either of its archives, and says what it is made of."""

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from dicom_sieve.version import __version__

ROOT = Path(__file__).parents[1]
DATE = 1_700_000_000
"""Seconds since 1970, in the place of the commit's."""


def is_checkout() -> bool:
    return (ROOT / ".git").exists()


pytestmark = pytest.mark.skipif(not is_checkout(), reason="only a checkout knows which files are the project's")


def files_of_the_project() -> set[str]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return set(listed.split("\0")) - {""}


def check_out(folder: Path, umask: int) -> Path:
    """Write what is staged to a folder, as a clone with this umask has it."""
    folder.mkdir(parents=True)
    command = ["git", "checkout-index", "--all", f"--prefix={folder}/"]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, umask=umask)
    return folder


def build(folder: Path, to: Path, *targets: str, umask: int = 0o022) -> dict[str, bytes]:
    """Build as ``make dist`` does it; give the archives by name."""
    command = [sys.executable, "-m", "hatchling", "build", "--directory", str(to)]
    for target in targets:
        command += ["--target", target]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(DATE)}
    subprocess.run(command, cwd=folder, check=True, capture_output=True, env=environment, umask=umask)
    return {file.name: file.read_bytes() for file in to.iterdir()}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, bytes]]:
    """Both archives, and where they lie."""
    home = tmp_path_factory.mktemp("release")
    folder = check_out(home / "a", 0o022)
    return home / "dist", build(folder, home / "dist")


def test_two_clones_give_the_same_bytes(built: tuple[Path, dict[str, bytes]], tmp_path: Path) -> None:
    other = check_out(tmp_path / "elsewhere" / "with a longer name", 0o077)
    for file in other.rglob("*"):
        os.utime(file, (1, 1))

    again = build(other, tmp_path / "dist", umask=0o077)

    assert set(again) == {f"dicom_sieve-{__version__}.tar.gz", f"dicom_sieve-{__version__}-py3-none-any.whl"}
    assert [name for name in again if again[name] != built[1][name]] == []


def test_the_date_of_what_is_in_the_archives_is_the_one_that_was_given(built: tuple[Path, dict[str, bytes]]) -> None:
    [sdist], [wheel] = built[0].glob("*.tar.gz"), built[0].glob("*.whl")
    with tarfile.open(sdist) as source, zipfile.ZipFile(wheel) as packed:
        assert {member.mtime for member in source} == {DATE}
        assert {member.date_time for member in packed.infolist()} == {(2023, 11, 14, 22, 13, 20)}


def test_the_source_archive_holds_the_project_and_nothing_else(built: tuple[Path, dict[str, bytes]]) -> None:
    [sdist] = built[0].glob("*.tar.gz")
    with tarfile.open(sdist) as source:
        names = {member.name.partition("/")[2] for member in source if member.isfile()}

    assert names == files_of_the_project() | {"PKG-INFO"}
    assert "src/dicom_sieve/py.typed" in names


def test_the_wheel_from_the_source_archive_is_the_same(built: tuple[Path, dict[str, bytes]], tmp_path: Path) -> None:
    [sdist] = built[0].glob("*.tar.gz")
    with tarfile.open(sdist) as source:
        source.extractall(tmp_path, filter="data")

    wheel = build(tmp_path / sdist.name.removesuffix(".tar.gz"), tmp_path / "dist", "wheel")

    [(name, content)] = wheel.items()
    assert content == built[1][name]
