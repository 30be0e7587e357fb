r"""Keys of a directory, and paths relative to it: one mapping, that is the same in both directions.

A key is a path as text: bytes that are not UTF-8 are written ``\xff``, and the two characters ``\x`` of a name
``\x5cx``. So every path has one key, and a key has one path or none. What would lead elsewhere, or be two keys of one
file (``\x2e\x2e``, ``\x41``), is the key of no path: it is never decoded into one (ADR 21).
"""

import hashlib
import re

from dicom_sieve.objects import DIRECTORY_ENDPOINT, ESCAPED_MARK, MARK, Location, part_of_key
from dicom_sieve.stores.interface import UnwritableKeyError

LONGEST_UID = 64  # PS3.5 9.1
_UID = re.compile(r"[0-9]+(\.[0-9]+)*")
_ESCAPED = re.compile(rb"\\x([0-9a-f]{2})")


def names_of_key(key: str) -> list[bytes]:
    """Give the names that lead to the file of a key: no part of it is empty, ``.`` or ``..``.

    Raises:
        UnwritableKeyError: It is the key of no path.
    """
    try:
        names = [_decode(part) for part in key.encode().split(b"/")]
    except UnicodeEncodeError:
        raise UnwritableKeyError(NO_PATH) from None
    for part, name in zip(key.split("/"), names, strict=True):
        if name in {b"", b".", b".."} or b"\0" in name or b"/" in name or part_of_key(name) != part:
            raise UnwritableKeyError(NO_PATH)
    return names


NO_PATH = "it is no path"


def key_of_copy(key: str, source: Location, target: Location) -> str:
    r"""Give the key that an object has where it is copied to.

    It is the same everywhere but where an S3 key becomes a path: the file is named as the key, and its own key has any
    ``\x`` escaped.
    """
    if target.endpoint == DIRECTORY_ENDPOINT != source.endpoint:
        return key.replace(MARK, ESCAPED_MARK)
    return key


def name_of_uid(uid: str) -> str:
    """Name a file or folder by a UID; a malformed one, which might lead anywhere, by its digest."""
    if len(uid) <= LONGEST_UID and _UID.fullmatch(uid):
        return uid
    return f"odd-{hashlib.sha256(uid.encode()).hexdigest()[:32]}"


def _decode(part: bytes) -> bytes:
    return _ESCAPED.sub(lambda match: bytes([int(match[1], 16)]), part)
