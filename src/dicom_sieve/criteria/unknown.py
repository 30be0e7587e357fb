"""Values of private attributes whose VR the object did not say: bytes, read by the VR of the criterion."""

import struct

from dicom_sieve.dicom.marks import BYTES
from dicom_sieve.errors import MalformedValueError

_FORMATS = {"US": "<H", "SS": "<h", "UL": "<I", "SL": "<i", "UV": "<Q", "SV": "<q", "FL": "<f", "FD": "<d"}


def read_unknown(text: str, vr: str) -> str:
    """Give the text of one value as its VR has it; the bytes are little endian.

    Args:
        text: The mark, and bytes in hex.
        vr: Of the criterion.

    Raises:
        MalformedValueError: The bytes are none of this VR.
    """
    try:
        raw = bytes.fromhex(text.removeprefix(BYTES))
        if vr not in _FORMATS:
            return raw.decode("utf-8")
        [number] = struct.unpack(_FORMATS[vr], raw)
    except (ValueError, struct.error):
        raise MalformedValueError(vr) from None
    return _shortest_float(raw) if vr == "FL" else repr(number)


def _shortest_float(raw: bytes) -> str:
    """Give the shortest decimal that reads back as the same float of 32 bits."""
    [number] = struct.unpack("<f", raw)
    for digits in range(1, 10):
        text = f"{number:.{digits}g}"
        try:
            if struct.pack("<f", float(text)) == raw:
                return text
        except OverflowError:
            continue
    return repr(number)
