"""From the bytes of a value to its texts, by its VR (PS3.5 6.2)."""

import struct
from collections.abc import Callable, Mapping
from functools import lru_cache

from pydicom.datadict import dictionary_VR, private_dictionary_VR
from pydicom.valuerep import VR

from dicom_sieve.dicom.kept import is_bulk
from dicom_sieve.dicom.marks import BYTES, MARKS, NOT_KEPT
from dicom_sieve.dicom.vr.value_type import PADDING
from dicom_sieve.headers.charsets import Charset, decode

Texts = tuple[str, ...]

NOT_TEXT = "\ufffd"
"""Stands for what no database can hold (a NUL inside a value) and for a value that is no text (a sequence)."""
UNKNOWN_VR = "UN"
_VRS = frozenset(vr.value for vr in VR if len(vr.value) == 2) - {UNKNOWN_VR}
AS_WRITTEN = frozenset({"AE", "AS", "CS", "DA", "DS", "DT", "IS", "TM", "UI"})
_ONE = frozenset({"LT", "ST", "UR", "UT"})
"""In these a backslash is a character as any other."""
_DECODED = _ONE | {"LO", "PN", "SH", "UC"}
_SIGNED_OR_NOT = "US or SS"
_MARKS = dict.fromkeys(map(ord, MARKS + "\0"), NOT_TEXT)
_DIGITS_OF_FL = range(1, 10)
"""How many decimal digits may be needed to tell a number of 32 bits from its neighbours."""
_INTEGERS = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "UV": "Q", "SV": "q"}


def texts_of(value: bytes | None) -> Texts:
    """Split a raw value at its backslashes (PS3.5 6.4); CS, DA, AS and UI are in the default repertoire."""
    if value is None:
        return (NOT_TEXT,)
    text = value.decode("latin-1").rstrip(PADDING)
    if "\\" in text:
        return tuple([part.rstrip(PADDING).replace("\0", NOT_TEXT) for part in text.split("\\")])
    return (text.replace("\0", NOT_TEXT),) if text else ()


def texts_by_vr(vr: str, value: bytes | None, charset: Charset, *, little_endian: bool) -> Texts:
    """Give the texts of a value, one each.

    Args:
        vr: See `vr_of`; no sequence.
        value: None where it is not kept.
        charset: For the VRs that Specific Character Set is about (PS3.5 6.1.2.3).
        little_endian: The order of bytes in numbers.

    Returns:
        No text where there is no value; NOT_KEPT of what is never kept; U+FFFD of what is no value of the VR.
    """
    if not value:
        return (NOT_KEPT,) if value is None else ()
    if vr in AS_WRITTEN:
        texts = texts_of(value)
    elif vr in _DECODED:
        texts = _decoded(vr, value, charset)
    elif vr in _NUMBERS:
        texts = _numbers(vr, value, little_endian=little_endian)
    elif is_bulk(vr) or vr == "SQ":
        texts = (NOT_KEPT,)
    else:
        texts = (BYTES + value.hex(),)
    return texts


def vr_of(tag: int, written: bytes, creator: str | None, *, is_signed: bool) -> str:
    """Give the VR by which a value is written: the element's own, or else the dictionary's; UN where neither is known.

    Args:
        tag: Of the element.
        written: As it stands there; UN counts as none, as in pydicom.
        creator: Of a private element.
        is_signed: Whether pixels have a sign, which decides between US and SS (PS3.3 C.7.6.3.1.2).
    """
    vr = written.decode("latin-1")
    if vr in _VRS:
        return vr
    known = _known_vr(tag, creator)
    if known == _SIGNED_OR_NOT:
        return "SS" if is_signed else "US"
    return known


@lru_cache(maxsize=16384)
def _known_vr(tag: int, creator: str | None) -> str:
    try:
        return dictionary_VR(tag) if creator is None else private_dictionary_VR(tag, creator)
    except KeyError:
        return UNKNOWN_VR


def _decoded(vr: str, value: bytes, charset: Charset) -> Texts:
    """Give the texts of a VR that Specific Character Set is about; and of UR, which is in the default repertoire."""
    text = value.decode("latin-1") if vr == "UR" else decode(value, charset)
    parts = [text] if vr in _ONE else text.rstrip(PADDING).split("\\")
    cleaned = tuple([_clean(part) for part in parts])
    return () if cleaned == ("",) else cleaned


def _clean(text: str) -> str:
    """Take padding off, and what would be taken for a mark, or no database can hold."""
    stripped = text.rstrip(PADDING)
    return stripped if stripped.isascii() and "\0" not in stripped else stripped.translate(_MARKS)


def _numbers(vr: str, value: bytes, *, little_endian: bool) -> Texts:
    code, write = _NUMBERS[vr]
    if len(value) % struct.calcsize(f"={code}"):
        return (NOT_TEXT,)
    order = "<" if little_endian else ">"
    return tuple(write(*numbers) for numbers in struct.iter_unpack(order + code, value))


def _write_tag(group: int, element: int) -> str:
    """Write a tag, which is a group and an element of 16 bits (PS3.5 6.2, AT)."""
    return f"{group:04X}{element:04X}"


def write_double(number: float) -> str:
    """Write the shortest decimal that reads back as the same number of 64 bits."""
    return repr(number).removesuffix(".0")


def write_single(number: float) -> str:
    """Write the shortest decimal that reads back as the same number of 32 bits."""
    for digits in _DIGITS_OF_FL:
        written = float(f"{number:.{digits}g}")
        if written == number or _as_single(written) == number:
            return write_double(written)
    return write_double(number)  # nan and infinities


def _as_single(number: float) -> float:
    try:
        return float(struct.unpack("<f", struct.pack("<f", number))[0])
    except OverflowError:
        return float("inf")


_NUMBERS: Mapping[str, tuple[str, Callable[..., str]]] = {
    **{vr: (code, str) for vr, code in _INTEGERS.items()},
    "FL": ("f", write_single),
    "FD": ("d", write_double),
    "AT": ("HH", _write_tag),
}
