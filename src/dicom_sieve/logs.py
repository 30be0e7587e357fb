"""Logs of all our processes: as text, or as JSON, an object a line, where DICOM_SIEVE_LOG_FORMAT says so.

What is written is what the text has. Of an error that is not ours there are its type and the places that it passed
through, as everywhere: its text may quote anything.
"""

import json
import logging
import os
import re
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from dicom_sieve.errors import DicomSieveError

SETTING = "DICOM_SIEVE_LOG_FORMAT"
OF_PREFECT = "PREFECT_LOGGING_SETTINGS_PATH"
PREFECT_FILE = Path(__file__).with_name("logging.yml")
"""What Prefect's loggers are set up by: its own file, with JSON where a console is."""
_NAME = "dicom_sieve"
_USER_OF_URL = re.compile(r"(?<=://)[^/\s@]+(?=@)")
_run_id: ContextVar[str | None] = ContextVar("run_id", default=None)


class JsonHandler(logging.Handler):
    """Writes each record to stderr as a line of JSON: time, level, logger, message, run_id and exception if any."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write it at once, so that lines of several processes do not mix."""
        try:
            sys.stderr.write(f"{json.dumps(as_json(record))}\n")
            sys.stderr.flush()
        except Exception:
            self.handleError(record)


def as_json(record: logging.LogRecord) -> dict[str, Any]:
    """Give the members of a line."""
    said: dict[str, Any] = {
        "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": record.levelname,
        "logger": record.name,
        "message": without_credentials(record.getMessage()),
    }
    run_id = _run_id.get() or getattr(record, "flow_run_id", None)
    if run_id is not None:
        said["run_id"] = str(run_id)
    if record.exc_info and record.exc_info[1] is not None:
        said["exception"] = _describe(record.exc_info[1])
    return said


def without_credentials(text: str) -> str:
    """Replace user and password of the URLs in a text.

    Examples:
        >>> without_credentials("no answer of postgresql://ann:secret@db/ledger")
        'no answer of postgresql://***@db/ledger'
    """
    return _USER_OF_URL.sub("***", text)


def _describe(error: BaseException) -> dict[str, Any]:
    frames = traceback.extract_tb(error.__traceback__)
    said: dict[str, Any] = {
        "type": type(error).__name__,
        "places": [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames],
    }
    return {**said, "message": without_credentials(str(error))} if isinstance(error, DicomSieveError) else said


def is_json() -> bool:
    """Tell whether logs are JSON."""
    return os.environ.get(SETTING, "").strip().lower() == "json"


def set_up() -> None:
    """Have this process, and those that it starts, log JSON where the setting says so; else nothing is changed.

    It may be called before Prefect is imported, which reads `PREFECT_FILE` then, and after it.
    """
    if not is_json():
        return
    os.environ.setdefault(OF_PREFECT, str(PREFECT_FILE))
    logging.getLogger(_NAME).setLevel(logging.INFO)
    loggers = [each for each in logging.Logger.manager.loggerDict.values() if isinstance(each, logging.Logger)]
    for logger in (logging.getLogger(), *loggers):
        for handler in list(logger.handlers):
            if isinstance(handler, logging.StreamHandler) and not isinstance(handler, logging.FileHandler):
                logger.removeHandler(handler)
                logger.addHandler(JsonHandler(handler.level))
    root = logging.getLogger()
    if not any(isinstance(handler, JsonHandler) for handler in root.handlers):
        root.addHandler(JsonHandler())
    logging.captureWarnings(True)
    sys.excepthook = _log_uncaught
    threading.excepthook = lambda ended: _log_uncaught(ended.exc_type, ended.exc_value, ended.exc_traceback)


def _log_uncaught(
    kind: type[BaseException], error: BaseException | None, _traceback: TracebackType | None = None
) -> None:
    logging.getLogger(_NAME).critical("unexpected %s", kind.__name__, exc_info=error)


def tell(line: str, level: int = logging.INFO) -> None:
    """Log a line of the command, where logs are JSON; call it only there."""
    logging.getLogger(f"{_NAME}.cli").log(level, "%s", line)


@contextmanager
def of_run(run_id: str) -> Iterator[None]:
    """Name the run in each line that is logged inside, of this thread and of what takes over its context."""
    token = _run_id.set(run_id)
    try:
        yield
    finally:
        _run_id.reset(token)
