"""Fuzz the readers of headers for some time, from the kept inputs on; an input on which they differ ends it.

Atheris is needed, which is no part of the product (extra `fuzz`).
"""

import argparse
import hashlib
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["dicom_sieve.headers"]):
    from tests.fuzz.seeds import keep, kept, seeds
    from tests.fuzz.target import LARGEST, check

LARGEST_KEPT = 250_000


def main() -> None:
    """Run it as a command."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=300, help="how long (an hour: 3600)")
    parser.add_argument("--folder", type=Path, help="where inputs that reach more are left, and found again")
    parser.add_argument("--keep", type=Path, help="instead: keep the inputs of this folder in the repository")
    chosen = parser.parse_args()
    if chosen.keep:
        keep([file.read_bytes() for file in chosen.keep.iterdir()], LARGEST_KEPT)
        return
    folder = chosen.folder or Path(tempfile.mkdtemp(prefix="fuzz-"))
    folder.mkdir(exist_ok=True)
    for given in (*seeds(), *kept()):
        (folder / hashlib.sha256(given).hexdigest()[:16]).write_bytes(given)
    options = [
        f"-max_total_time={chosen.seconds}",
        f"-max_len={LARGEST}",
        "-timeout=10",
        "-rss_limit_mb=2048",
        f"-artifact_prefix={folder}-",
    ]
    atheris.Setup([sys.argv[0], str(folder), *options], check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
