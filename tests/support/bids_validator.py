"""The BIDS validator, as its makers release it, with the schema that it brings."""

import json
import subprocess
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from deno import find_deno_bin


@dataclass(frozen=True)
class Validated:
    """What it finds.

    Attributes:
        errors: Codes of errors.
        warnings: Codes of warnings.
        files: How many it counts.
    """

    errors: set[str]
    warnings: set[str]
    files: int


def validate_bids(root: Path) -> Validated:
    """Run it over a dataset; it may read, and ask no other machine."""
    validator = files("bids_validator_deno") / "bids-validator.js"
    command = [
        find_deno_bin(),
        "run",
        "--no-prompt",
        "--allow-read",
        "--allow-env",
        str(validator),
        str(root),
        "--json",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    told = json.loads(done.stdout)
    found = {severity: set[str]() for severity in ("error", "warning", "ignore")}
    for issue in told["issues"]["issues"]:
        found[issue["severity"]].add(issue["code"])
    return Validated(found["error"], found["warning"], told["summary"]["totalFiles"])
