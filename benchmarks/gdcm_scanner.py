"""GDCM's Scanner beside us: in an environment and a process of its own.

It is never installed where the product runs: its mere presence makes pydicom load it.
"""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.measure import Spent

_HERE = Path(__file__).parent
_REQUIREMENTS = _HERE.parent / "requirements" / "gdcm.txt"
_PROCESS = _HERE / "gdcm_process.py"


class GdcmScanner:
    """A process that scans files and times itself, from entering the context to leaving it."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [_environment(), "-I", _PROCESS],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # it warns of every odd file
            text=True,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()

    def scan(self, files: Iterable[Path], tags: Iterable[int]) -> tuple[Spent, Sequence[Path]]:
        """Scan files for tags.

        Returns:
            What it took, and the files that it could read.
        """
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the process has no pipes")
        turn = {"files": [str(file) for file in files], "tags": list(tags)}
        self._process.stdin.write(json.dumps(turn) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        return Spent(**answer["spent"]), [Path(file) for file in answer["read"]]


def _environment() -> Path:
    """Give the Python of GDCM's environment, made where there is none for these requirements."""
    digest = hashlib.sha256(_REQUIREMENTS.read_bytes()).hexdigest()[:12]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "dicom-sieve" / f"gdcm-{digest}"
    python, is_whole = folder / "bin" / "python", folder / "is-whole"
    if not is_whole.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        quietly = ["--quiet", "--disable-pip-version-check"]
        hashed = ["--require-hashes", "--only-binary", ":all:", "-r", str(_REQUIREMENTS)]
        subprocess.run([python, "-m", "pip", "install", *quietly, *hashed], check=True, stdout=sys.stderr)
        is_whole.touch()
    return python
