r"""Keys of members: ``key of the archive!/name``, where no name can lead anywhere (ADR 21).

Bytes that are no UTF-8 are written ``\xff``, and ``\x`` as ``\x5cx``, as in keys of a directory. So are control
characters, and ``.`` and ``..`` where they are a part of their own: such a key is the key of no path, and nothing is
written by it in a directory.
"""

import hashlib
import re
from collections.abc import Container, Iterator

from dicom_sieve.objects import part_of_key
from dicom_sieve.stores.archives.bounds import MOST_NAME_BYTES

BETWEEN = "!/"
"""Stands between the key of an archive and the name of a member."""
ZIP, TAR, TAR_GZ = "zip", "tar", "tar.gz"
_ENDS = {".zip": ZIP, ".tar": TAR, ".tar.gz": TAR_GZ, ".tgz": TAR_GZ}
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_DIGEST_DIGITS = 32


def kind_of(key: str) -> str | None:
    """Tell what kind of archive a key names by its end; None where it names none.

    Examples:
        >>> kind_of("a/Export.ZIP"), kind_of("a.tgz"), kind_of("a.dcm")
        ('zip', 'tar.gz', None)
    """
    end = key[-7:].lower()
    return next((kind for suffix, kind in _ENDS.items() if end.endswith(suffix)), None)


def key_of_member(archive: str, name: bytes) -> str:
    r"""Give the key of a member.

    Examples:
        >>> key_of_member("a.zip", b"../x\n\xff")
        'a.zip!/\\x2e\\x2e/x\\x0a\\xff'
    """
    text = "/".join(_inert_part(part) for part in name.split(b"/"))
    return f"{archive}{BETWEEN}{_bounded(text)}"


def unused(key: str, taken: Container[str]) -> str:
    """Give a key that is not taken: a name may be in an archive twice, and both are members."""
    number = 2
    while f"{key}!{number}" in taken:
        number += 1
    return f"{key}!{number}"


def archives_in(key: str) -> Iterator[str]:
    """Give the keys of archives that the object of a key may lie in."""
    at = key.find(BETWEEN)
    while at >= 0:
        if kind_of(key[:at]):
            yield key[:at]
        at = key.find(BETWEEN, at + 1)


def _inert_part(name: bytes) -> str:
    if name in {b".", b".."}:
        return r"\x2e" * len(name)
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", part_of_key(name))


def shortened(name: bytes) -> bytes:
    """Give a name that takes little memory, where an archive has many long ones; a shorter one as it is."""
    if len(name) <= 2 * MOST_NAME_BYTES:
        return name
    return name[: 2 * MOST_NAME_BYTES] + hashlib.sha256(name).hexdigest()[:_DIGEST_DIGITS].encode()


def _bounded(text: str) -> str:
    whole = text.encode()
    if len(whole) <= MOST_NAME_BYTES:
        return text
    begin = whole[: MOST_NAME_BYTES - _DIGEST_DIGITS - 1].decode(errors="ignore")
    return f"{begin}~{hashlib.sha256(whole).hexdigest()[:_DIGEST_DIGITS]}"
