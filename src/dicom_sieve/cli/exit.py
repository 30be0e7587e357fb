"""Exit codes, and the way out with an error."""

import logging
import signal
import sys

from dicom_sieve import logs

DONE, FAILED, WRONG_USAGE = 0, 1, 2
INTERRUPTED = 128 + signal.SIGINT
NOTHING_TO_VERIFY = 3
SAYS = "dicom-sieve: "
"""What a line that is said begins with, where it is no JSON."""


def say(line: str, level: int = logging.WARNING) -> None:
    """Say something beside the output: on stderr, or in the log where that is JSON."""
    if logs.is_json():
        logs.tell(line, level)
    else:
        print(f"{SAYS}{line}", file=sys.stderr, flush=True)


def exit_with(message: str, code: int) -> None:
    """Say why, one line a problem, and end."""
    for line in message.splitlines():
        say(line, logging.ERROR)
    sys.exit(code)
