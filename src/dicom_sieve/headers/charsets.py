"""Texts in the character set that the object names (0008,0005), ISO 2022 escapes included, decoded as pydicom does.

pydicom itself warns of each text that it cannot decode, and looks up any name that an object gives; here no warning is
made, and a name is one of the standard's or counts as the default. What cannot be decoded is U+FFFD, as in pydicom.
"""

import re
from collections.abc import Sequence
from functools import lru_cache

from pydicom.charset import (
    CODES_TO_ENCODINGS,
    STAND_ALONE_ENCODINGS,
    default_encoding,
    handled_encodings,
    python_encoding,
)
from pydicom.valuerep import TEXT_VR_DELIMS

Charset = tuple[str, ...]
"""The codecs of a data set: the first is used where no escape sequence names another."""

DEFAULT: Charset = (default_encoding,)
_ESCAPE = b"\x1b"
_FRAGMENTS = re.compile(rb"^[^\x1b]+|\x1b[^\x1b]*")
_RESETS = re.compile(b"[" + bytes(sorted(TEXT_VR_DELIMS)) + b"]")
"""What ends the reach of an escape sequence (PS3.5 6.1.2.5.3)."""


@lru_cache(maxsize=256)
def charset_of(names: Sequence[str]) -> Charset:
    """Give the codecs of the values of Specific Character Set.

    Source:
        DICOM PS3.3, section C.12.1.1.2; PS3.5, section 6.1.2.5.4 (what stands alone).
    """
    named = [name or ("ISO_IR 6" if not place else "") for place, name in enumerate(names)]
    if not named:
        return DEFAULT
    if len(named) > 1 and named[0] in STAND_ALONE_ENCODINGS:
        named = named[:1]
    extensions = [name for name in named[1:] if name not in STAND_ALONE_ENCODINGS]
    return tuple(map(_codec, [named[0], *extensions]))


def _codec(name: str) -> str:
    """Give the codec of a defined term, also where its blanks and underscores are mixed up, as some writers do."""
    if name in python_encoding:
        return python_encoding[name]
    if re.match("ISO[^_]IR", name):
        return python_encoding.get("ISO_IR" + name[6:], default_encoding)
    if re.match("ISO.2022.IR.", name):
        return python_encoding.get("ISO 2022 IR " + name[12:], default_encoding)
    return default_encoding


def decode(value: bytes, charset: Charset) -> str:
    """Decode one element's value, of one or several texts."""
    if _ESCAPE not in value:
        return value.decode(charset[0], errors="replace")
    return "".join(_decode_fragment(fragment, charset) for fragment in _FRAGMENTS.findall(value))


def _decode_fragment(fragment: bytes, charset: Charset) -> str:
    """Decode what stands between two escape sequences."""
    try:
        return _decode_strictly(fragment, charset)
    except UnicodeError:
        return fragment.decode(charset[0], errors="replace")


def _decode_strictly(fragment: bytes, charset: Charset) -> str:
    if not fragment.startswith(_ESCAPE):
        return fragment.decode(charset[0])
    length = 4 if fragment.startswith((b"\x1b$(", b"\x1b$)")) else 3
    codec = CODES_TO_ENCODINGS.get(fragment[:length], "")
    if codec not in charset and codec != default_encoding:
        return fragment.decode(charset[0], errors="replace")
    if codec in handled_encodings:
        return fragment.decode(codec)  # which knows the escape sequence itself
    text = fragment[length:]
    reset = _RESETS.search(text)
    end = reset.start() if reset else len(text)
    return text[:end].decode(codec) + text[end:].decode(charset[0])
