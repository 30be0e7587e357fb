"""Help, version and completion come at once: they load nothing that works on objects or on the ledger."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.command import environment_of

# Not among them: pydantic, which typer itself loads to make a command.
HEAVY = (
    "alembic",
    "boto3",
    "botocore",
    "fastapi",
    "highdicom",
    "httptools",
    "jinja2",
    "numpy",
    "obstore",
    "openlineage",
    "prefect",
    "prefect_aws",
    "psycopg",
    "pyarrow",
    "pydicom",
    "ray",
    "scipy",
    "sqlalchemy",
)
LOADED_BY = """
import contextlib, io, json, sys
from typer.main import get_command
from dicom_sieve.cli import main
from dicom_sieve.cli.app import app

heavy, told = set(json.loads(sys.argv[1])), {}

def help_of(command, words):
    yield [*words, "--help"]
    for name, child in getattr(command, "commands", {}).items():
        yield from help_of(child, [*words, name])

for arguments in (["--version"], *help_of(get_command(app), [])):
    sys.argv = ["dicom-sieve", *arguments]
    with contextlib.redirect_stdout(io.StringIO()) as output, contextlib.suppress(SystemExit):
        main()
    told[" ".join(arguments)] = [sorted(heavy & set(sys.modules)), len(output.getvalue())]
print(json.dumps(told))
"""


def test_help_of_every_command_loads_nothing_that_is_slow(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADED_BY, json.dumps(HEAVY)],
        env=environment_of(tmp_path),
        capture_output=True,
        text=True,
        check=True,
    )

    told = json.loads(done.stdout)
    assert {"--version", "--help", "screen --help", "ledger upgrade --help"} <= told.keys()
    assert {arguments: heavy for arguments, (heavy, _) in told.items() if heavy} == {}
    assert [arguments for arguments, (_, printed) in told.items() if not printed] == []


@pytest.mark.parametrize("arguments", ["--help", "--version", "screen --help"])
def test_help_takes_hardly_more_than_the_library_of_the_command_line(arguments: str, tmp_path: Path) -> None:
    library = min(_cpu_seconds("-c", "import typer.rich_utils", home=tmp_path) for _ in range(5))

    ours = min(_cpu_seconds("-m", "dicom_sieve", *arguments.split(), home=tmp_path) for _ in range(5))

    assert ours <= 2.5 * library


def _cpu_seconds(*arguments: str, home: Path) -> float:
    """Give what a Python takes of a processor, its system calls included."""
    process = subprocess.Popen([sys.executable, *arguments], env=environment_of(home), stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return used.ru_utime + used.ru_stime


class TestCompletion:
    @pytest.mark.parametrize(
        ("words", "offered"),
        [
            ("dicom-sieve ser", {"series", "serve"}),
            ("dicom-sieve ledger up", {"upgrade"}),
            ("dicom-sieve series --sel", {"--selection"}),
            ("dicom-sieve series 1f3a --selection W", {"WHOLE"}),
        ],
    )
    def test_completion_names_and_values_are_completed(self, words: str, offered: set[str], tmp_path: Path) -> None:
        asked = {"_DICOM_SIEVE_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}

        done = _run("", home=tmp_path, **asked)

        assert set(done.stdout.split()) == offered

    @pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
    def test_a_shell_is_given_its_script(self, shell: str, tmp_path: Path) -> None:
        done = _run("--show-completion", shell, home=tmp_path, _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")

        assert "_DICOM_SIEVE_COMPLETE" in done.stdout

    def test_completion_is_installed_where_the_shell_looks(self, tmp_path: Path) -> None:
        _run("--install-completion", "bash", home=tmp_path, _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")

        [script] = [file for file in tmp_path.rglob("*dicom-sieve*") if file.is_file()]
        assert "_DICOM_SIEVE_COMPLETE=complete_bash" in script.read_text()
        assert str(script) in (tmp_path / ".bashrc").read_text()


def _run(*arguments: str, home: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run it as a process: completion is asked for, and answered, when it starts."""
    command = [sys.executable, "-m", "dicom_sieve", *filter(None, arguments)]
    return subprocess.run(command, env=environment_of(home, **environment), capture_output=True, text=True, check=True)


class TestImport:
    def test_the_interface_is_loaded_when_it_is_used(self) -> None:
        code = (
            "import sys, dicom_sieve; assert 'sqlalchemy' not in sys.modules; assert 'open_ledger' in dir(dicom_sieve);"
            "from dicom_sieve import Ledger, open_ledger; assert 'sqlalchemy' in sys.modules;"
            "import dicom_sieve.ledger as real; assert open_ledger is real.open_ledger and Ledger is real.Ledger"
        )
        subprocess.run([sys.executable, "-c", code], check=True)

    def test_what_is_not_there_is_said(self) -> None:
        import dicom_sieve

        with pytest.raises(AttributeError, match="module 'dicom_sieve' has no attribute 'open_leger'"):
            dicom_sieve.open_leger  # type: ignore[attr-defined]  # noqa: B018
