"""Requests and answers of a service that is asked by REST, as values."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

CHUNK_BYTES = 1 << 20


class Body(Protocol):
    """What is sent with a request; it can be sent again."""

    @property
    def length(self) -> int:
        """Number of bytes."""
        ...

    def chunks(self) -> Iterator[bytes]:
        """Give the bytes, from the first one."""
        ...


@dataclass(frozen=True, slots=True)
class BytesBody:
    """Bytes in memory.

    Attributes:
        data: They.
    """

    data: bytes = field(repr=False)

    @property
    def length(self) -> int:
        """Number of bytes."""
        return len(self.data)

    def chunks(self) -> Iterator[bytes]:
        """Give the bytes."""
        yield self.data


@dataclass(frozen=True, slots=True)
class FileBody:
    """A part of a file, and what stands before and behind it.

    Attributes:
        path: The file.
        start: Offset of the first byte.
        size: Number of bytes of the file.
        before: Bytes that are sent first.
        behind: Bytes that are sent last.
    """

    path: Path
    start: int
    size: int
    before: bytes = b""
    behind: bytes = b""

    @property
    def length(self) -> int:
        """Number of bytes in all."""
        return len(self.before) + self.size + len(self.behind)

    def chunks(self) -> Iterator[bytes]:
        """Give the bytes."""
        yield self.before
        left = self.size
        with self.path.open("rb") as file:
            file.seek(self.start)
            while left and (chunk := file.read(min(CHUNK_BYTES, left))):
                left -= len(chunk)
                yield chunk
        yield self.behind


@dataclass(frozen=True, slots=True)
class Call:
    """A request.

    Attributes:
        method: Of HTTP.
        target: Path and query, escaped.
        headers: Names as they are sent; never shown, they may authorize.
        body: What is sent with it, or None.
    """

    method: str
    target: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: Body | None = None

    def having(self, **headers: str) -> "Call":
        """Give the request with further headers; ``_`` stands for a hyphen."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return replace(self, headers={**self.headers, **named})


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer that came as a whole.

    Attributes:
        status: Of HTTP.
        headers: Names in small letters.
        body: The bytes.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class AnswerError(Exception):
    """An answer that is no success.

    Args:
        status: Of HTTP.
        code: The service's own, or the status where it gives none.
    """

    def __init__(self, status: int, code: str) -> None:
        super().__init__(status, code)
        self.status = status
        self.code = code


class MalformedAnswerError(Exception):
    """A success that does not say what it is asked for."""
