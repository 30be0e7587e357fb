"""``serve`` and ``deploy`` against the server that is named, and against no other: none is started for them."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.command import environment_of
from tests.support.up import unused_port

ADVICE = "accepted: PREFECT_API_URL, as http://prefect.example.org:4200/api"
COMMANDS = [("serve",), ("deploy", "--pool", "dicom")]
SECONDS = 200
"""One that serves never ends."""


def run(home: Path, command: tuple[str, ...], **settings: str) -> "subprocess.CompletedProcess[str]":
    """Run the command as a shell would: Prefect reads its settings once a process."""
    environment = {name: value for name, value in environment_of(home).items() if not name.startswith("PREFECT_")}
    return subprocess.run(
        [sys.executable, "-m", "dicom_sieve", *command],
        env={**environment, **settings},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize(
    "settings",
    [{}, {"PREFECT_API_URL": ""}, {"PREFECT_API_URL": " ", "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "true"}],
    ids=["absent", "empty", "blank"],
)
def test_serve_without_a_named_server_says_so_in_one_line(
    tmp_path: Path, command: tuple[str, ...], settings: dict[str, str]
) -> None:
    done = run(tmp_path, command, **settings)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"dicom-sieve: no Prefect server: none is named; {ADVICE}\n"


def test_the_address_in_a_profile_of_prefect_names_a_server(tmp_path: Path) -> None:
    address = f"http://127.0.0.1:{unused_port()}/api"
    (tmp_path / "profiles.toml").write_text(f'active = "ours"\n[profiles.ours]\nPREFECT_API_URL = "{address}"\n')

    done = run(tmp_path, COMMANDS[0], PREFECT_HOME=str(tmp_path))

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"dicom-sieve: no Prefect server: it does not answer (ConnectError); {ADVICE}\n"
