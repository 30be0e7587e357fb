"""A real Prefect server and processes that serve the deployment, with all that they print kept in files."""

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx

SECONDS_TO_START = 90
SECONDS_TO_END = 200
SECONDS_TO_ANSWER = 90
"""On SQLite Prefect's server may stand still for the 60 s of its lock, where much is asked at once."""
LONGEST_PAUSE = 0.5
T = TypeVar("T")
END_STATES = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}
CLEAN, COMPUTE, SEGMENT = "clean-dicom", "compute-series", "segment-series"
SERVE = "from dicom_sieve.flows.deployments import serve_deployments; serve_deployments(3)"


@dataclass(frozen=True)
class PrefectServer:
    """A running server.

    Attributes:
        home: Its directory: database, and what its clients keep.
        url: Of its API.
        api: A client of it.
        environment: Of every process that belongs to it.
    """

    home: Path
    url: str
    api: httpx.Client
    environment: Mapping[str, str]

    def deployment(self, name: str = "default", flow: str = CLEAN) -> dict[str, Any]:
        """Give the deployment as the server has it."""
        return dict(self.api.get(f"/deployments/name/{flow}/{name}").raise_for_status().json())

    def post(
        self, parameters: Mapping[str, Any], name: str = "default", flow: str = CLEAN, **more: Any
    ) -> httpx.Response:
        """Trigger a run as the consumer does."""
        path = f"/deployments/{self.deployment(name, flow)['id']}/create_flow_run"
        return self.api.post(path, json={"parameters": parameters, **more})

    def start(self, parameters: Mapping[str, Any], name: str = "default", flow: str = CLEAN, **more: Any) -> str:
        """Trigger a run, and give its id."""
        answer = self.post(parameters, name, flow, **more)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def secret(self, value: Any) -> str:
        """Save a block of type Secret, and give its id."""
        kind = self.api.get("/block_types/slug/secret").raise_for_status().json()
        schemas = self.api.post(
            "/block_schemas/filter", json={"block_schemas": {"block_type_id": {"any_": [kind["id"]]}}}
        )
        schema = schemas.raise_for_status().json()[0]
        block = {"name": f"secret-{uuid.uuid4().hex}", "data": {"value": value}}
        ids = {"block_schema_id": schema["id"], "block_type_id": kind["id"]}
        return str(self.api.post("/block_documents/", json=block | ids).raise_for_status().json()["id"])

    def flow_run(self, run_id: str) -> dict[str, Any]:
        """Give a run as the server has it."""
        return dict(self.api.get(f"/flow_runs/{run_id}").raise_for_status().json())

    def flow_run_or_none(self, run_id: str) -> dict[str, Any] | None:
        """Give a run, or None as long as the server cannot send it."""
        answer = self.api.get(f"/flow_runs/{run_id}")
        return dict(answer.json()) if answer.status_code == 200 else None

    def state(self, run_id: str) -> tuple[str, str]:
        """Wait for a run's end, and give its state's name and message."""

        def ended() -> dict[str, Any] | None:
            state: dict[str, Any] = self.flow_run(run_id)["state"]
            return state if state["type"] in END_STATES else None

        state = wait_for(ended, f"the end of run {run_id}", SECONDS_TO_END)
        return state["name"], state["message"] or ""

    def all_of(self, path: str, **body: Any) -> list[dict[str, Any]]:
        """Give everything that a filter endpoint has, page after page."""
        found: list[dict[str, Any]] = []
        while page := self.api.post(path, json={**body, "offset": len(found), "limit": 200}).raise_for_status().json():
            found.extend(page)
        return found

    def rows(self) -> Iterator[tuple[str, tuple[Any, ...]]]:
        """Give every row of every table of the server's database."""
        with sqlite3.connect(f"file:{self.home / 'prefect.db'}?mode=ro", uri=True) as database:
            names = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            for name in names:
                for row in database.execute(f'SELECT * FROM "{name}"'):
                    yield name, row
        database.close()

    @contextmanager
    def serving(self, code: str, log: str, name: str = "default", **environment: str) -> Iterator[Path]:
        """Serve a deployment in a process of its own; gives what it prints."""
        file = self.home / log
        with running([sys.executable, "-c", code], {**self.environment, **environment}, file) as process:
            wait_for(lambda: self._serves(process, file, name), f"the deployments {name}", SECONDS_TO_START)
            yield file

    def _serves(self, process: subprocess.Popen[bytes], log: Path, name: str) -> bool:
        assert process.poll() is None, log.read_text()
        return all(self.api.get(f"/deployments/name/{flow}/{name}").status_code == 200 for flow in (CLEAN, SEGMENT))


class _Persistent(httpx.HTTPTransport):
    """Asks again while the server answers 503, as it does when its SQLite is busy, and as Prefect's own clients do."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = super().handle_request(request)
        for _ in range(20):
            if answer.status_code != 503:
                break
            answer.close()
            time.sleep(0.25)
            answer = super().handle_request(request)
        return answer


@contextmanager
def prefect_server(home: Path, *, is_ours: bool = False) -> Iterator[PrefectServer]:
    """Start a server on a free port, and stop it in the end; its log is ``server.log`` in its home.

    Args:
        home: Its directory.
        is_ours: With our door before it, as ``dicom-sieve up`` starts it; else as ``prefect server start`` does.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}/api"
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "AWS_"))}
    environment = {
        **outside,
        "HOME": str(home),
        "PREFECT_HOME": str(home),
        "PREFECT_API_URL": url,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_LOGGING_LEVEL": "DEBUG",
        "PREFECT_SERVER_LOGGING_LEVEL": "DEBUG",
        "PREFECT_RUNNER_POLL_FREQUENCY": "1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    started = ["dicom_sieve.flows.server"] if is_ours else ["prefect", "server", "start"]
    command = [sys.executable, "-m", *started, "--host", "127.0.0.1", "--port", str(port)]
    log = home / "server.log"
    with (
        running(command, environment, log) as process,
        httpx.Client(base_url=url, timeout=SECONDS_TO_ANSWER, transport=_Persistent()) as api,
    ):
        wait_for(lambda: _answers(process, log, api), "Prefect's server", SECONDS_TO_START)
        yield PrefectServer(home, url, api, environment)


@contextmanager
def running(command: list[str], environment: Mapping[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process with its children in a group of their own, and stop all of them, however it ends."""
    with log.open("ab") as file:
        process = subprocess.Popen(
            command, env=dict(environment), stdout=file, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        yield process
    finally:
        _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        pass
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)


def _answers(process: subprocess.Popen[bytes], log: Path, api: httpx.Client) -> bool:
    assert process.poll() is None, log.read_text()
    try:
        return api.get("/health").status_code == 200
    except httpx.TransportError:
        return False


def wait_for(look: Callable[[], T | None], what: str, seconds: float) -> T:
    """Look again and again until there is something; first often: a look may cost a server more than waiting."""
    end, pause = time.monotonic() + seconds, 0.05
    while time.monotonic() < end:
        if found := look():
            return found
        time.sleep(pause)
        pause = min(1.3 * pause, LONGEST_PAUSE)
    raise TimeoutError(f"waited {seconds} s for {what}")
