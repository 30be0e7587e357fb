"""Errors in users' computations: their place in the code, for the ledger, and the whole traceback, in a log file.

The ledger, Prefect and the command get an error's type and places in code alone: its text may hold patients' values.
The file holds the whole traceback, and only its owner can read it.
"""

import datetime
import os
import re
import site
import sysconfig
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import sqlalchemy as sa

from dicom_sieve import private
from dicom_sieve.explain import explain

_OURS = "dicom_sieve"
_COMPUTES = re.compile(r"dicom_sieve\.computations\.\w+\.")
"""Modules of this package that compute, as users' code does."""


def describe_place(error: BaseException) -> str:
    """Name an error and the last line of the user's code that it passed through; of a library, where it was raised."""
    frames = list(_frames(error.__traceback__))
    if not frames:
        return type(error).__name__
    first = frames[0][0].partition(".")[0]
    users = [frame for module, frame in frames if _is_users(module, frame.filename, first)]
    last, raised = (users or [frames[0][1]])[-1], frames[-1][1]
    place = f"{type(error).__name__} at {_place(last)}, in {last.name}"
    return place if raised is last else f"{place} (raised at {_place(raised)})"


def keep_traceback(engine: sa.Engine, computation_id: int, series_uid: str, error: BaseException) -> Path | None:
    """Add an error's traceback to the log of a computation; give the file, or None where it cannot be written."""
    return keep_text(engine, computation_id, series_uid, "".join(traceback.format_exception(error)))


def keep_text(engine: sa.Engine, computation_id: int, series_uid: str, said: str) -> Path | None:
    """Add what is to be said of a series to the log of a computation; see `keep_traceback`."""
    file = log_of(engine, computation_id)
    moment = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    text = f"{moment} series {series_uid}\n{said}\n"
    try:
        private.take_folder(file.parent)
        with private.append(file) as opened:
            opened.write(text.encode("utf-8", "backslashreplace"))
    except OSError:  # a failure is recorded all the same
        return None
    return file


def log_of(engine: sa.Engine, computation_id: int) -> Path:
    """Give the log file of a computation: beside a ledger that is a file, else in the home directory."""
    is_file = engine.dialect.name == "sqlite"
    folder = Path(engine.url.database or "").resolve().parent if is_file else Path.home() / ".dicom-sieve"
    name = Path(engine.url.database or "ledger").stem
    return folder / "logs" / f"{name}-computation-{computation_id}.log"


def is_unexpected(error: BaseException) -> bool:
    """Tell whether an error is explained by its traceback alone."""
    return isinstance(error, Exception) and explain(error) is None


def _frames(trace: TracebackType | None) -> Iterator[tuple[str, traceback.FrameSummary]]:
    """Give the module and the place of each frame, without reading the source."""
    for frame, line in traceback.walk_tb(trace):
        code = frame.f_code
        summary = traceback.FrameSummary(code.co_filename, line, code.co_qualname, lookup_line=False)
        yield str(frame.f_globals.get("__name__", "")), summary


def _is_users(module: str, file: str, first: str) -> bool:
    """Tell whether a frame is the user's: in the package that entered the series, or in no library."""
    if module.partition(".")[0] == _OURS:
        return _COMPUTES.match(module) is not None
    if module.partition(".")[0] == first or module == "__main__":
        return True
    return Path(file).is_absolute() and not any(file.startswith(f"{folder}{os.sep}") for folder in _LIBRARIES)


def _libraries() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    return (*(paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")), *site.getsitepackages())


_LIBRARIES = _libraries()


def _place(frame: traceback.FrameSummary) -> str:
    return f"{Path(frame.filename).name}:{frame.lineno}"
