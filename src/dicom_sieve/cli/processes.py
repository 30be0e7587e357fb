"""``dicom-sieve up``: a Prefect server and the served deployments as two child processes of one foreground command."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from ipaddress import ip_address
from pathlib import Path
from types import FrameType
from typing import NoReturn

from dicom_sieve import logs, private
from dicom_sieve.cli.exit import say
from dicom_sieve.cli.output.text import tell_lines
from dicom_sieve.cli.password import OF_CLIENTS, OF_SERVER, Password, find_or_make, of_environment
from dicom_sieve.errors import DicomSieveError

SECONDS_TO_START = 120
SECONDS_TO_STOP = 15


class ServerError(DicomSieveError):
    """A server that did not start, or ended by itself."""

    def __init__(self, message: str) -> None:
        super().__init__(message)


def run_server_and_deployments(
    host: str,
    port: int,
    serving: Sequence[str] = (),
    *,
    names: Sequence[str] = (),
    is_open: bool = False,
    web_port: int = 0,
) -> None:
    """Run both until one ends or this process is signalled to stop; then stop both.

    Args:
        host: Where the server listens.
        port: Its port.
        serving: Options of ``dicom-sieve serve``.
        names: Further names by which the server may be called.
        is_open: Without a password.
        web_port: Of the pages; 0: none.

    Raises:
        ServerError: The port is taken, or one of them ended by itself.
        PasswordError: There is a password that cannot be used.
    """
    url, home = f"http://{_in_url(host)}:{port}", _prefect_home()
    refuse_taken_port(host, port)
    if web_port:
        refuse_taken_port(host, web_port, "--web-port")
    make_private(home)
    password = None if is_open else of_environment(os.environ) or find_or_make(home)
    environment = server_environment(url, home, password)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        with child(_server("dicom_sieve.flows.server", host, port, names), environment) as prefect:
            _wait_until_healthy(f"{url}/api/health", prefect, "Prefect's server")
            with ExitStack() as children:
                deployments = children.enter_context(
                    child([sys.executable, "-m", "dicom_sieve", "serve", *serving], environment)
                )
                processes, shown = {"Prefect's server": prefect, "serving the deployments": deployments}, []
                if web_port:
                    address = f"http://{_in_url(host)}:{web_port}"
                    pages = child(_server("dicom_sieve.web", host, web_port, names), environment)
                    processes["the pages"] = children.enter_context(pages)
                    _wait_until_healthy(f"{address}/health", processes["the pages"], "the pages")
                    shown = [f"Pages      {address}"]
                warn(host, port, is_open=is_open)
                lines = describe_password(password, on_terminal=sys.stdout.isatty() and not logs.is_json())
                tell_lines(*shown, f"Prefect    {url}", f"API        {url}/api", *lines, "stop with Ctrl-C")
                _wait_for_end(processes)
    except KeyboardInterrupt:
        tell_lines("stopped")


def become_server(host: str, port: int, names: Sequence[str], password: Password | None) -> NoReturn:
    """Go on as Prefect's server behind our door, in this process: who started it stops it by its signals.

    Args:
        host: Where it listens.
        port: Its port.
        names: Further names by which it may be called.
        password: What opens it; None: everyone who can reach it.

    Raises:
        ServerError: The port is taken.
    """
    refuse_taken_port(host, port)
    home = _prefect_home()
    make_private(home)
    warn(host, port, is_open=password is None)
    environment = server_environment(f"http://{_in_url(host)}:{port}", home, password)
    os.umask(0o077)
    os.execve(sys.executable, _server("dicom_sieve.flows.server", host, port, names), environment)  # noqa: S606 - made here


def _prefect_home() -> Path:
    return Path(os.environ.get("PREFECT_HOME") or Path.home() / ".dicom-sieve" / "prefect")


def _server(module: str, host: str, port: int, names: Sequence[str]) -> list[str]:
    """Give the command that starts a server, with the names by which it may be called."""
    allowed = [part for name in (host, *names) for part in ("--allow-host", name)]
    return [sys.executable, "-m", module, "--host", host, "--port", str(port), *allowed]


def server_environment(url: str, home: Path, password: Password | None) -> dict[str, str]:
    """Give the environment of both processes.

    Prefect's data lie beside the ledger unless said otherwise; there is no telemetry; pages of other servers may not
    call; the password is never on a command line.
    """
    given = {name: value for name, value in os.environ.items() if name not in {OF_SERVER, OF_CLIENTS}}
    port = url.rpartition(":")[2]
    return {
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": f"{url},http://localhost:{port}",
        "PREFECT_UI_API_URL": "/api",
        **given,
        "PREFECT_HOME": str(home),
        "PREFECT_API_URL": f"{url}/api",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        **({} if password is None else {OF_SERVER: password.text, OF_CLIENTS: password.text}),
    }


def make_private(prefect_home: Path) -> None:
    """Keep Prefect's data from others: it holds parameters, and before a run starts its credentials are among them.

    What Prefect writes is private by the umask of its process; what lies there is made so. A home of the user's own
    stays as it is, its database does not.
    """
    ours = Path.home() / ".dicom-sieve"
    if ours in prefect_home.parents:
        private.make_folder(ours)
    private.make_folder(prefect_home)
    if ours in prefect_home.parents:
        prefect_home.chmod(private.FOLDER_MODE)
    for file in prefect_home.glob("prefect.db*"):
        file.chmod(private.FILE_MODE)


def describe_password(password: Password | None, *, on_terminal: bool) -> list[str]:
    """Say what opens the API. The password itself is shown once, and only on a terminal: what is logged stays."""
    if password is None:
        return ["password   none (--no-auth)"]
    if password.file is None:
        return [f"password   that of {OF_SERVER}"]
    shown = [f"password   {password.text}"] if password.is_new and on_terminal else []
    return [*shown, f"{'kept in ' if shown else 'password'}   {password.file}"]


def warn(host: str, port: int, *, is_open: bool) -> None:
    """Say aloud what is less safe than the default."""
    if is_open:
        say(
            f"WARNING: --no-auth: every user and every program of this machine can run code as this user through port "
            f"{port}, and read the secrets of Prefect's blocks"
        )
    if not is_loopback(host):
        say(
            f"WARNING: other machines can reach {host}:{port}, and the password travels to it unencrypted; "
            "put a proxy with TLS before it (docs/security.md)"
        )


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach what listens on a host."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


@contextmanager
def child(command: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process and whatever it starts, and stop all of it by its process group."""
    process = subprocess.Popen(command, env=environment, start_new_session=True, umask=0o077)  # noqa: S603 - made here
    try:
        yield process
    finally:
        _stop(process)


def _wait_for_end(processes: Mapping[str, "subprocess.Popen[bytes]"]) -> None:
    while all(process.poll() is None for process in processes.values()):
        time.sleep(0.5)
    ended = next(name for name, process in processes.items() if process.poll() is not None)
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


def refuse_taken_port(host: str, port: int, option: str = "--port") -> None:
    """Refuse a port that something listens on.

    Raises:
        ServerError: It is taken.
    """
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ServerError(
                f"cannot listen on {host}:{port}: {error.strerror}; choose another with {option}"
            ) from None


def _wait_until_healthy(url: str, server: "subprocess.Popen[bytes]", name: str) -> None:
    end = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < end and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - http, by construction
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)
    if server.poll() is not None:
        raise ServerError(f"{name} ended before it answered; see above")
    raise ServerError(f"{name} did not answer at {url} within {SECONDS_TO_START} s")


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
