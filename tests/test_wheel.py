"""The wheel, installed into an empty environment as a user does it: what is in it, and that it works alone."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import venv
import zipfile
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest

from tests.conftest import S3Server
from tests.support.demo import check_commands, check_end, clean_environment, run_demo
from tests.support.documents import read
from tests.support.prefect_server import running
from tests.support.transcript import Names, Shell, commands_of, files_of
from tests.support.up import get_when_served, password_of, unused_port

ROOT = Path(__file__).parent.parent
UV = Path(sys.executable).with_name("uv")
"""In the place of pip, which downloads again each time, and takes minutes."""
FOLDERS = (
    "cli/commands",
    "computations/export/bids",
    "computations/segmentation",
    "contract",
    "criteria",
    "dicom/vr",
    "flows",
    "headers",
    "ledger/writing",
    "lineage",
    "publishing",
    "reports",
    "screening",
    "stores/s3",
    "workers",
)
DATA = (
    "py.typed",
    "ledger/audit/postgresql_schema.json",
    "ledger/migrations/script.py.mako",
    "lineage/ComputationRunFacet.json",
    "reports/templates/report.html",
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built as ``make wheel`` does it."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    [file] = folder.glob("*.whl")
    return file


@pytest.fixture(scope="module")
def programs(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment that has the wheel with its extra, and what the lock file names of it."""
    home = tmp_path_factory.mktemp("installed")
    venv.create(home)
    wanted = ["--constraint", str(_write_constraints(home)), f"{wheel}[demo]"]
    subprocess.run(
        [str(UV), "pip", "install", "--quiet", "--compile-bytecode", "--python", str(home / "bin" / "python"), *wanted],
        check=True,
        env=_without_sources(os.environ),
    )
    return home / "bin"


def _write_constraints(folder: Path) -> Path:
    """Write what the lock file names into a file that pip and uv take."""
    pins = re.findall(r"^[a-z0-9.-]+==[^\\\n]+", (ROOT / "requirements" / "dev.txt").read_text(), re.MULTILINE)
    file = folder / "constraints.txt"
    file.write_text("\n".join(pins))
    return file


def _without_sources(environment: Mapping[str, str]) -> dict[str, str]:
    """Give an environment in which only what is installed can be imported, and no server is named."""
    names = ("PYTHONPATH", "PREFECT_")
    return {name: value for name, value in environment.items() if not name.startswith(names)}


def _of_user(home: Path) -> dict[str, str]:
    """Give the environment of a user with this home."""
    return _without_sources(clean_environment(home))


def test_the_wheel_holds_what_is_used_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as opened:
        names = opened.namelist()

    assert {f"dicom_sieve/{name}" for name in DATA} <= set(names)
    migrations = ROOT / "src" / "dicom_sieve" / "ledger" / "migrations" / "versions"
    assert {f"dicom_sieve/ledger/migrations/versions/{file.name}" for file in migrations.glob("*.py")} <= set(names)
    assert {f"dicom_sieve/{folder}/__init__.py" for folder in FOLDERS} <= set(names)
    source = {f"dicom_sieve/{file.relative_to(ROOT / 'src' / 'dicom_sieve')}" for file in _sources()}
    told = f"dicom_sieve-{_version()}.dist-info/"
    packed = {name for name in names if not name.startswith(told)}
    assert packed == source


def _sources() -> list[Path]:
    folder = ROOT / "src" / "dicom_sieve"
    return [file for file in folder.rglob("*") if file.is_file() and "__pycache__" not in file.parts]


def _version() -> str:
    return subprocess.run(
        [sys.executable, "-m", "dicom_sieve", "--version"], check=True, capture_output=True, text=True
    ).stdout.strip()


def test_the_command_is_that_of_the_wheel(programs: Path, tmp_path: Path) -> None:
    def ask(*command: str) -> str:
        called = [str(programs / command[0]), *command[1:]]
        done = subprocess.run(called, env=_of_user(tmp_path), check=True, capture_output=True, text=True)
        return done.stdout

    assert ask("dicom-sieve", "--version") == f"{_version()}\n"
    assert ask("python", "-c", "import dicom_sieve; print(dicom_sieve.__file__)").startswith(str(programs.parent))


@pytest.mark.timeout(300)
def test_up_serves_the_deployments_to_who_has_the_password(programs: Path, tmp_path: Path) -> None:
    port = unused_port()
    api = f"http://127.0.0.1:{port}/api"
    command = [str(programs / "dicom-sieve"), "up", "--port", str(port)]
    with running(command, _of_user(tmp_path), tmp_path / "up.log"):
        served = get_when_served(f"{api}/deployments/name/segment-series/default", tmp_path)
        without = httpx.post(f"{api}/deployments/filter", json={})
        listed = httpx.post(f"{api}/deployments/filter", json={}, auth=password_of(tmp_path)).json()

    assert served["name"] == "default"
    assert without.status_code == 401
    assert len(listed) == 3


@pytest.mark.timeout(400)
def test_the_demo_runs_on_servers_and_ends_with_commands_that_work(programs: Path, tmp_path: Path) -> None:
    demo = run_demo(tmp_path, str(programs / "dicom-sieve"), without_sources=True)

    check_end(demo)
    check_commands(demo)
    assert "SEGMENTATION of 2 series, not for clinical use; of the one with lungs" in demo.end
    [trace] = [command for command in demo.commands if " trace " in command]
    assert "lung-segmentation" in demo.in_shell(demo.commands[0], trace)
    assert "Task run" not in demo.output
    assert (tmp_path / "demo" / "prefect.log").stat().st_size


@pytest.mark.timeout(300)
def test_the_tutorial_leads_from_an_empty_environment_to_a_result(
    wheel: Path, moto_server: S3Server, tmp_path: Path
) -> None:
    page = read("docs/tutorial.md")
    folder = tmp_path / "trial"
    folder.mkdir()
    shutil.copy(wheel, folder)
    for name, text in files_of(page).items():
        (folder / name).write_text(text)
    environment = _of_user(tmp_path) | {"UV_CONSTRAINT": str(_write_constraints(tmp_path))}
    names = Names({"/home/you": str(tmp_path), "http://localhost:9000": moto_server.endpoint})

    with Shell(folder, environment, _instead_of_pip()) as shell:
        for command, printed in commands_of(page):
            names.check(printed, shell.run(names.here(command)))
        assert shell.run("command -v dicom-sieve") == f"{folder}/sieve/bin/dicom-sieve\n"


def _instead_of_pip() -> str:
    """Let ``pip`` be uv, which keeps what it has downloaded in the home of who runs the tests."""
    return f'pip() {{ HOME={shlex.quote(str(Path.home()))} {shlex.quote(str(UV))} pip "$@"; }}'
