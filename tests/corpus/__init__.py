"""Real files to test with: those in the pydicom wheel, damaged ones and ones that are no DICOM included."""

from pathlib import Path

import pydicom.data

_FOLDER = Path(pydicom.data.__file__).parent


def _all_files() -> dict[str, Path]:
    """Every file of pydicom's own folders, by its path in them; not what pydicom may have downloaded besides."""
    paths = (path for folder in ("test_files", "charset_files") for path in sorted((_FOLDER / folder).rglob("*")))
    return {str(path.relative_to(_FOLDER)): path for path in paths if path.is_file()}


FILES = _all_files()


def read_file(name: str) -> bytes:
    """Read a file by its name alone."""
    (path,) = (path for key, path in FILES.items() if key.endswith(f"/{name}"))
    return path.read_bytes()
