"""The file meta information: how what is behind it is encoded."""

from collections.abc import Mapping
from typing import NoReturn

from dicom_sieve.dicom.dictionary import FIRST_GROUP_OF_DATA_SET
from dicom_sieve.headers.elements import (
    LONG_VRS,
    LONGEST_ELEMENT_HEADER,
    SHORTEST_ELEMENT_HEADER,
    UNDEFINED_LENGTH,
    is_vr,
)
from dicom_sieve.headers.encoding import BIG_ENDIAN, DEFLATED, EXPLICIT, IMPLICIT, Encoding, UnsureError, remember
from dicom_sieve.headers.window import MissingBytesError, Window

_PREAMBLE = 132
_TRANSFER_SYNTAX_UID = 0x0010
_MEDIA_STORAGE_SOP_INSTANCE_UID = 0x0003
"""Their numbers within group 0002."""
_COMPRESSED = (*range(50, 95), *range(100, 130), *range(201, 204))
_SYNTAXES: Mapping[bytes, Encoding] = {
    b"1.2.840.10008.1.2": IMPLICIT,
    b"1.2.840.10008.1.2.1": EXPLICIT,
    b"1.2.840.10008.1.2.1.99": DEFLATED,
    b"1.2.840.10008.1.2.2": BIG_ENDIAN,
    b"1.2.840.10008.1.2.5": EXPLICIT,
    **{b"1.2.840.10008.1.2.4.%d" % number: EXPLICIT for number in _COMPRESSED},
}
"""Of the transfer syntaxes that are known (PS3.5 annex A); any other is unusual here."""
_AS_WRITTEN = {uid + padding: encoding for uid, encoding in _SYNTAXES.items() for padding in (b"", b"\0", b" ")}

_steps: dict[bytes, int] = {}
"""Over elements but the one that names the transfer syntax, by their first eight bytes."""
_syntaxes: dict[bytes, int] = {}
"""Over that one."""
_uids: dict[bytes, int] = {}
"""Over the UID of the object."""
_BY_ELEMENT = {_TRANSFER_SYNTAX_UID: _syntaxes, _MEDIA_STORAGE_SOP_INSTANCE_UID: _uids}


def read_meta(window: Window, data: bytes) -> tuple[Encoding, int, bytes]:
    """Read the file meta information.

    Args:
        window: The object.
        data: What it holds of it, from the start on.

    Returns:
        How the data set is encoded, where it begins, and the file meta information without the UID of the object, by
        which it would be another each time.

    Raises:
        MissingBytesError: A byte is needed that the window does not hold.
        UnsureError: Something is unusual.

    Source:
        DICOM PS3.10, section 7.1.
    """
    encoding, written = None, b""
    start = position = _behind_preamble(data)
    while True:
        head = data[position : position + 8]
        if step := _steps.get(head):
            position += step
        elif step := _syntaxes.get(head):
            named = data[position + 8 : position + step]
            encoding = _AS_WRITTEN.get(named) or _SYNTAXES.get(named.rstrip(b" \0"))
            position += step
        elif step := _uids.get(head):
            written += data[start:position]
            position += step
            start = position
        elif encoding is not None and head in encoding.starts:
            return encoding, position, written + data[start:position]
        elif step := _step_over(window, data, position):
            if head not in _syntaxes and head not in _uids:  # else it is known now
                position += step
        elif encoding is None:
            raise UnsureError
        else:
            if not encoding.deflated:
                check_start(encoding, data, position)
            return encoding, position, written + data[start:position]


def _behind_preamble(data: bytes) -> int:
    if len(data) >= _PREAMBLE and data[128:_PREAMBLE] != b"DICM":
        raise UnsureError
    return _PREAMBLE


def forget() -> None:
    """Know nothing any more."""
    _steps.clear()
    _syntaxes.clear()
    _uids.clear()


def check_start(encoding: Encoding, data: bytes, position: int) -> None:
    """Look at the first element of a data set, of which the data holds twelve bytes.

    Raises:
        UnsureError: It is none, or not encoded as it should be.
    """
    group, _, vr, _, _ = encoding.head(data, position)
    if group < FIRST_GROUP_OF_DATA_SET or encoding.implicit == is_vr(vr):
        raise UnsureError
    remember(encoding.starts, data[position : position + 8], True)


def miss(window: Window, offset: int, end: int) -> NoReturn:
    """Ask for what is missing up to ``end``, unless the object ends before: then something is unusual."""
    if end > window.size:
        raise UnsureError
    raise MissingBytesError(offset)


def _step_over(window: Window, data: bytes, position: int) -> int:
    """Give how long an element is, and remember it; 0 where it is behind the file meta information."""
    if position + LONGEST_ELEMENT_HEADER > len(data):
        miss(window, len(data), position + LONGEST_ELEMENT_HEADER)
    group, element, vr, short, long = EXPLICIT.head(data, position)
    if group != 0x0002:
        return 0
    if vr in LONG_VRS:
        if long == UNDEFINED_LENGTH or element in _BY_ELEMENT:
            raise UnsureError
        return LONGEST_ELEMENT_HEADER + long
    if not is_vr(vr):
        raise UnsureError
    step = SHORTEST_ELEMENT_HEADER + short
    known = _BY_ELEMENT.get(element, _steps)
    remember(known, data[position : position + 8], step)
    return step
