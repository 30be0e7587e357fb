"""``python limited.py BYTES PROGRAM …``: becomes a program that has a limit of memory. It imports nothing of ours."""

import ctypes
import os
import resource
import signal
import sys
from contextlib import suppress

NOT_FOUND = 127
PR_SET_PDEATHSIG = 1
"""Of ``prctl.h``: the program is killed when its parent is."""


def main() -> None:
    """Set the limit, and become the program."""
    limit, program = int(sys.argv[1]), sys.argv[2:]
    with suppress(OSError, AttributeError):  # where there is no such call, only what ends in order ends it
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if limit:
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    try:
        os.execvp(program[0], program)  # noqa: S606 - no shell is wanted
    except OSError as error:
        sys.stderr.write(f"{program[0]}: {error.strerror}\n")
        sys.exit(NOT_FOUND)


if __name__ == "__main__":
    main()
