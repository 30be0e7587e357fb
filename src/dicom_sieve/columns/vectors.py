"""Reading positions and orientations: many entries of a column at once (`dicom_sieve.columns.chunk`)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dicom_sieve.columns.chunk import Entry, values_of
from dicom_sieve.columns.facts import Flags, Floats
from dicom_sieve.columns.geometry import ImageState
from dicom_sieve.dicom.vr.number import LONGEST, parse_number
from dicom_sieve.dicom.vr.value_type import PADDING, trim
from dicom_sieve.errors import MalformedValueError

MOST_DIGITS = 127
"""More digits behind the point are counted as that many."""
_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([Ee][+-]?[0-9]{1,3})?$"
"""What `parse_number` accepts."""
_NUL, _POINT, _PLUS, _MINUS, _ZERO, _E = b"\0.+-0e"
_TO_LOWER = 0x20
_QUESTION_MARK, _END_OF_ASCII = np.uint8(0x3F), 0x80
_Digits = NDArray[np.int8]
_Texts = Any
"""An array of texts in pyarrow, which has no types."""


def parse_vectors(entries: Sequence[Entry], size: int) -> tuple[Floats, _Digits, NDArray[np.uint8]]:
    """Read vectors of Decimal Strings (VR DS), each as `dicom_sieve.dicom.vr.number.parse_number` does.

    Args:
        entries: Each distinct entry of a column, see `dicom_sieve.columns.chunk.as_entry`.
        size: How many values a vector has.

    Returns:
        The vectors, (n, size), with zeros where there is none; the most digits that a value of each has behind the
        point, where ``1.50e1`` has one; an `ImageState` each. An entry without a value is ABSENT. One is UNKNOWN where
        it has another number of values, or one that is not kept, is no number or exceeds a double.
    """
    texts = [(entry or "").encode("utf-8", "surrogatepass") for entry in entries]
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    return parse_packed(lengths, b"".join(texts), size)


def parse_packed(lengths: NDArray[np.int64], data: bytes, size: int) -> tuple[Floats, _Digits, NDArray[np.uint8]]:
    """Read vectors of Decimal Strings as `parse_vectors` does, given the bytes of all entries; see `Packed`."""
    count, sizes = len(lengths), np.maximum(lengths, 0)
    written, stops = np.frombuffer(data, np.uint8), np.cumsum(sizes)
    ends = np.flatnonzero(written == _NUL)
    if len(ends) == count * size and np.array_equal(ends[size - 1 :: size], stops - 1):
        vectors, digits, is_read = _parse_vectors_of(data, size)
        states = np.full(count, ImageState.GIVEN, np.uint8)
        odd = np.zeros(0, np.intp) if is_read is None else np.flatnonzero(~is_read)
    else:
        counts = np.diff(np.searchsorted(ends, stops), prepend=0)
        vectors, digits = np.zeros((count, size)), np.zeros(count, np.int8)
        states = np.full(count, ImageState.ABSENT, np.uint8)
        is_vector = counts == size
        of_vectors = written[np.repeat(is_vector, sizes)].tobytes()
        vectors[is_vector], digits[is_vector], is_number = _parse_vectors_of(of_vectors, size)
        is_read = is_vector.copy()
        is_read[is_vector] = True if is_number is None else is_number
        states[is_read] = ImageState.GIVEN
        odd = np.flatnonzero(~is_read & (counts > 0))
    bounds = zip((stops[odd] - sizes[odd]).tolist(), stops[odd].tolist(), strict=True)
    for place, (start, stop) in zip(odd.tolist(), bounds, strict=True):
        text = data[start:stop].decode("utf-8", "surrogatepass")
        vectors[place], digits[place], states[place] = _parse_entry(text, size)
    is_finite = np.isfinite(vectors)
    if not is_finite.all():
        are_infinite = np.any(~is_finite, axis=1)
        vectors = np.where(are_infinite[:, np.newaxis], 0, vectors)
        digits[are_infinite], states[are_infinite] = 0, ImageState.UNKNOWN
    return vectors, digits, states


def _parse_vectors_of(data: bytes, size: int) -> tuple[Floats, _Digits, Flags | None]:
    """Read the numbers of vectors, and tell which vectors are read; None: all are."""
    numbers, digits, are_numbers = _parse_plain(data) or _parse_any(data)
    most = digits[::size].copy()
    for place in range(1, size):
        np.maximum(most, digits[place::size], out=most)
    is_read = None if are_numbers is None or are_numbers.all() else np.all(are_numbers.reshape(-1, size), axis=1)
    return numbers.reshape(-1, size), most, is_read


def _parse_plain(data: bytes) -> tuple[Floats, _Digits, None] | None:
    """Read numbers without an exponent, each with a NUL behind it; None: not all of them are."""
    written = np.frombuffer(data, np.uint8)
    marks = np.flatnonzero((written == _NUL) | (written == _POINT))
    is_end = written[marks] == _NUL
    places = np.flatnonzero(is_end)
    ends, letters = marks[places], data.translate(None, b"\0")
    is_plain = (np.frombuffer(letters, np.uint8) - np.uint8(_MINUS) <= _ZERO + 9 - _MINUS).all()
    if not is_plain or np.diff(ends, prepend=-1).max(initial=0) > LONGEST + 1:
        return None
    try:
        numbers = _as_floats(_as_texts(letters, ends))
    except pa.ArrowInvalid:
        return None
    before = np.maximum(places - 1, 0)  # a number has one point, or none
    digits = np.where(is_end[before], 0, ends - marks[before] - 1)
    return numbers, np.asarray(digits, np.int8), None


def _as_ascii(data: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Put a question mark, which is of no number, in the place of each byte that is not of ASCII."""
    return np.where(data < _END_OF_ASCII, data, _QUESTION_MARK) if (data >= _END_OF_ASCII).any() else data


def _parse_entry(entry: str, size: int) -> tuple[list[float], int, ImageState]:
    """Read one vector, of whatever was written."""
    values, nothing = [trim(value) for value in values_of(entry) or ()], [0.0] * size
    if not any(values):
        return nothing, 0, ImageState.ABSENT
    try:
        numbers = [parse_number(value) for value in values]
    except MalformedValueError:
        return nothing, 0, ImageState.UNKNOWN
    if len(numbers) != size:
        return nothing, 0, ImageState.UNKNOWN
    digits = max(-int(number.as_tuple().exponent) for number in numbers)
    return [float(number) for number in numbers], min(max(digits, 0), MOST_DIGITS), ImageState.GIVEN


def _as_texts(letters: bytes, ends: NDArray[np.intp]) -> _Texts:
    """Give texts, which stand one behind the other with a NUL behind each, as an array of pyarrow.

    Args:
        letters: Of all of them, without the NULs.
        ends: The places of the NULs.
    """
    offsets = np.zeros(len(ends) + 1, np.int32)
    offsets[1:] = ends - np.arange(len(ends))
    return pa.Array.from_buffers(pa.string(), len(ends), [None, pa.py_buffer(offsets), pa.py_buffer(letters)])


def _parse_any(data: bytes) -> tuple[Floats, _Digits, Flags]:
    """Read numbers, each with a NUL behind it, and tell which are; some that are numbers may be left out."""
    written = _as_ascii(np.frombuffer(data, np.uint8))
    texts = _as_texts(written.tobytes().translate(None, b"\0"), np.flatnonzero(written == _NUL))
    texts = pc.utf8_trim(texts, PADDING)
    is_short = pc.less_equal(pc.binary_length(texts), LONGEST)
    is_written = pc.and_(is_short, pc.match_substring_regex(texts, _NUMBER))
    texts = pc.utf8_ltrim(pc.if_else(is_written, texts, "0"), "+")  # pyarrow does not always read a plus before it
    is_number = np.unpackbits(
        np.frombuffer(is_written.buffers()[1], np.uint8), count=len(texts), bitorder="little"
    ).astype(np.bool_)
    return _as_floats(texts), _count_digits(*_buffers(texts)), is_number


def _as_floats(texts: _Texts) -> Floats:
    """Give the doubles nearest to numbers; infinities where they exceed them."""
    numbers = pc.cast(texts, pa.float64())  # not as numpy.asarray does it: that imports pandas
    return np.frombuffer(numbers.buffers()[1], np.float64, len(numbers)).copy()


def _buffers(texts: _Texts) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
    """Give where each text begins, and the last one ends, and their bytes."""
    _, offsets, data = texts.buffers()
    places = np.frombuffer(offsets, np.int32, len(texts) + 1, texts.offset * 4)
    first, last = int(places[0]), int(places[-1])
    return places - first, np.frombuffer(data, np.uint8, last - first, first) if last > first else np.zeros(0, np.uint8)


def _count_digits(offsets: NDArray[np.int32], data: NDArray[np.uint8]) -> _Digits:
    """Count the digits behind the point of numbers, as they are without their exponents."""
    ends = offsets[1:].astype(np.int64)
    exponents = np.zeros(len(ends), np.int64)
    powers = np.flatnonzero(data | _TO_LOWER == _E)
    if len(powers):
        numbers = np.searchsorted(offsets, powers, "right") - 1
        exponents[numbers] = _exponents(data, powers, ends[numbers])
        ends[numbers] = powers
    points = np.flatnonzero(data == _POINT)
    numbers = np.searchsorted(offsets, points, "right") - 1
    digits = np.zeros(len(ends), np.int64)
    digits[numbers] = ends[numbers] - points - 1
    return np.asarray(np.clip(digits - exponents, 0, MOST_DIGITS), np.int8)


def _exponents(data: NDArray[np.uint8], powers: NDArray[np.intp], ends: NDArray[np.int64]) -> NDArray[np.int64]:
    """Read the exponents behind places of an E: a sign or none, and one to three digits."""
    has_sign = np.isin(data[powers + 1], (_PLUS, _MINUS))
    starts = powers + 1 + has_sign
    found = np.zeros(len(powers), np.int64)
    for place in range(3):
        is_digit = starts + place < ends
        digit = data[np.minimum(starts + place, ends - 1)].astype(np.int64) - _ZERO
        found = np.where(is_digit, 10 * found + digit, found)
    return np.where(data[powers + 1] == _MINUS, -found, found)
