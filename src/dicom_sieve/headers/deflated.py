"""Inflate what was read of a deflated data set, within a bound."""

import zlib
from dataclasses import dataclass

from dicom_sieve.headers.window import Window

_UNKNOWN_SIZE = 1 << 62
_PIECE = 4096


@dataclass(frozen=True, slots=True)
class Inflated:
    """What came out.

    Attributes:
        data: The bytes; never more than the bound.
        is_whole: Nothing follows them.
        is_damaged: What follows them cannot be inflated.
    """

    data: bytes
    is_whole: bool
    is_damaged: bool


def inflate(compressed: bytes, *, limit: int) -> Inflated:
    """Inflate as far as the bytes go; damage takes nothing from what came before it.

    Args:
        compressed: The stream from its start, maybe not to its end.
        limit: How many bytes may come out; at least 1.

    Source:
        DICOM PS3.5, section A.5; RFC 1951.
    """
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    inflated = bytearray()
    position, step = 0, _PIECE
    while position < len(compressed) and len(inflated) < limit and not inflater.eof:
        before = inflater.copy()
        try:
            inflated += inflater.decompress(compressed[position : position + step], limit - len(inflated))
        except zlib.error:
            if step == 1:
                return Inflated(bytes(inflated), is_whole=False, is_damaged=True)
            inflater, step = before, 1  # to the byte, or what was read of the object would change the answer
        else:
            position += step
    return Inflated(bytes(inflated), is_whole=inflater.eof, is_damaged=False)


def inflated_window(inflated: Inflated) -> Window:
    """Give what was inflated as an object of its own, whose size is known where it is whole."""
    window = Window(len(inflated.data) if inflated.is_whole else _UNKNOWN_SIZE)
    window.add(0, inflated.data)
    return window
