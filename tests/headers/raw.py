"""Write data elements byte by byte, as odd as a test needs them. Knows nothing of the code under test."""

import struct
import zlib

from dicom_sieve.headers import Instance, NeedMore, Window, quick, scan

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
    """Scan an object of which only the first bytes were read."""
    window = Window(len(data) if size is None else size)
    window.add(0, data[:held])
    return scan(window, inflated_limit=LIMIT)


def scan_whole(data: bytes) -> Instance:
    """Scan an object of which every byte was read: it has to be judged."""
    answer = scan_part(data, len(data))
    assert isinstance(answer, Instance)
    return answer


def read_quickly(window: Window) -> Instance | NeedMore | None:
    """Read on the fast path alone."""
    return quick.read_quickly(window, inflated_limit=LIMIT)
