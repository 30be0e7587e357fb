"""Write the list of what a release is made of (CycloneDX 1.6, JSON), from the lock file. See ``make dist``.

    python -m scripts.sbom dist/dicom_sieve-1.0.0.cdx.json

A new environment is made of requirements/base.txt, by its hashes, and asked what is in it. ``SOURCE_DATE_EPOCH`` is
its date; without it there is none. The same lock file gives the same bytes on the same platform.

CycloneDX's own program is in an environment of its own, too, of requirements/sbom.txt: what it needs to check texts
makes jsonschema read a grammar of URIs, which more than doubles the time that each process takes to import Prefect.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from dicom_sieve.version import __version__

ROOT = Path(__file__).parents[1]
LOCKS = ROOT / "requirements"
CHECK = """
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
problem = JsonStrictValidator(SchemaVersion.V1_6).validate_str(sys.stdin.read())
sys.exit(None if problem is None else str(problem))
"""


@contextmanager
def tools() -> Iterator[Path]:
    """Give an environment that has CycloneDX's program, for a while."""
    with TemporaryDirectory() as folder:
        yield _install(LOCKS / "sbom.txt", Path(folder) / "tools")


def make_sbom(tools: Path, lock: Path = LOCKS / "base.txt") -> str:
    """Make the list of what a lock file names for this platform."""
    with TemporaryDirectory() as folder:
        return _complete(_ask(tools, _install(lock, Path(folder) / "environment")))


def check(tools: Path, sbom: str) -> None:
    """Check a list against CycloneDX's schema.

    Raises:
        ValueError: It is not one; with the place.
    """
    command = [str(tools / "bin" / "python"), "-c", CHECK]
    checked = subprocess.run(command, input=sbom, check=False, capture_output=True, text=True)
    if checked.returncode:
        raise ValueError(checked.stderr.strip())


def _install(lock: Path, home: Path) -> Path:
    """Install what a lock file names, and nothing else."""
    uv = [sys.executable, "-m", "uv"]
    subprocess.run([*uv, "venv", "--quiet", "--python", sys.executable, str(home)], check=True)
    command = [*uv, "pip", "sync", "--quiet", "--require-hashes", "--python", str(home / "bin" / "python"), str(lock)]
    subprocess.run(command, check=True)
    return home


def _ask(tools: Path, environment: Path) -> str:
    """Let CycloneDX's own program list an environment."""
    command = [
        str(tools / "bin" / "cyclonedx-py"),
        "environment",
        "--no-validate",
        "--output-reproducible",
        "--spec-version",
        "1.6",
    ]
    command += ["--mc-type", "library", "--pyproject", str(ROOT / "pyproject.toml"), str(environment)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _complete(sbom: str) -> str:
    """Say which version it is of: in pyproject.toml it is dynamic."""
    content = json.loads(sbom)
    content["metadata"]["component"] |= {"version": __version__, "purl": f"pkg:pypi/dicom-sieve@{__version__}"}
    return json.dumps(content, indent=2, sort_keys=True) + "\n"


def main() -> None:
    """Write and check it."""
    with tools() as environment:
        sbom = make_sbom(environment)
        check(environment, sbom)
    Path(sys.argv[1]).write_text(sbom)


if __name__ == "__main__":
    main()
