"""Write data elements byte by byte, as odd as a test needs them. Knows nothing of the code under test."""

import struct
import zlib

from dicom_sieve.headers import Header, Instance, NeedMore, Window, quick, scan
from dicom_sieve.headers.careful import read_header
from dicom_sieve.headers.edition import first_edition
from dicom_sieve.headers.vocabulary import Vocabulary, current_vocabulary, first_vocabulary

EXPLICIT = "1.2.840.10008.1.2.1"
IMPLICIT = "1.2.840.10008.1.2"
BIG_ENDIAN = "1.2.840.10008.1.2.2"
DEFLATED = "1.2.840.10008.1.2.1.99"
LONG_VRS = {"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"}
UNDEFINED = 0xFFFFFFFF
LIMIT = 1 << 24

SERIES = 0x0020000E
MODALITY = 0x00080060
STUDY_DATE = 0x00080020
PIXEL_DATA = 0x7FE00010
FIRST_EDITION = frozenset(first_edition().header_tags.split())


def element(
    tag: int, vr: str | None, value: bytes = b"", *, length: int | None = None, little_endian: bool = True
) -> bytes:
    """One data element; no VR makes it implicit, and a length may lie."""
    order = "<" if little_endian else ">"
    length = len(value) if length is None else length
    head = struct.pack(order + "HH", tag >> 16, tag & 0xFFFF)
    if vr is None:
        return head + struct.pack(order + "L", length) + value
    if vr in LONG_VRS:
        return head + vr.encode() + b"\0\0" + struct.pack(order + "L", length) + value
    return head + vr.encode() + struct.pack(order + "H", length) + value


def sequence(tag: int, *items: bytes, vr: str | None = "SQ") -> bytes:
    """A sequence of undefined length, of items of undefined length."""
    content = b"".join(delimiter(0xE000, UNDEFINED) + item + delimiter(0xE00D) for item in items)
    return element(tag, vr, content + delimiter(0xE0DD), length=UNDEFINED)


def delimiter(number: int, length: int = 0) -> bytes:
    """An item or delimiter of group FFFE."""
    return struct.pack("<HHL", 0xFFFE, number, length)


def meta(transfer_syntax: bytes | str | None = EXPLICIT) -> bytes:
    """Preamble, prefix and file meta information."""
    content = element(0x00020001, "OB", b"\0\1")
    if transfer_syntax is not None:
        text = transfer_syntax.encode() if isinstance(transfer_syntax, str) else transfer_syntax
        content += element(0x00020010, "UI", text + b"\0" * (len(text) % 2))
    return bytes(128) + b"DICM" + element(0x00020000, "UL", struct.pack("<L", len(content))) + content


def deflated(data_set: bytes) -> bytes:
    """A Part 10 object with a deflated data set."""
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    return meta(DEFLATED) + deflater.compress(data_set) + deflater.flush()


def series(uid: bytes = b"1.2.3.4\0") -> bytes:
    """Its Series Instance UID, so that an object can be judged."""
    return element(SERIES, "UI", uid)


def scan_part(data: bytes, held: int, size: int | None = None) -> Instance | NeedMore:
    """Scan an object of which only the first bytes were read, for the first edition, of which tests spell out all."""
    window = Window(len(data) if size is None else size)
    window.add(0, data[:held])
    return scan(window, inflated_limit=LIMIT, vocabulary=first_vocabulary())


def scan_whole(data: bytes, vocabulary: Vocabulary | None = None) -> Instance:
    """Scan an object of which every byte was read: it has to be judged."""
    answer = scan(window_over(data), inflated_limit=LIMIT, vocabulary=vocabulary or first_vocabulary())
    assert isinstance(answer, Instance)
    return answer


def of_first_edition(header: Header) -> dict[str, tuple[str, ...]]:
    """Give what the first edition has of a header."""
    return {key: header.attributes[key] for key in FIRST_EDITION & header.attributes.keys()}


def read_quickly(window: Window) -> Instance | NeedMore | None:
    """Read on the fast path alone."""
    return quick.read_quickly(window, inflated_limit=LIMIT)


def read_carefully(
    window: Window, vocabulary: Vocabulary | None = None, *, elements_limit: int = LIMIT
) -> Instance | NeedMore:
    """Read by the careful reader alone."""
    read_for = vocabulary or current_vocabulary()
    return read_header(window, read_for, inflated_limit=LIMIT, elements_limit=elements_limit)


def window_over(data: bytes, held: int | None = None) -> Window:
    """Give an object, all of it or its first bytes."""
    window = Window(len(data))
    window.add(0, data if held is None else data[:held])
    return window
