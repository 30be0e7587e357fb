"""``dicom-sieve up``: a Prefect server and the served deployments as two child processes of one foreground command."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from dicom_sieve import private
from dicom_sieve.cli import text
from dicom_sieve.errors import DicomSieveError

SECONDS_TO_START = 120
SECONDS_TO_STOP = 15


class ServerError(DicomSieveError):
    """A server that did not start, or ended by itself."""

    def __init__(self, message: str) -> None:
        super().__init__(message)


def run_server_and_deployments(host: str, port: int, serving: Sequence[str] = ()) -> None:
    """Run both until one ends or this process is told to stop; then stop both.

    Args:
        host: Where the server listens.
        port: Its port.
        serving: Options of ``dicom-sieve serve``.

    Raises:
        ServerError: The port is taken, or one of them ended by itself.
    """
    url = f"http://{host}:{port}"
    environment = server_environment(url)
    _refuse_taken_port(host, port)
    make_private(Path(environment["PREFECT_HOME"]))
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    server = [sys.executable, "-m", "prefect", "server", "start", "--host", host, "--port", str(port)]
    try:
        with child([*server, "--log-level", "WARNING"], environment) as prefect:
            _wait_until_healthy(url, prefect)
            with child([sys.executable, "-m", "dicom_sieve", "serve", *serving], environment) as deployments:
                text.show_lines(f"Prefect    {url}", f"API        {url}/api", "stop with Ctrl-C")
                sys.stdout.flush()
                _wait_for_end(prefect, deployments)
    except KeyboardInterrupt:
        text.show_lines("stopped")


def server_environment(url: str) -> dict[str, str]:
    """Give the environment of both processes: Prefect's data beside the ledger unless said otherwise, no telemetry."""
    return {
        "PREFECT_HOME": str(Path.home() / ".dicom-sieve" / "prefect"),
        **os.environ,
        "PREFECT_API_URL": f"{url}/api",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    }


def make_private(prefect_home: Path) -> None:
    """Keep Prefect's data from others: it holds parameters, and before a run starts its credentials are among them.

    What Prefect writes is private by the umask of its process; what lies there is made so. A home of the user's own
    stays as it is, its database does not.
    """
    ours = Path.home() / ".dicom-sieve"
    for folder in (ours, prefect_home):
        private.make_folder(folder)
    if ours in prefect_home.parents:
        prefect_home.chmod(private.FOLDER_MODE)
    for file in prefect_home.glob("prefect.db*"):
        file.chmod(private.FILE_MODE)


@contextmanager
def child(command: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process and whatever it starts, and stop all of it by its process group."""
    process = subprocess.Popen(command, env=environment, start_new_session=True, umask=0o077)  # noqa: S603 - made here
    try:
        yield process
    finally:
        _stop(process)


def _wait_for_end(prefect: "subprocess.Popen[bytes]", deployments: "subprocess.Popen[bytes]") -> None:
    while prefect.poll() is None and deployments.poll() is None:
        time.sleep(0.5)
    ended = "Prefect's server" if prefect.poll() is not None else "serving the deployments"
    raise ServerError(f"{ended} ended by itself")


def _stop(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        if process.poll() is None:
            os.killpg(process.pid, number)
            try:
                process.wait(SECONDS_TO_STOP)
            except subprocess.TimeoutExpired:
                continue
    try:
        os.killpg(process.pid, signal.SIGKILL)  # children that outlived it
    except ProcessLookupError:
        return


def _refuse_taken_port(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ServerError(f"cannot listen on {host}:{port}: {error.strerror}; choose another with --port") from None


def _wait_until_healthy(url: str, server: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < end and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/api/health", timeout=5):  # noqa: S310 - http, by construction
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)
    if server.poll() is not None:
        raise ServerError("Prefect's server ended before it answered; see above")
    raise ServerError(f"Prefect's server did not answer at {url} within {SECONDS_TO_START} s")


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
