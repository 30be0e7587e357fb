"""One instance, whole: WADO-RS gives it as the one part of a message of several (PS3.18 8.7.1)."""

from collections.abc import Iterator
from email.message import Message
from typing import BinaryIO

from dicom_sieve.stores.dicomweb.answers import MalformedAnswerError
from dicom_sieve.stores.interface import TransportError

ACCEPTED = 'multipart/related; type="application/dicom"; transfer-syntax=*'
"""As the server has it: nothing is decompressed (PS3.18 8.7.3.5.2)."""
_DICOM = "application/dicom"
_LONGEST_HEAD = 64 * 1024
_PREFIX = slice(128, 132)


def write_instance(kind: str, body: Iterator[bytes], target: BinaryIO, most_bytes: int) -> int:
    """Write the instance in an answer to a file, in place of what is there.

    Args:
        kind: Content-Type of the answer.
        body: Its parts.
        target: Empty, or what an attempt before left.
        most_bytes: Of an instance.

    Returns:
        How many bytes it has.

    Raises:
        TransportError: The answer ends early, or is not one instance.
    """
    target.seek(0)
    target.truncate()
    head, size = b"", 0
    for part in _content(kind, body):
        head += part[: max(0, _PREFIX.stop - len(head))]
        size += len(part)
        if size > most_bytes:
            raise MalformedAnswerError("the answer exceeds the limit")
        target.write(part)
    if head[_PREFIX] != b"DICM":
        raise MalformedAnswerError("the answer is no instance")
    return size


def _content(kind: str, body: Iterator[bytes]) -> Iterator[bytes]:
    media_type, boundary = _read_type(kind)
    if media_type == _DICOM:  # of one instance some servers make no message of several parts
        yield from body
        return
    if media_type != "multipart/related" or not boundary:
        raise MalformedAnswerError("the answer is no instance")
    mark = b"--" + boundary
    held = _behind_head(b"", body, mark)
    yield from _up_to(held, body, b"\r\n" + mark)


def _read_type(kind: str) -> tuple[str, bytes]:
    message = Message()
    message["Content-Type"] = kind.replace("\r", "").replace("\n", "")
    boundary = message.get_param("boundary")
    return message.get_content_type(), boundary.encode() if isinstance(boundary, str) else b""


def _behind_head(held: bytes, body: Iterator[bytes], mark: bytes) -> bytes:
    """Give what is read of the body behind the head of its first part."""
    while True:
        start = held.find(mark)
        end = held.find(b"\r\n\r\n", start) if start >= 0 else -1
        if end >= 0:
            head = held[start + len(mark) : end].decode("latin-1").lower()
            if "content-type:" in head and _DICOM not in head:
                raise MalformedAnswerError("the answer is no instance")
            return held[end + 4 :]
        if len(held) > _LONGEST_HEAD:
            raise MalformedAnswerError("the answer is no instance")
        held += _next(body)


def _up_to(held: bytes, body: Iterator[bytes], delimiter: bytes) -> Iterator[bytes]:
    """Give what stands before the delimiter, behind which no other part may begin."""
    while (end := held.find(delimiter)) < 0:
        certain = max(0, len(held) - len(delimiter))
        yield held[:certain]
        held = held[certain:] + _next(body)
    yield held[:end]
    behind = held[end + len(delimiter) :]
    while len(behind) < 2:
        behind += _next(body)
    if not behind.startswith(b"--"):
        raise MalformedAnswerError("the answer holds several instances")


def _next(body: Iterator[bytes]) -> bytes:
    for part in body:
        if part:
            return part
    raise TransportError("short read")
