"""A real S3 server on this machine: Ceph's object gateway, with one monitor and one storage daemon in memory.

Usable as a library (``CephRgw``) and as a command (``run``). Everything is kept in one directory, listens on loopback
only and is gone when it stops: the objects live in memory. `install_real_servers.sh` installs the programs.

Source:
    The steps are those of Ceph's manual deployment, https://docs.ceph.com/en/pacific/install/manual-deployment/,
    less the manager daemon, which the gateway does not need.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, Self

from scripts.ceph_configuration import CONFIGURATION, make_keyring

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import FrameType, TracebackType

PROGRAMS = ("ceph", "ceph-mon", "ceph-osd", "monmaptool", "radosgw", "radosgw-admin")
# Of objects; the storage daemon takes about twice that of the machine's memory, and once it is full, writes hang.
MEMORY_BYTES = 4 * 1024**3
STEP_SECONDS = 60.0
STOP_SECONDS = 10.0
POLL_SECONDS = 0.05
LOG_LINES = 15

# Below Linux' default range for outgoing connections (32768 and up), so that none of them takes a port once picked.
PORTS = range(20_000, 32_000)

# Kills its own process group, which all programs join, once this process is gone and its end of the pipe with it.
GUARD = "read -r _; kill -KILL 0"

EXAMPLE = """\
example:
  $ python -m scripts.ceph_rgw run --directory rgw
  {"endpoint": "http://127.0.0.1:20480", "access_key": "...", "secret_key": "..."}
"""


class CephRgwError(Exception):
    """The server could not be started or used; the text names the log file and repeats its last lines."""


def available() -> str | None:
    """Say whether all programs are there.

    Returns:
        None when they are, else a sentence that names the missing ones: fit as the reason of a skipped test.
    """
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    return f"Ceph RGW needs programs that are not on PATH: {', '.join(missing)}" if missing else None


class CephRgw:
    """One S3 server, from entering the context to leaving it.

    Args:
        directory: Where configuration, keys, data and logs go; made when missing. Good for one start, and left behind
            with its logs.
        tcp_nodelay: False leaves Nagle's algorithm on in the gateway: about 45 ms a request, as a far-away server.

    Attributes:
        endpoint: ``http://127.0.0.1:PORT``; set by the start, as the two below.
        access_key: The first user's, random at each start.
        secret_key: Belongs to ``access_key``.

    Raises:
        CephRgwError: On entering: a program is missing, the directory was used before, a daemon ended, or one step
            took over 60 seconds. No process is left behind.

    Examples:
        >>> with CephRgw(Path("rgw")) as rgw:  # doctest: +SKIP
        ...     s3 = boto3.client("s3", endpoint_url=rgw.endpoint, region_name="eu-west",
        ...                       aws_access_key_id=rgw.access_key, aws_secret_access_key=rgw.secret_key)
    """

    endpoint: str
    access_key: str
    secret_key: str

    def __init__(self, directory: Path, *, tcp_nodelay: bool = True) -> None:
        self.directory = directory.absolute()
        self._tcp_nodelay = tcp_nodelay
        self._daemons: dict[str, subprocess.Popen[bytes]] = {}
        self._guard: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start the daemons and make the first user; return once the gateway answers.

        Raises:
            CephRgwError: As for the class.
        """
        reason = available()
        if reason is not None:
            raise CephRgwError(reason)
        if (self.directory / "ceph.conf").exists():
            raise CephRgwError(f"{self.directory} holds an earlier start; accepted: a new or an empty directory")
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def create_user(self, uid: str) -> tuple[str, str]:
        """Make one more user, who owns nothing and may do nothing in the buckets of others.

        Args:
            uid: Its name, not used before.

        Returns:
            Its access key and secret key, both random.

        Raises:
            CephRgwError: The server refuses, as for a ``uid`` in use.
        """
        # Letters and digits only: a key that began with a dash would be taken for an option.
        access_key, secret_key = secrets.token_hex(10).upper(), secrets.token_hex(20)
        user = [f"--uid={uid}", f"--display-name={uid}", f"--access-key={access_key}", f"--secret-key={secret_key}"]
        self._run("radosgw-admin", "-n", "client.rgw", "user", "create", *user)
        return access_key, secret_key

    def check(self) -> None:
        """Do nothing while every daemon runs.

        Raises:
            CephRgwError: One has ended.
        """
        for name, daemon in self._daemons.items():
            if daemon.poll() is not None:
                log = self._log(name)
                raise CephRgwError(f"{name} ended with exit status {daemon.returncode}{_last_lines(log)}")

    def stop(self) -> None:
        """End every daemon, the last started first: SIGTERM, and SIGKILL after 10 seconds. Repeating it is harmless."""
        try:
            while self._daemons:
                _, daemon = self._daemons.popitem()
                _end(daemon)
        finally:
            self._daemons.clear()
            self._sweep()

    def _start(self) -> None:
        monitor_v2, monitor_v1, port = _free_ports(3)
        monitor = f"[v2:127.0.0.1:{monitor_v2},v1:127.0.0.1:{monitor_v1}]"
        fsid, osd = str(uuid.uuid4()), str(uuid.uuid4())
        self._write_configuration(fsid=fsid, monitor=monitor, port=port)
        self._guard = subprocess.Popen(["/bin/sh", "-c", GUARD], stdin=subprocess.PIPE, process_group=0)

        self._run("monmaptool", "--create", "--fsid", fsid, "--addv", "a", monitor, "monmap")
        self._run("ceph-mon", "-i", "a", "--mkfs", "--monmap", "monmap")
        self._spawn("ceph-mon", "-i", "a")
        self._run("ceph", "osd", "new", osd)
        self._run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", osd)
        self._spawn("ceph-osd", "-i", "0")
        self._spawn("radosgw", "-n", "client.rgw")
        self._wait_for("radosgw", lambda: _answers(port))
        self.access_key, self.secret_key = self.create_user("owner")
        self.endpoint = f"http://127.0.0.1:{port}"

    def _write_configuration(self, *, fsid: str, monitor: str, port: int) -> None:
        for folder in ("mon", "osd"):
            (self.directory / folder).mkdir(parents=True, exist_ok=True)
        keyring = self.directory / "keyring"
        keyring.touch(mode=0o600)
        keyring.write_text(make_keyring(), encoding="ascii")
        text = CONFIGURATION.format(
            fsid=fsid, monitor=monitor, port=port, tcp_nodelay=int(self._tcp_nodelay), memory_bytes=MEMORY_BYTES
        )
        (self.directory / "ceph.conf").write_text(text, encoding="ascii")

    def _log(self, name: str) -> Path:
        return self.directory / f"{name}.log"

    def _run(self, program: str, *arguments: str) -> None:
        """Run a program to its end."""
        name = f"{program}.command"
        process = self._popen(name, program, *arguments)
        try:
            self._wait_for(name, lambda: process.poll() is not None)
        finally:
            _end(process)
        if process.returncode != 0:
            raise CephRgwError(f"{program} ended with exit status {process.returncode}{_last_lines(self._log(name))}")

    def _spawn(self, program: str, *arguments: str) -> None:
        """Start a daemon, in the foreground."""
        self._daemons[program] = self._popen(program, program, "-f", *arguments)

    def _popen(self, name: str, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a program inside the directory, its log going there, as a member of the guard's process group.

        That group is not the terminal's: Ctrl-C reaches this process alone, which then ends the others in order.
        """
        if self._guard is None:
            raise CephRgwError("the server is not running")
        # radosgw sends its log to standard output; what radosgw-admin prints there holds keys, and is dropped.
        daemon = name == program
        with self._log(name).open("wb") as log:
            return subprocess.Popen(
                [program, "-c", "ceph.conf", *arguments],
                cwd=self.directory,
                env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
                stdin=subprocess.DEVNULL,
                stdout=log if daemon else subprocess.DEVNULL,
                stderr=log,
                process_group=self._guard.pid,
            )

    def _wait_for(self, name: str, ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + STEP_SECONDS
        while not ready():
            self.check()
            if time.monotonic() > deadline:
                raise CephRgwError(f"{name} was not ready in {STEP_SECONDS:.0f} seconds{_last_lines(self._log(name))}")
            time.sleep(POLL_SECONDS)

    def _sweep(self) -> None:
        """End the guard, and with it whatever an interrupt left in its process group."""
        if self._guard is not None:
            # Its process id, and so the group's, cannot pass to another process before it is waited for.
            os.killpg(self._guard.pid, signal.SIGKILL)
            self._guard.communicate()
            self._guard = None


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _last_lines(log: Path) -> str:
    lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line]
    return "\n".join([f"; the last lines of {log}:", *lines[-LOG_LINES:]])


def _free_ports(count: int) -> list[int]:
    """Pick distinct loopback ports that nobody listens on; another process may still be quicker to take one."""
    found: list[int] = []
    for port in random.sample(PORTS, len(PORTS)):
        with socket.socket() as probe:
            # As the daemons do: a port that waits out a closed connection is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            found.append(port)
        if len(found) == count:
            return found
    raise CephRgwError(f"no {count} free ports from {PORTS.start} to {PORTS.stop - 1} on 127.0.0.1")


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/")
        connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return True


def _interrupted(number: int, frame: FrameType | None) -> NoReturn:
    """Leave by way of the context managers, once: a second signal does not interrupt the end of the daemons."""
    for accepted in (signal.SIGINT, signal.SIGTERM):
        signal.signal(accepted, signal.SIG_IGN)
    raise SystemExit(0)


def _run_until_interrupted(directory: Path) -> None:
    with CephRgw(directory) as rgw:
        ready = {"endpoint": rgw.endpoint, "access_key": rgw.access_key, "secret_key": rgw.secret_key}
        print(json.dumps(ready), flush=True)
        while True:
            rgw.check()
            time.sleep(1)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: Those of the command line; None reads them from ``sys.argv``.

    Returns:
        The exit status: 0 after SIGINT or SIGTERM, 1 when the server could not start or has ended by itself.
    """
    parser = argparse.ArgumentParser(
        description="A real S3 server on this machine: Ceph RGW, in memory, on a free loopback port.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    run = commands.add_parser(
        "run",
        help="run in the foreground until Ctrl-C or SIGTERM; one line of JSON says when it is ready",
        description="Run in the foreground until Ctrl-C or SIGTERM; one line of JSON says when it is ready.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    run.add_argument(
        "--directory", type=Path, help="where its files go, new or empty; default: a temporary one, removed at the end"
    )
    directory: Path | None = parser.parse_args(arguments).directory

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupted)
    try:
        if directory is not None:
            _run_until_interrupted(directory)
        else:
            with tempfile.TemporaryDirectory(prefix="ceph-rgw-") as temporary:
                _run_until_interrupted(Path(temporary))
    except CephRgwError as error:
        print(f"error: {error}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
