"""The command's entry: exit codes, and errors in one readable line."""

import io
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from dicom_sieve import garbage, logs
from dicom_sieve.allocator import tune_allocator
from dicom_sieve.cli.exit import DONE, FAILED, INTERRUPTED, WRONG_USAGE, exit_with
from dicom_sieve.ending import EndedBySignal
from dicom_sieve.errors import DicomSieveError, InvalidRequestError, SettingsError

if TYPE_CHECKING:
    from typer import Typer

STOPPED = "stopped; start it again: a run reads only what is missing"


def main() -> None:
    """Run the command; exit codes: 0 done, 1 failed, 2 wrong usage, 3 nothing to verify, 130 interrupted."""
    _print_all_letters()
    tune_allocator()
    garbage.search_seldom()
    logs.set_up()
    from dicom_sieve.cli.app import app  # a broken installation should still give one line

    try:
        _run(app)
    except (InvalidRequestError, SettingsError) as error:
        exit_with(str(error), WRONG_USAGE)
    except DicomSieveError as error:
        exit_with(str(error), FAILED)
    except EndedBySignal as error:
        exit_with(str(error), 128 + error.number)
    except SystemExit as end:
        if end.code == INTERRUPTED:  # the library of the command line has caught the interruption
            exit_with(STOPPED, INTERRUPTED)
        raise
    except KeyboardInterrupt:
        exit_with(STOPPED, INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()  # what read our output has read enough
        sys.exit(FAILED)
    except Exception as error:  # its text may quote anything, so it is named and placed only
        from dicom_sieve.explain import explain

        last = traceback.extract_tb(error.__traceback__)[-1]
        bug = f"unexpected {type(error).__name__} at {Path(last.filename).name}:{last.lineno}; please report it"
        exit_with(explain(error) or bug, FAILED)


def _run(app: "Typer") -> None:
    """Run it. Where logs are JSON, wrong usage is said there, not in a box."""
    if not logs.is_json():
        app(prog_name="dicom-sieve")
        return
    try:
        code = app(prog_name="dicom-sieve", standalone_mode=False)
    except Exception as error:
        if isinstance(error, DicomSieveError) or not hasattr(error, "format_message"):
            raise
        exit_with(error.format_message(), getattr(error, "exit_code", WRONG_USAGE))  # of the library
    else:
        sys.exit(code if isinstance(code, int) else DONE)


def _print_all_letters() -> None:
    """Write as an escape what the encoding of a terminal, as that of LC_ALL=C, has no letter for."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
