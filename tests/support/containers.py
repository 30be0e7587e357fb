"""Containers of the image that ``scripts/build_image.sh`` builds, as they are to run: no rights, no writable root."""

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

IMAGE = "localhost/dicom-sieve"
LIMITS = ("--ulimit=nofile=1024:1024", "--ulimit=nproc=4096:4096")
"""Those that podman asks for by itself may be more than this machine gives."""
HARDENED = ("--read-only", "--cap-drop=all", "--security-opt=no-new-privileges", "--tmpfs=/tmp:mode=1777")
RUNTIME = "--runtime=runc"
"""crun, which podman prefers, refuses machines whose cgroups are of both versions."""


def available() -> str | None:
    """Give why the image cannot be run here; None: it can."""
    if missing := [program for program in ("podman", "runc") if shutil.which(program) is None]:
        return f"{' and '.join(missing)} is not installed; scripts/install_real_servers.sh does it"
    if subprocess.run(["podman", "image", "exists", IMAGE], check=False, capture_output=True).returncode:
        return f"{IMAGE} is not built; scripts/build_image.sh does it"
    return None


def podman(*arguments: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
    """Run podman to its end."""
    command = ["podman", RUNTIME, *arguments]
    return subprocess.run(command, check=check, capture_output=True, text=True, timeout=240)


def inspect(name: str) -> dict[str, Any]:
    """Give what podman knows of an image or a container."""
    found: list[dict[str, Any]] = json.loads(podman("inspect", name).stdout)
    return found[0]


@dataclass(frozen=True)
class Container:
    """A running container."""

    name: str

    def run(self, *command: str, check: bool = True) -> str:
        """Run a command in it, and give what it prints on both."""
        done = podman("exec", self.name, *command, check=check)
        return done.stdout + done.stderr

    def is_running(self) -> bool:
        """Tell whether its process is there."""
        return bool(inspect(self.name)["State"]["Running"])

    def log(self) -> str:
        """Give all that it printed."""
        done = podman("logs", self.name)
        return done.stdout + done.stderr

    def stop(self) -> int:
        """Stop it as an orchestrator does, by SIGTERM; give its exit status."""
        podman("stop", "--time=60", self.name)
        return int(inspect(self.name)["State"]["ExitCode"])


@dataclass(frozen=True)
class Image:
    """How containers of the image are started.

    Attributes:
        prefix: Of their names.
        secrets: A folder of files; each container finds it as ``/run/secrets``.
        environment: Of all of them.
    """

    prefix: str
    secrets: Path
    environment: Mapping[str, str]

    def _options(self) -> list[str]:
        given = [f"--env={name}={value}" for name, value in self.environment.items()]
        return [*HARDENED, *LIMITS, "--network=host", f"--volume={self.secrets}:/run/secrets:ro", *given]

    @contextmanager
    def running(self, role: str, *command: str) -> Iterator[Container]:
        """Run a container until the end of the block."""
        name = f"{self.prefix}-{role}"
        podman("run", "--detach", "--no-healthcheck", f"--name={name}", *self._options(), IMAGE, *command)
        try:
            yield Container(name)
        finally:
            podman("rm", "--force", "--time=10", name)

    def command(self, *command: str) -> str:
        """Run a command in a container of its own, and give what it prints."""
        return podman("run", "--rm", "--no-healthcheck", *self._options(), IMAGE, *command).stdout
