"""Names of criteria that are saved, and which version of them is meant."""

import re
from dataclasses import dataclass

from dicom_sieve.errors import InvalidRequestError

LONGEST_NAME = 64
NAME = rf"^[A-Za-z0-9][A-Za-z0-9._-]{{0,{LONGEST_NAME - 1}}}(?![\s\S])"
ACCEPTED_NAME = (
    f"accepted: 1 to {LONGEST_NAME} of A-Z, a-z, 0-9, '-', '_' and '.', of which the first is a letter or digit"
)
MOST_VERSIONS = 999_999_999
_VERSION = re.compile(r"[1-9][0-9]{0,8}")
_ACCEPTED_VERSION = "accepted: a number from 1"


@dataclass(frozen=True, slots=True)
class NamedCriteria:
    """Saved criteria that somebody asks for, or that a run used.

    Attributes:
        name: What they are called; capital and small letters differ.
        version: From 1; None: the newest.
    """

    name: str
    version: int | None = None

    def __str__(self) -> str:
        return self.name if self.version is None else f"{self.name}@{self.version}"

    def describe(self) -> str:
        """Say it in words."""
        return self.name if self.version is None else f"{self.name}, version {self.version}"


def check_name(text: str, field: str) -> str:
    """Give a name of criteria as it is.

    Args:
        text: What was given.
        field: Where; it begins the message of an error.

    Raises:
        InvalidRequestError: It is none. The message repeats it only where it is short and printable.
    """
    if re.match(NAME, text) is None:
        shown = repr(text) if len(text) <= LONGEST_NAME and text.isprintable() else "this"
        raise InvalidRequestError((f"{field}: {shown} is no name of criteria; {ACCEPTED_NAME}",))
    return text


def read_version(text: str, field: str) -> int:
    """Read the number of a version.

    Raises:
        InvalidRequestError: It is none.
    """
    if _VERSION.fullmatch(text) is None:
        raise InvalidRequestError((f"{field}: {text[:LONGEST_NAME]!r} is no version; {_ACCEPTED_VERSION}",))
    return int(text)


def read_named(text: str, field: str) -> NamedCriteria:
    """Read ``NAME`` or ``NAME@VERSION``.

    Args:
        text: What was given.
        field: Where; it begins the message of an error.

    Raises:
        InvalidRequestError: It is neither.

    Examples:
        >>> read_named("thin-axial-ct@3", "NAME").describe()
        'thin-axial-ct, version 3'
    """
    name, has_version, version = text.partition("@")
    return NamedCriteria(check_name(name, field), read_version(version, field) if has_version else None)
