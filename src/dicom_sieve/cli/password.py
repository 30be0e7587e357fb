"""The API password of ``dicom-sieve up``: the user's own, or one that is made once and kept in a file."""

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dicom_sieve.errors import DicomSieveError

USER = "dicom-sieve"
FILE = "api-password"
OF_SERVER, OF_CLIENTS = "PREFECT_SERVER_API_AUTH_STRING", "PREFECT_API_AUTH_STRING"


class PasswordError(DicomSieveError):
    """A password that cannot be used; says what to do, and never quotes it."""

    def __init__(self, message: str) -> None:
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Password:
    """What opens the API.

    Attributes:
        text: ``user:password``, as HTTP Basic has it.
        file: Where it is kept; None: the environment gave it.
        is_new: Whether it was made just now.
    """

    text: str
    file: Path | None = None
    is_new: bool = False

    def __repr__(self) -> str:
        return f"Password(file={self.file!r})"


def of_environment(environment: Mapping[str, str]) -> Password | None:
    """Give the user's own password, or None.

    Raises:
        PasswordError: Server and clients are given different ones, or one without a colon.
    """
    given = {name: environment[name] for name in (OF_SERVER, OF_CLIENTS) if environment.get(name)}
    if not given:
        return None
    if len(set(given.values())) > 1:
        raise PasswordError(f"{OF_SERVER} and {OF_CLIENTS} differ; accepted: the same in both, or one of them alone")
    text = next(iter(given.values()))
    if not _is_sound(text):
        raise PasswordError(f"{' and '.join(given)}: no user and password; accepted: user:password")
    return Password(text)


def find_or_make(directory: Path) -> Password:
    """Give the password that is kept in a directory; where there is none it is made.

    Raises:
        PasswordError: The file is not its owner's alone, or holds something else.
    """
    file = directory / FILE
    made = f"{USER}:{secrets.token_urlsafe(24)}"
    is_new = _write_once(file, made)
    text = made if is_new else _read(file)
    return Password(text, file, is_new)


def _write_once(file: Path, text: str) -> bool:
    """Write it as a whole or not at all: another process may be reading it, or writing its own, at the same time."""
    if file.is_symlink() or file.exists():
        return False
    part = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as opened:
            opened.write(f"{text}\n")
        os.link(part, file)
    except FileExistsError:
        return False
    finally:
        part.unlink()
    return True


def _read(file: Path) -> str:
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError as error:
        raise PasswordError(f"{file} cannot be read: {error.strerror}; {_ADVICE}") from None
    with os.fdopen(descriptor, errors="replace") as opened:
        status = os.fstat(descriptor)
        text = opened.read(10_000).removesuffix("\n")
    if status.st_uid != os.geteuid() or status.st_mode & 0o077:
        raise PasswordError(f"{file} can be read by others (mode {status.st_mode & 0o777:04o}); {_ADVICE}")
    if not _is_sound(text):
        raise PasswordError(f"{file} does not hold user:password on one line; {_ADVICE}")
    return text


_ADVICE = "delete it: a new password is made at the next start"


def _is_sound(text: str) -> bool:
    user, colon, password = text.partition(":")
    return bool(user and colon and password) and text.isprintable() and text.isascii()
