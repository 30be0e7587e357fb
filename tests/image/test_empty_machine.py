"""docs/deploying.md, typed into a machine that holds Debian's packages and nothing else."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.conftest import not_present
from tests.support.documents import ROOT, code_blocks, read
from tests.support.transcript import Names, Shell, commands_of, files_of
from tests.support.up import unused_port

SCRIPT = str(ROOT / "scripts" / "empty_machine.sh")
pytestmark = [pytest.mark.needs_image, pytest.mark.timeout(1800)]


@pytest.fixture
def machine() -> Iterator[Path]:
    """An empty machine."""
    if missing := [program for program in ("mmdebstrap", "unshare") if shutil.which(program) is None]:
        not_present("an empty machine", f"{' and '.join(missing)} is not installed")
    if os.geteuid() != 0:
        not_present("an empty machine", "only root can make one")
    with TemporaryDirectory(prefix="dicom-sieve-empty-") as folder:
        root = Path(folder) / "root"
        subprocess.run([SCRIPT, "make", str(root)], check=True, capture_output=True)
        yield root


def _chapter() -> str:
    page = read("docs/deploying.md")
    return page[page.index("\n## On a machine\n") : page.index("\n## In containers\n")]


def _give(machine: Path, name: str, content: bytes) -> None:
    """Put a file into the home of the machine's user."""
    home = machine / "home" / "you"
    (home / name).write_bytes(content)
    os.chown(home / name, home.stat().st_uid, home.stat().st_gid)


def _build_wheel(folder: Path) -> Path:
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    [wheel] = folder.glob("*.whl")
    return wheel


def _of_pip(machine: Path) -> list[str]:
    """Give what pip needs where packages come through a proxy, and hold it to the versions that are tested."""
    pins = re.findall(r"^[a-z0-9.-]+==[^\\\n]+", read("requirements/base.txt"), re.MULTILINE)
    _give(machine, "constraints.txt", "\n".join(pins).encode())
    given = ["PIP_DISABLE_PIP_VERSION_CHECK=1", "PIP_CONSTRAINT=/home/you/constraints.txt"]
    if authorities := os.environ.get("PIP_CERT"):
        _give(machine, "authorities.pem", Path(authorities).read_bytes())
        given.append("PIP_CERT=/home/you/authorities.pem")
    return given


def test_the_page_leads_from_an_empty_machine_to_a_watched_service(machine: Path, tmp_path: Path) -> None:
    chapter = _chapter()
    [of_root] = [block for block in code_blocks(chapter, "console") if block.startswith("# ")]
    of_user = [(command, shown) for command, shown in commands_of(chapter) if not command.startswith("# ")]
    assert not (machine / "usr/bin/python3").exists()
    wheel = _build_wheel(tmp_path)
    _give(machine, wheel.name, wheel.read_bytes())
    for name, text in files_of(chapter).items():
        _give(machine, name, text.encode())
    port = unused_port()
    names, environment = Names({"4200": str(port), "4201": str(port + 1)}), dict(os.environ)

    with Shell(tmp_path, environment, enter=[SCRIPT, "run", str(machine), "root"]) as shell:
        shell.run(of_root.removeprefix("# ").strip())
    printed = {}
    enter = [SCRIPT, "run", str(machine), "you", *_of_pip(machine)]
    with Shell(tmp_path, environment, enter=enter) as shell:
        try:
            for command, shown in of_user:
                printed[command] = shell.run(names.here(command))
                names.check(shown, printed[command])
        except AssertionError as error:
            log = machine / "home/you/up.log"
            raise AssertionError(f"{error}\n{log.read_text() if log.exists() else ''}") from error

    assert "COMPLETED" in printed["dicom-sieve runs"]
    assert int(printed["grep -c '^# HELP dicom_sieve_' metrics"]) >= 10
    assert not [path for path in (machine / "proc").iterdir() if path.name.isdigit()]  # its processes ended with it
