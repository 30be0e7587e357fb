"""What stops a run and is no bug: the machine, the ledger's server, a person. Each has a sentence that says what to do.

One table for the flow, the command and the ledger. Of an error's own text nothing is repeated: it may quote values.
"""

import errno
import sqlite3
import tempfile
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor
from enum import Enum

from dicom_sieve.ending import EndedBySignal

AGAIN = "then start it again: a run reads only what is missing"
_ANOTHER = "start another run: it reads only what is missing"
_LESS = "lower DICOM_SIEVE_SHARDS_IN_FLIGHT and DICOM_SIEVE_READS_IN_FLIGHT"

_OF_MACHINE = {
    errno.ENOSPC: "the disk is full: make room where the ledger, the output and the temporary folder ({temporary}) "
    f"are, {AGAIN}",
    errno.EMFILE: f"this process may not open more files: raise its limit (ulimit -n), or {_LESS}, {AGAIN}",
    errno.ENFILE: f"this machine may not open more files: raise its limit (fs.file-max), {AGAIN}",
    errno.EROFS: "a file system is read-only: make it writable where the ledger, the output and the temporary folder "
    f"({{temporary}}) are, {AGAIN}",
    errno.EACCES: "permission denied: give the user that runs this rights to the ledger, the output and the temporary "
    f"folder ({{temporary}}), {AGAIN}",
    errno.ENOMEM: f"the memory is used up: give the process more, or {_LESS}, {AGAIN}",
    errno.EIO: f"a disk answers with errors: look into the machine's log, {AGAIN}",
}
_SAME = {errno.EDQUOT: errno.ENOSPC, errno.EPERM: errno.EACCES}

_REACHED, _USED = "the ledger cannot be reached", "the ledger cannot be used"
_OF_SQLITE = {
    sqlite3.SQLITE_FULL: (_USED, "its disk is full", f"make room, {AGAIN}"),
    sqlite3.SQLITE_READONLY: (_USED, "it is read-only", "give the user that runs this the right to write to it"),
    sqlite3.SQLITE_IOERR: (_USED, "its disk answers with errors", f"look into the machine's log, {AGAIN}"),
    sqlite3.SQLITE_CORRUPT: (_USED, "its file is damaged", "put back a copy; 'dicom-sieve verify' tells what it holds"),
    sqlite3.SQLITE_NOTADB: (_REACHED, "the file is no SQLite database", "name another in DICOM_SIEVE_DATABASE_URL"),
    sqlite3.SQLITE_CANTOPEN: (
        _REACHED,
        "the file cannot be opened",
        "is its folder there, may this user write to it, and may this process open more files?",
    ),
    sqlite3.SQLITE_PERM: (_REACHED, "permission denied", "give the user that runs this the right to write to it"),
}
_OF_POSTGRESQL = {
    "25006": (_USED, "it is read-only", "name the primary in DICOM_SIEVE_DATABASE_URL, not a replica"),
    "28000": (
        _REACHED,
        "PostgreSQL refuses this role",
        "correct DICOM_SIEVE_DATABASE_URL, or PostgreSQL's pg_hba.conf",
    ),
    "28P01": (_REACHED, "its password is wrong", "correct DICOM_SIEVE_DATABASE_URL"),
    "3D000": (_REACHED, "there is no such database", "make it, or correct DICOM_SIEVE_DATABASE_URL"),
    "42501": (_USED, "this role has not the rights", "let it own the ledger's database"),
    "42P01": (_USED, "a table of it is gone", "put back a copy of the database"),
    "53100": (_USED, "PostgreSQL's disk is full", f"make room there, {AGAIN}"),
    "53200": (_USED, "PostgreSQL's memory is used up", f"give it more, {AGAIN}"),
    "53300": (
        _REACHED,
        "PostgreSQL takes no more connections",
        f"raise its max_connections, or run less at once, {AGAIN}",
    ),
    "55P03": (_USED, "another transaction has locked it", f"let that end, {AGAIN}"),
    "57014": (_USED, "PostgreSQL cancelled a statement that took too long", f"raise its statement_timeout, {AGAIN}"),
    "58030": (_USED, "PostgreSQL's disk answers with errors", f"look into its log, {AGAIN}"),
}
_WORDS_OF_REFUSAL = {
    "password authentication failed": "28P01",
    "no password supplied": "28P01",
    "too many connections": "53300",
    "too many clients": "53300",
    "connection slots": "53300",
    "permission denied": "42501",
    "no pg_hba.conf entry": "28000",
    'role "': "28000",
    'database "': "3D000",
}
"""PostgreSQL refuses a connection in words alone; those of other languages are not known here."""
PASSING = ("53300",)
"""What ends by itself, and is waited for."""

_OF_PEOPLE = {
    "KeyboardInterrupt": "it was interrupted (SIGINT, Ctrl-C)",
    "TerminationSignal": "it was cancelled, or its process was told to stop (SIGTERM)",
    "CancelledRun": "it was cancelled in Prefect",
    "CancelledError": "it was cancelled",
    "SystemExit": "its process was told to end",
}


class Stop(Enum):
    """Why a run is not to go on: what a person did in Prefect, and what to do."""

    DELETED = f"its flow run was deleted in Prefect; {_ANOTHER}"
    PAUSED = f"it was paused in Prefect; resume it there, or {_ANOTHER}"
    CANCELLED = f"it was cancelled in Prefect; {_ANOTHER}"


class StoppedInPrefect(BaseException):
    """A run was stopped in Prefect while it worked. As an interruption it passes by what handles errors.

    Args:
        stop: How.
    """

    def __init__(self, stop: Stop) -> None:
        super().__init__(stop)
        self.stop = stop

    def __str__(self) -> str:
        return self.stop.value


def explain(error: BaseException) -> str | None:
    """Say in a sentence what stopped a run, where it is no bug; None where it may be one."""
    return next((said for cause in _causes(error) if (said := _explain(cause))), None)


def explain_ledger(error: BaseException, place: str) -> str | None:
    """Say what is the matter with a database, of an error of its driver; see `explain`.

    Args:
        error: As the driver raised it.
        place: Where the database is, without credentials.
    """
    trouble = None
    if isinstance(error, sqlite3.Error):
        trouble = _OF_SQLITE.get(getattr(error, "sqlite_errorcode", 0) & 0xFF)
    elif (state := state_of(error)) is not None:
        trouble = _OF_POSTGRESQL.get(state)
    if trouble is None:
        return None
    what, observed, advice = trouble
    return f"{what}: {place}: {observed}; {advice}"


def state_of(error: BaseException) -> str | None:
    """Give the SQLSTATE of an error of PostgreSQL's driver; None where it has none."""
    state: str | None = getattr(error, "sqlstate", None)
    if state is None and hasattr(error, "diag"):
        text = str(error)
        return next((state for words, state in _WORDS_OF_REFUSAL.items() if words in text), None)
    return state


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Give an error, and what it says that it was raised from."""
    cause: BaseException | None = error
    for _ in range(5):
        if cause is None:
            return
        yield cause
        cause = getattr(cause, "orig", None) or cause.__cause__


def _explain(error: BaseException) -> str | None:
    said: str | None
    match error:
        case MemoryError():
            said = _OF_MACHINE[errno.ENOMEM]
        case OSError():
            said = _OF_MACHINE.get(_SAME.get(error.errno or 0, error.errno or 0))
        case UnicodeEncodeError() if any("\ud800" <= letter <= "\udfff" for letter in error.object):
            said = "a name or a setting has bytes that are not UTF-8: rename it, or set it again"
        case BrokenExecutor():
            said = f"a worker process was killed, perhaps for want of memory: give it more, or {_LESS}, {AGAIN}"
        case _ if any(base.__module__.startswith("httpx") for base in type(error).__mro__):
            said = f"Prefect's server does not answer, or answers with an error: look at it, {AGAIN}"
        case StoppedInPrefect():
            said = str(error)
        case EndedBySignal():
            said = f"it was {error}; start it again: a run reads only what is missing"
        case _ if type(error).__name__ in _OF_PEOPLE:
            said = f"{_OF_PEOPLE[type(error).__name__]}; start it again: a run reads only what is missing"
        case _:
            said = explain_ledger(error, "SQLite" if isinstance(error, sqlite3.Error) else "PostgreSQL")
    return said and said.replace("{temporary}", tempfile.gettempdir())
