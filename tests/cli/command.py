"""Run the command as a shell would, in this process: starting another one takes longer than most commands."""

import io
import os
import shlex
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from unittest.mock import patch

from dicom_sieve.cli import main


def environment_of(home: Path, **more: str) -> dict[str, str]:
    """Give an environment with a home of its own and no settings but those given."""
    ours = ("DICOM_SIEVE_", "AWS_", "AZURE_", "GOOGLE_", "OPENLINEAGE_")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**clean, "HOME": str(home), "AWS_EC2_METADATA_DISABLED": "true", "COLUMNS": "100", **more}


def run_cut_off(*arguments: str, home: Path) -> "subprocess.CompletedProcess[str]":
    """Run ``dicom-sieve`` as a process whose output goes through a pipe that is closed behind the first letter."""
    command = f"{shlex.join([sys.executable, '-m', 'dicom_sieve', *arguments])} | head -c 1"
    return subprocess.run(command, shell=True, env=environment_of(home), capture_output=True, text=True, check=False)


def run_command(*arguments: str, home: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run ``dicom-sieve`` and give what it printed and its exit code."""
    output, errors = io.StringIO(), io.StringIO()
    code: object = 0
    with (
        patch.dict(os.environ, environment_of(home, **environment), clear=True),
        patch("sys.argv", ["dicom-sieve", *arguments]),
        patch("webbrowser._tryorder", None),  # or the browser of an earlier command is opened
        patch.dict("webbrowser._browsers", clear=True),
        redirect_stdout(output),
        redirect_stderr(errors),
    ):
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
    return subprocess.CompletedProcess(arguments, int(str(code)), output.getvalue(), errors.getvalue())
