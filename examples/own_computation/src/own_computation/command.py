"""The same as a program: ``own-computation INPUT OUTPUT`` reads a folder of DICOM and writes a folder."""

import json
import sys
from pathlib import Path

import pydicom

from own_computation import USUAL
from own_computation.percentiles import NoPixelsError, percentiles_of

NO_PIXELS = 65
"""An exit code that says that a series is not fit for it; ``refuses`` in a file of commands names it."""


def main() -> None:
    """Compute on the folder of one series."""
    source, target = map(Path, sys.argv[1:])
    try:
        found = percentiles_of((pydicom.dcmread(file) for file in sorted(source.iterdir())), USUAL)
    except NoPixelsError as error:
        print(error)
        sys.exit(NO_PIXELS)
    (target / "percentiles.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main()
