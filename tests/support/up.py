"""``dicom-sieve up`` as a user starts it, and a client that has its password."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.support.prefect_server import SECONDS_TO_END, wait_for

SECONDS_TO_START = 180
ABSENT_STORE = "127.0.0.1:9"
ASKS_ABSENT_STORE = {"DICOM_SIEVE_DEFAULT_CHAIN_ENDPOINTS": ABSENT_STORE}
IS_CT = [{"dicom_tag": ["0008", "0060"], "operation": "EQUALS", "reference": "CT"}]
IN_2099 = {"type": "SCHEDULED", "state_details": {"scheduled_time": "2099-01-01T00:00:00Z"}}


@dataclass(frozen=True)
class Up:
    """A running ``up``.

    Attributes:
        process: The command.
        home: Its user's home.
        port: Of the server.
        api: A client with the password.
    """

    process: "subprocess.Popen[bytes]"
    home: Path
    port: int
    api: httpx.Client

    @property
    def prefect_home(self) -> Path:
        """Where Prefect keeps its data."""
        return self.home / ".dicom-sieve" / "prefect"

    @property
    def log(self) -> str:
        """All that was printed."""
        return (self.home / "up.log").read_text()

    def stranger(self) -> httpx.Client:
        """A client without a password."""
        return httpx.Client(base_url=self.api.base_url, timeout=60)

    def deployment(self, flow: str = "clean-dicom") -> str:
        """Give the id of a deployment."""
        return str(self.api.get(f"/deployments/name/{flow}/default").raise_for_status().json()["id"])

    def post(self, parameters: Mapping[str, Any], flow: str = "clean-dicom", **more: Any) -> httpx.Response:
        """Trigger a run as the consumer does."""
        path = f"/deployments/{self.deployment(flow)}/create_flow_run"
        return self.api.post(path, json={"parameters": parameters, **more})

    def flow_run(self, run_id: str) -> dict[str, Any]:
        """Give a run as the server has it."""
        return dict(self.api.get(f"/flow_runs/{run_id}").raise_for_status().json())

    def end_of(self, run_id: str) -> dict[str, Any]:
        """Wait for a run's end, and give its state."""

        def ended() -> dict[str, Any] | None:
            state: dict[str, Any] = self.flow_run(run_id)["state"]
            return state if state["type"] in {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"} else None

        return wait_for(ended, f"the end of run {run_id}", SECONDS_TO_END)

    def poll(self) -> httpx.Response:
        """Ask for waiting runs, as those do who execute them; of the next two minutes."""
        deployments = [self.deployment()]
        body = {"deployment_ids": deployments, "scheduled_before": "2100-01-01T00:00:00Z", "limit": 200}
        return self.api.post("/deployments/get_scheduled_flow_runs", json=body)


def unused_port() -> int:
    """Give a port that nothing listens on, nor on the one behind it, where the pages are."""
    while True:
        with socket.socket() as free, socket.socket() as behind:
            free.bind(("127.0.0.1", 0))
            port: int = free.getsockname()[1]
            with suppress(OSError, OverflowError):
                behind.bind(("127.0.0.1", port + 1))
                return port


def password_of(home: Path) -> httpx.BasicAuth | None:
    """Give the password that ``up`` made for the user with this home; None: not yet."""
    file = home / ".dicom-sieve" / "prefect" / "api-password"
    if not file.exists():
        return None
    user, _, secret = file.read_text().strip().partition(":")
    return httpx.BasicAuth(user, secret)


def get_when_served(url: str, home: Path) -> dict[str, Any]:
    """Ask until there is an answer."""

    def ask() -> dict[str, Any] | None:
        try:
            answer = httpx.get(url, auth=password_of(home), timeout=5)
        except httpx.TransportError:
            return None
        return dict(answer.json()) if answer.status_code == 200 else None

    return wait_for(ask, url, SECONDS_TO_START)


def request(**changes: Any) -> dict[str, Any]:
    """A request that is in order; the store is not there."""
    location = {"endpoint": f"http://{ABSENT_STORE}", "bucket": "bucket", "region": "eu-west", **changes}
    return {"input_s3_parameters": location, "criteria": IS_CT}


@contextmanager
def running_up(home: Path, *options: str, **environment: str) -> Iterator[Up]:
    """Start it on a free port, wait until it serves, and stop it in the end."""
    port = unused_port()
    outside = {
        name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "AWS_", "DICOM_SIEVE_"))
    }
    ours = {
        "HOME": str(home),
        "AWS_EC2_METADATA_DISABLED": "true",
        "PREFECT_RUNNER_POLL_FREQUENCY": "2",
        **ASKS_ABSENT_STORE,
    }
    with (home / "up.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "dicom_sieve", "up", "--port", str(port), *options],
            env={**outside, **ours, **environment},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    with httpx.Client(base_url=f"http://127.0.0.1:{port}/api", timeout=120) as api:
        up = Up(process, home, port, api)
        try:
            wait_for(lambda: _serves(up), "up", SECONDS_TO_START)
            yield up
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def _serves(up: Up) -> bool:
    assert up.process.poll() is None, up.log
    if (password := password_of(up.home)) is not None:
        up.api.auth = password
    try:
        return up.api.get("/deployments/name/clean-dicom/default").status_code == 200
    except httpx.TransportError:
        return False
