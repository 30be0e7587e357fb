"""The meaning of bytes: pydicom, in a window that knows what it does not hold.

pydicom alone turns a cut file into a wrong answer, silently. Here a missing byte is `NeedMore`, and what ends in the
middle of something is damaged.
"""

import logging
import re
import warnings
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import BinaryIO, cast

from pydicom.dataelem import DataElement, RawDataElement
from pydicom.filereader import _is_implicit_vr, data_element_generator
from pydicom.tag import BaseTag
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
)
from pydicom.values import converters

from dicom_sieve.criteria.attribute import FIRST_GROUP_BEHIND_HEADER, header_tags
from dicom_sieve.criteria.values import PADDING
from dicom_sieve.headers.header import Defect, Header, Instance, defective
from dicom_sieve.headers.window import NeedMore, Window

# pydicom's warnings and log records quote values, which may be patients'.
warnings.filterwarnings("ignore", module=r"pydicom\.")
logging.getLogger("pydicom").setLevel(logging.CRITICAL + 1)

UNDEFINED_LENGTH = 0xFFFFFFFF
GROUP_OF_DELIMITERS = 0xFFFE
_UNKNOWN_SIZE = 1 << 62
NOT_TEXT = "\ufffd"
"""Stands for what no database can hold (a NUL inside a value) and for a value that is no text (a sequence)."""

SOP_CLASS_UID = 0x00080016
SOP_INSTANCE_UID = 0x00080018
STUDY_INSTANCE_UID = 0x0020000D
SERIES_INSTANCE_UID = 0x0020000E
TRANSFER_SYNTAX_UID = 0x00020010
_UIDS = frozenset({SOP_CLASS_UID, SOP_INSTANCE_UID, STUDY_INSTANCE_UID, SERIES_INSTANCE_UID})
_WELL_FORMED_UID = re.compile(r"[0-9]+(\.[0-9]+)+")
_FIRST_GROUPS = {group.to_bytes(2, order) for group in (0x0000, 0x0002, 0x0004, 0x0008) for order in ("little", "big")}


class DamagedError(Exception):
    """The bytes contradict themselves, or end where they may not. Never leaves `dicom_sieve.headers`."""


class TooLargeError(Exception):
    """The header goes on behind the bound. Never leaves `dicom_sieve.headers`."""


@dataclass(slots=True)
class _Collected:
    """What was read so far; filled in place, because it counts when reading ends in an error, too."""

    is_part_10: bool = False
    transfer_syntax: str | None = None
    values: dict[int, tuple[str, ...]] = field(default_factory=dict)

    @property
    def is_dicom(self) -> bool:
        """An object without the prefix DICM counts as DICOM when it holds a well-formed UID where DICOM has one."""
        return self.is_part_10 or any(_WELL_FORMED_UID.fullmatch(self.uid(tag) or "") for tag in _UIDS)

    def uid(self, tag: int) -> str | None:
        return "\\".join(self.values.get(tag, ())) or None

    def instance(self) -> Instance:
        attributes = {f"{tag:08X}": texts for tag, texts in sorted(self.values.items()) if tag not in _UIDS}
        series = self.uid(SERIES_INSTANCE_UID)
        header = Header(
            study_instance_uid=self.uid(STUDY_INSTANCE_UID),
            series_instance_uid=series,
            sop_class_uid=self.uid(SOP_CLASS_UID),
            attributes=attributes,
            defect=None if series else Defect.NO_SERIES,
        )
        return Instance(header, self.uid(SOP_INSTANCE_UID))


def read_with_pydicom(window: Window, *, inflated_limit: int) -> Instance | NeedMore:
    """Read a header as pydicom understands it.

    Args:
        window: What has been read of the object, which has at least one byte.
        inflated_limit: How many bytes a deflated data set may be inflated to.

    Returns:
        The instance, with a defect in its header where it cannot be judged; or where to read on.

    Source:
        DICOM PS3.10, section 7.1 (file meta information); PS3.5, chapter 7 (the data set) and section A.5 (deflated).
    """
    window.rewind()
    collected = _Collected()
    defect: Defect | None = None
    try:
        _read(window, collected, inflated_limit)
    except TooLargeError:
        defect = Defect.TOO_LARGE
    except Exception:  # pydicom lets nearly any exception out at hostile bytes; which one tells nothing more
        defect = Defect.CORRUPT
    if window.missing is not None:
        return NeedMore(window.missing)
    if not collected.is_dicom:
        return defective(Defect.NOT_DICOM)
    return collected.instance() if defect is None else defective(defect)


def _read(window: Window, collected: _Collected, inflated_limit: int) -> None:
    collected.is_part_10 = window.read(132)[128:] == b"DICM"
    if not collected.is_part_10:
        window.seek(0)
        if window.read(2) not in _FIRST_GROUPS:
            raise DamagedError
        window.seek(0)
    for element in _elements(window, lambda tag: tag >> 16 != 0x0002, implicit=False):
        if element.tag == TRANSFER_SYNTAX_UID:
            collected.transfer_syntax = "".join(_texts(element))
    for _ in _elements(window, lambda tag: tag >> 16 != 0x0000, implicit=True):
        pass  # a command set (PS3.7 6.3) tells nothing of the data set
    if collected.transfer_syntax == DeflatedExplicitVRLittleEndian:
        _read_deflated(window, collected, inflated_limit)
    else:
        implicit, little_endian = _encoding(window, collected.transfer_syntax)
        _read_data_set(window, collected, implicit=implicit, little_endian=little_endian)


def _read_deflated(window: Window, collected: _Collected, limit: int) -> None:
    start = window.tell()
    compressed = window.contiguous(start)
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    inflated = inflater.decompress(compressed, limit)
    view = Window(len(inflated) if inflater.eof else _UNKNOWN_SIZE)
    view.add(0, inflated)
    try:
        _read_data_set(view, collected, implicit=False, little_endian=True)
    except Exception:  # as in read_with_pydicom: what counts is whether a byte was missing
        if view.missing is None:
            raise
    if view.missing is None:
        return
    if len(inflated) >= limit:
        raise TooLargeError
    if start + len(compressed) >= window.size:
        raise DamagedError  # the deflated stream is cut short
    window.missing = start + len(compressed)


def _read_data_set(window: Window, collected: _Collected, *, implicit: bool, little_endian: bool) -> None:
    for element in _elements(window, _is_behind_header, implicit=implicit, little_endian=little_endian, tags=_wanted()):
        collected.values[int(element.tag)] = _texts(element)


def _elements(
    window: Window,
    is_behind: Callable[[int], bool],
    *,
    implicit: bool,
    little_endian: bool = True,
    tags: list[BaseTag | int] | None = None,
) -> Iterator[RawDataElement | DataElement]:
    """Give the elements up to the first one that is behind, and refuse an end in the middle of something."""
    stops: list[int] = []

    def stop_when(tag: BaseTag, _vr: str | None, _length: int) -> bool:
        if is_behind(tag):
            stops.append(int(tag))
        return bool(stops)

    file = cast("BinaryIO", window)
    start = window.tell()
    implicit = _is_implicit_vr(file, implicit, little_endian, lambda tag, _vr, _length: is_behind(tag), False)
    window.seek(start)
    for element in data_element_generator(file, implicit, little_endian, stop_when, specific_tags=tags):
        if isinstance(element, RawDataElement) and element.length not in {len(element.value or b""), UNDEFINED_LENGTH}:
            raise DamagedError
        yield element
    ended_in_the_middle = not stops and (window.last_read > 0 or window.tell() > window.size)
    if ended_in_the_middle or (stops and stops[0] >> 16 == GROUP_OF_DELIMITERS):
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


@cache
def _wanted() -> list[BaseTag | int]:
    return sorted(header_tags() | _UIDS)


def _texts(element: RawDataElement | DataElement) -> tuple[str, ...]:
    """Split a raw value at its backslashes (PS3.5 6.4); CS, DA, AS and UI are in the default repertoire."""
    if not isinstance(element, RawDataElement):
        return (NOT_TEXT,)
    text = (element.value or b"").decode("latin-1").rstrip(PADDING)
    return tuple(part.rstrip(PADDING).replace("\0", NOT_TEXT) for part in text.split("\\")) if text else ()
