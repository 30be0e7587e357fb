"""The meaning of bytes: a careful reader, in a window that knows what it does not hold.

It understands an object as pydicom does, with two differences: a missing byte is `NeedMore`, where pydicom takes a cut
file for a shorter one; and what ends in the middle of something is damaged.
"""

import re
from dataclasses import dataclass, field

from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPIPHTJ2KReferencedDeflate,
)
from pydicom.values import converters

from dicom_sieve.criteria.attribute import FIRST_GROUP_BEHIND_HEADER
from dicom_sieve.headers.deflated import inflate, inflated_window
from dicom_sieve.headers.elements import Budget, DamagedError, TooLargeError, read_elements
from dicom_sieve.headers.header import Defect, Instance, defective
from dicom_sieve.headers.texts import (
    LARGEST_HEADER,
    SOP_INSTANCE_UID,
    UIDS,
    Texts,
    has_damaged_uid,
    header_of,
    texts_of,
    uid_of,
    wanted_tags,
)
from dicom_sieve.headers.window import MissingBytesError, NeedMore, Window

TRANSFER_SYNTAX_UID = 0x00020010
_WELL_FORMED_UID = re.compile(r"[0-9]+(\.[0-9]+)+")
_FIRST_GROUPS = {group.to_bytes(2, order) for group in (0x0000, 0x0002, 0x0004, 0x0008) for order in ("little", "big")}
_JPIP_REFERENCED_DEFLATE = "1.2.840.10008.1.2.4.95"
_DEFLATED = frozenset({DeflatedExplicitVRLittleEndian, _JPIP_REFERENCED_DEFLATE, JPIPHTJ2KReferencedDeflate})


@dataclass(slots=True)
class _Collected:
    """What was read so far; filled in place, because it counts when reading ends in an error, too."""

    budget: Budget
    is_part_10: bool = False
    values: dict[int, Texts] = field(default_factory=dict)

    @property
    def is_dicom(self) -> bool:
        """An object without the prefix DICM counts as DICOM when it holds a well-formed UID where DICOM has one."""
        return self.is_part_10 or any(_WELL_FORMED_UID.fullmatch(uid_of(self.values, tag) or "") for tag in UIDS)


def read_header(window: Window, *, inflated_limit: int, elements_limit: int) -> Instance | NeedMore:
    """Read the header of one object.

    Args:
        window: What has been read of the object, which has at least one byte.
        inflated_limit: How many bytes a deflated data set may be inflated to.
        elements_limit: How many elements may be gone through, those in items included.

    Returns:
        The instance, with a defect in its header where it cannot be judged; or where to read on.

    Source:
        DICOM PS3.10, section 7.1 (file meta information); PS3.5, chapter 7 (the data set) and section A.5 (deflated).
    """
    window.seek(0)
    collected = _Collected(Budget(elements_limit))
    defect: Defect | None = None
    try:
        _read(window, collected, inflated_limit)
    except MissingBytesError as missing:
        return NeedMore(missing.offset)
    except TooLargeError:
        defect = Defect.TOO_LARGE
    except DamagedError:
        defect = Defect.CORRUPT
    if not collected.is_dicom:
        return defective(Defect.NOT_DICOM)
    if defect is not None:
        return defective(defect)
    return Instance(header_of(collected.values), uid_of(collected.values, SOP_INSTANCE_UID))


def _read(window: Window, collected: _Collected, inflated_limit: int) -> None:
    collected.is_part_10 = window.read(132)[128:] == b"DICM"
    if not collected.is_part_10:
        window.seek(0)
        if window.read(2) not in _FIRST_GROUPS:
            raise DamagedError
        window.seek(0)
    transfer_syntax = _read_transfer_syntax(window, collected.budget)
    if transfer_syntax in _DEFLATED:
        _read_deflated(window, collected, inflated_limit)
        return
    for _ in read_elements(window, (), collected.budget, is_behind=lambda tag: tag >> 16 != 0x0000, implicit=True):
        pass  # a command set (PS3.7 6.3) tells nothing of the data set
    implicit, little_endian = _encoding(window, transfer_syntax)
    _read_data_set(window, collected, implicit=implicit, little_endian=little_endian)


def _read_transfer_syntax(window: Window, budget: Budget) -> str | None:
    """Read the file meta information, of which its own group length is not believed, up to the data set."""
    wanted = (TRANSFER_SYNTAX_UID,)
    elements = dict(read_elements(window, wanted, budget, is_behind=lambda tag: tag >> 16 != 0x0002, implicit=False))
    return "\\".join(texts_of(elements.get(TRANSFER_SYNTAX_UID, b""))) or None


def _read_deflated(window: Window, collected: _Collected, limit: int) -> None:
    start = window.tell()
    compressed = window.contiguous(start)
    inflated = inflate(compressed, limit=limit)
    try:
        _read_data_set(inflated_window(inflated), collected, implicit=False, little_endian=True)
    except MissingBytesError:
        if len(inflated.data) >= limit:
            raise TooLargeError from None
        end = start + len(compressed)
        if inflated.is_damaged or end >= window.size:
            raise DamagedError from None  # the deflated stream is broken, or cut short
        raise MissingBytesError(end) from None


def _read_data_set(window: Window, collected: _Collected, *, implicit: bool, little_endian: bool) -> None:
    elements = read_elements(
        window,
        wanted_tags(),
        collected.budget,
        is_behind=_is_behind_header,
        implicit=implicit,
        little_endian=little_endian,
    )
    room = LARGEST_HEADER
    for tag, value in elements:
        room -= len(value or b"")
        if room < 0:
            raise TooLargeError
        collected.values[tag] = texts_of(value)
    # Of an element that is repeated the last counts.
    if has_damaged_uid(collected.values):
        raise DamagedError


def _encoding(window: Window, transfer_syntax: str | None) -> tuple[bool, bool]:
    """Tell whether VRs are implicit and whether bytes are little-endian (PS3.5 section 10 and annex A)."""
    if transfer_syntax is not None:
        return transfer_syntax == ImplicitVRLittleEndian, transfer_syntax != ExplicitVRBigEndian
    start = window.tell()
    peeked = window.read(6)
    window.seek(start)
    if len(peeked) < 6 or peeked[4:].decode("latin-1") not in converters:
        return True, True
    # 0004 to 0008 written big-endian reads as 0400 and more in little-endian.
    return False, int.from_bytes(peeked[:2], "little") < 0x0400


def _is_behind_header(tag: int) -> bool:
    return tag >> 16 >= FIRST_GROUP_BEHIND_HEADER
