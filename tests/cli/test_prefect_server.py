"""Prefect's server alone, behind the door of ``up``: as a container or a machine of its own runs it."""

import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.cli.command import environment_of, run_command
from tests.support.prefect_server import wait_for
from tests.support.up import SECONDS_TO_START, unused_port


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home in which nothing is ever made, as in a container with a read-only root."""
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


def test_it_serves_who_has_the_password_under_names_of_its_own(home: Path, tmp_path: Path) -> None:
    port = unused_port()
    command = [sys.executable, "-m", "dicom_sieve", "prefect-server", "--port", str(port), "--allow-host", "prefect"]
    environment = environment_of(home) | {
        "PREFECT_HOME": str(tmp_path / "prefect"),
        "PREFECT_API_AUTH_STRING": "me:mine",
    }
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}/api", timeout=60) as api:

            def is_healthy() -> bool:
                try:
                    return api.get("/health").status_code == 200
                except httpx.TransportError:
                    return False

            wait_for(is_healthy, "Prefect's server to answer", SECONDS_TO_START)
            ask = "/deployments/filter"
            assert api.post(ask, json={}).status_code == 401
            assert api.post(ask, json={}, auth=("me", "mine")).status_code == 200
            assert api.post(ask, json={}, auth=("me", "mine"), headers={"Host": "prefect:4200"}).status_code == 200
            assert api.post(ask, json={}, auth=("me", "mine"), headers={"Host": "evil.test"}).status_code == 403
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) in {0, -signal.SIGTERM}  # of this very process: nothing stands between

    assert list(home.iterdir()) == []
    assert all(file.stat().st_mode & 0o077 == 0 for file in (tmp_path / "prefect").rglob("*.db*"))
    assert "mine" not in (tmp_path / "log").read_text()


def test_it_does_not_start_without_a_password(home: Path) -> None:
    done = run_command("prefect-server", home=home)

    assert done.returncode == 2
    assert "PREFECT_API_AUTH_STRING" in done.stderr
    assert "accepted: user:password, or --no-auth" in done.stderr


def test_it_does_not_start_open_where_other_machines_reach_it(home: Path) -> None:
    done = run_command("prefect-server", "--no-auth", "--host", "0.0.0.0", home=home)

    assert done.returncode == 2
    assert "other machines can reach 0.0.0.0" in done.stderr
