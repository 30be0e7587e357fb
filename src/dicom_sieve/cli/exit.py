"""Exit codes, and the way out with an error."""

import signal
import sys

DONE, FAILED, WRONG_USAGE = 0, 1, 2
INTERRUPTED = 128 + signal.SIGINT
NOTHING_TO_VERIFY = 3


def exit_with(message: str, code: int) -> None:
    """Say why, one line a problem, and end."""
    for line in message.splitlines():
        print(f"dicom-sieve: {line}", file=sys.stderr)
    sys.exit(code)
