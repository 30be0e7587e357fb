"""The command's entry: exit codes, and errors in one readable line."""

import sys
import traceback
from pathlib import Path

from dicom_sieve.errors import DicomSieveError, InvalidRequestError, SettingsError

DONE, FAILED, WRONG_USAGE = 0, 1, 2
NOTHING_TO_VERIFY = 3


def main() -> None:
    """Run the command; exit codes: 0 done, 1 failed or incomplete, 2 wrong usage, 3 nothing to verify."""
    from dicom_sieve.cli.app import app  # noqa: PLC0415 - a broken installation should still give one line

    try:
        app(prog_name="dicom-sieve")
    except (InvalidRequestError, SettingsError) as error:
        leave(str(error), WRONG_USAGE)
    except DicomSieveError as error:
        leave(str(error), FAILED)
    except KeyboardInterrupt:
        leave("stopped", FAILED)
    except BrokenPipeError:
        sys.stderr.close()  # what read our output has read enough
        sys.exit(FAILED)
    except Exception as error:  # its text may quote anything, so it is named and placed only
        last = traceback.extract_tb(error.__traceback__)[-1]
        leave(
            f"unexpected {type(error).__name__} at {Path(last.filename).name}:{last.lineno}; please report it", FAILED
        )


def leave(message: str, code: int) -> None:
    """Say why, one line a problem, and end."""
    for line in message.splitlines():
        print(f"dicom-sieve: {line}", file=sys.stderr)
    sys.exit(code)
