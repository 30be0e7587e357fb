"""Write the list of what a release is made of (CycloneDX 1.6, JSON), from the lock file. See ``make dist``.

    python -m scripts.sbom dist/dicom_sieve-1.0.0.cdx.json

A new environment is made of requirements/base.txt, by its hashes, and asked what is in it. ``SOURCE_DATE_EPOCH`` is
its date; without it there is none. The same lock file gives the same bytes on the same platform.
"""

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from dicom_sieve.version import __version__

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "requirements" / "base.txt"


def make_sbom(lock: Path = LOCK) -> str:
    """Make the list of what a lock file names for this platform."""
    with TemporaryDirectory() as folder:
        environment = _install(lock, Path(folder) / "environment")
        return _complete(_ask(environment))


def check(sbom: str) -> None:
    """Check a list against CycloneDX's schema.

    Raises:
        ValueError: It is not one; with the place.
    """
    if (problem := JsonStrictValidator(SchemaVersion.V1_6).validate_str(sbom)) is not None:
        raise ValueError(str(problem))


def _install(lock: Path, home: Path) -> Path:
    """Install what a lock file names, and nothing else."""
    uv = [sys.executable, "-m", "uv"]
    subprocess.run([*uv, "venv", "--quiet", "--python", sys.executable, str(home)], check=True)
    command = [*uv, "pip", "sync", "--quiet", "--require-hashes", "--python", str(home / "bin" / "python"), str(lock)]
    subprocess.run(command, check=True)
    return home


def _ask(environment: Path) -> str:
    """Let CycloneDX's own program list an environment."""
    program = str(Path(sys.executable).with_name("cyclonedx-py"))
    command = [program, "environment", "--no-validate", "--output-reproducible", "--spec-version", "1.6"]
    command += ["--mc-type", "library", "--pyproject", str(ROOT / "pyproject.toml"), str(environment)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _complete(sbom: str) -> str:
    """Say which version it is of: in pyproject.toml it is dynamic."""
    content = json.loads(sbom)
    content["metadata"]["component"] |= {"version": __version__, "purl": f"pkg:pypi/dicom-sieve@{__version__}"}
    return json.dumps(content, indent=2, sort_keys=True) + "\n"


def main() -> None:
    """Write and check it."""
    sbom = make_sbom()
    check(sbom)
    Path(sys.argv[1]).write_text(sbom)


if __name__ == "__main__":
    main()
