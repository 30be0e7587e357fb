"""From the metadata of an instance to a header as the readers of headers know it (ADR 50).

DICOM JSON is written as a data set in Explicit VR Little Endian: one reader gives bytes their meaning, wherever they
come from. What metadata cannot tell is told beside it, and never counts as absent.
"""

import base64
import binascii
import re
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dicom_sieve.dicom.dictionary import header_tags
from dicom_sieve.dicom.kept import LONGEST_KEPT
from dicom_sieve.dicom.marks import NOT_KEPT, UNTOLD
from dicom_sieve.headers.charsets import charset_of
from dicom_sieve.headers.vocabulary import current_vocabulary
from dicom_sieve.stores.dicomweb.answers import MalformedAnswerError, Number, Row, text_in, values_in

AVAILABLE_TRANSFER_SYNTAXES, TRANSFER_SYNTAX = "00083002", "00020010"
_SOP_CLASS = "00080016"
CHARACTER_SET, UTF_8 = "00080005", "ISO_IR 192"
LONGEST_DECIMAL = 16
"""Characters of a DS (PS3.5 6.2)."""
_WITH_YEN = ("ISO_IR 13", "ISO 2022 IR 13")
"""Character sets that have a yen where others have a backslash (PS3.5 6.1.2.3, note 1): Orthanc takes one for the
other in all values of an object, so that several numbers are none to it, and come as no value."""
_YEN = "\N{YEN SIGN}"
_PREAMBLE = bytes(128) + b"DICM"
_EXPLICIT_LITTLE = b"1.2.840.10008.1.2.1\0"
_TAG = re.compile(r"[0-9A-Fa-f]{8}")
_FIRST_GROUP = 0x0008
_DEEPEST = 32
"""Levels of sequences that are written; of what is deeper it is told that it is there."""
_LONG = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"})
_BYTES = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
_ONE_TEXT = frozenset({"LT", "ST", "UR", "UT"})
_OF_CHARSET = frozenset({"LO", "LT", "PN", "SH", "ST", "UC", "UT"})
_NUMBERS_AS_TEXTS = frozenset({"DS", "IS"})
_NUMBERS = {"FD": "<d", "FL": "<f", "SL": "<i", "SS": "<h", "SV": "<q", "UL": "<I", "US": "<H", "UV": "<Q"}
_FILLED = bytes(LONGEST_KEPT + 2)
"""Stands for a value that the metadata only points to: as one that is too long to be kept, it is there."""
_PARTS_OF_NAME = ("Alphabetic", "Ideographic", "Phonetic")


@dataclass(frozen=True, slots=True)
class MadeHeader:
    """A header that was made of metadata.

    Attributes:
        data: An object without pixels (PS3.10 7).
        beside: Key to texts of what stands in its data otherwise than in the object, or cannot be told.
        is_whole: Whether the metadata is that of the whole object. Every object has a SOP Class UID (PS3.3 C.12.1):
            where that is missing, a server tells what it has in its index alone, as Orthanc may be set to.
    """

    data: bytes
    beside: Mapping[str, tuple[str, ...]]
    is_whole: bool = True


@dataclass(frozen=True, slots=True)
class _Writing:
    """How texts are written.

    Attributes:
        codec: Of those that Specific Character Set is about.
        name: The character set's.
        has_yen: Whether the object has one of `_WITH_YEN`.
    """

    codec: str = "utf-8"
    name: str = UTF_8
    has_yen: bool = False


def make_header(row: Row) -> MadeHeader:
    """Make a header of an instance's metadata.

    Raises:
        MalformedAnswerError: It is no DICOM JSON.
    """
    names = tuple(str(name) for name in values_in(row, CHARACTER_SET))
    in_utf_8 = _Writing(has_yen=any(name in _WITH_YEN for name in names))
    own = _Writing(charset_of(names)[0], names[0], in_utf_8.has_yen) if len(names) == 1 else in_utf_8
    try:
        try:
            written = _data_set(row, own)
        except UnicodeEncodeError:
            written = _data_set(row, in_utf_8)
    except (ValueError, TypeError, AttributeError, struct.error, OverflowError):
        raise MalformedAnswerError("the answer is no DICOM JSON") from None
    meta = b"".join(
        (_element(0x00020001, "OB", b"\0\1"), _element(0x00020010, "UI", _EXPLICIT_LITTLE)),
    )
    length = _element(0x00020000, "UL", struct.pack("<I", len(meta)))
    return MadeHeader(_PREAMBLE + length + meta + written, _beside(row, names), bool(text_in(row, _SOP_CLASS)))


def _beside(row: Row, names: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Give what metadata does not tell of an object, with what it does tell of that.

    File meta information is not part of metadata; and metadata is in UTF-8, whatever the object's own texts are in, so
    that its character set is told only where a server leaves the object's name of it there (PS3.18 F.2).
    """
    told: dict[str, tuple[str, ...]] = {f"{tag:08X}": UNTOLD for tag in current_vocabulary().meta_tags}
    told[CHARACTER_SET] = names if names and UTF_8 not in names else UNTOLD
    syntaxes = [str(uid) for uid in values_in(row, AVAILABLE_TRANSFER_SYNTAXES)]
    if own := text_in(row, TRANSFER_SYNTAX):
        syntaxes = [own]
    if len(syntaxes) == 1:
        told[TRANSFER_SYNTAX] = (syntaxes[0],)
    for key, attribute in row.items():
        if "BulkDataURI" in attribute and int(key, 16) in header_tags():
            told[key.upper()] = (NOT_KEPT,)
    return told


def _data_set(row: Row, how: _Writing, depth: int = 0) -> bytes:
    """Write the elements of a data set in ascending order, those behind the last that is read left out."""
    elements = {}
    for key, attribute in row.items():
        if not _TAG.fullmatch(key):
            raise MalformedAnswerError("the answer has a tag that is none")
        tag = int(key, 16)
        if tag >> 16 >= _FIRST_GROUP and tag & 0xFFFF and tag <= current_vocabulary().last_tag:
            elements[tag] = _written(tag, attribute, how, depth)
    charset = int(CHARACTER_SET, 16)
    if depth == 0 or charset in elements:
        elements[charset] = _element(charset, "CS", _padded(how.name.encode("ascii"), b" "))
    return b"".join(element for _, element in sorted(elements.items()))


def _written(tag: int, attribute: Mapping[str, Any], how: _Writing, depth: int) -> bytes:
    vr = attribute.get("vr")
    if not (isinstance(vr, str) and len(vr) == 2 and vr.isascii() and vr.isupper()):
        raise MalformedAnswerError("the answer has a VR that is none")
    if "BulkDataURI" in attribute:
        value = _FILLED if vr != "SQ" else b""
        return _element(tag, "UN" if vr == "SQ" else vr, value or _FILLED)
    if vr in _BYTES:
        return _element(tag, vr, _padded(_inline(attribute), b"\0"))
    values = attribute.get("Value") or []
    if not isinstance(values, list):
        raise MalformedAnswerError("the answer has a value that is none")
    if vr == "SQ":
        return _sequence(tag, values, how, depth)
    return _element(tag, vr, b"".join(_value(vr, values, how)))


def _inline(attribute: Mapping[str, Any]) -> bytes:
    text = attribute.get("InlineBinary") or ""
    if isinstance(text, list):  # as older servers have it
        text = text[0] if text else ""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise MalformedAnswerError("the answer has a value that is none") from None


def _sequence(tag: int, items: Sequence[Any], how: _Writing, depth: int) -> bytes:
    if depth >= _DEEPEST:
        return _element(tag, "UN", _FILLED)
    written = [_data_set(item or {}, how, depth + 1) for item in items]
    return _element(tag, "SQ", b"".join(struct.pack("<HHI", 0xFFFE, 0xE000, len(item)) + item for item in written))


def _value(vr: str, values: Sequence[Any], how: _Writing) -> Iterator[bytes]:
    """Give the value of an element, in parts."""
    if vr in _NUMBERS:
        read: Callable[[Any], float] = float if vr in {"FD", "FL"} else int
        yield from (struct.pack(_NUMBERS[vr], read(value)) for value in values if value is not None)
    elif vr == "AT":
        yield from (struct.pack("<HH", *divmod(int(value, 16), 0x10000)) for value in values if value)
    else:
        texts = [_text(vr, value) for value in values]
        if how.has_yen and not texts and vr in _NUMBERS_AS_TEXTS:
            yield _FILLED
            return
        text = "\\".join(texts) if vr not in _ONE_TEXT else "".join(texts)
        yield _padded(text.encode(how.codec) if vr in _OF_CHARSET else _plain(text, how), b"\0" if vr == "UI" else b" ")


def _plain(text: str, how: _Writing) -> bytes:
    """Write what is in the default repertoire, and what is not as an object has it most often."""
    text = text.replace(_YEN, "\\") if how.has_yen else text
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode()


def _text(vr: str, value: Any) -> str:
    if value is None:
        return ""
    if vr == "PN" and isinstance(value, dict):
        return "=".join(value.get(part) or "" for part in _PARTS_OF_NAME).rstrip("=")
    if not isinstance(value, str):
        raise MalformedAnswerError("the answer has a value that is none")
    return _decimal(value) if vr == "DS" and isinstance(value, Number) else value


def _decimal(digits: str) -> str:
    """Give a decimal as the object has it: servers that keep numbers in 64 bits write more digits than there were.

    A DS has 16 characters at most. Longer digits are those of the nearest number of 64 bits, whose shortest decimal is
    the one that the object has.
    """
    if len(digits) <= LONGEST_DECIMAL:
        return digits
    shortest = repr(float(digits)).removesuffix(".0")
    return shortest if len(shortest) <= LONGEST_DECIMAL else digits


def _element(tag: int, vr: str, value: bytes) -> bytes:
    """Write an element (PS3.5 7.1.2); a value that is too long for its VR is written as UN (PS3.5 6.2.2)."""
    head = struct.pack("<HH", *divmod(tag, 0x10000))
    if vr not in _LONG and len(value) > 0xFFFE:
        vr = "UN"
    if vr in _LONG:
        return head + vr.encode() + struct.pack("<HI", 0, len(value)) + value
    return head + vr.encode() + struct.pack("<H", len(value)) + value


def _padded(value: bytes, padding: bytes) -> bytes:
    return value + padding if len(value) % 2 else value
