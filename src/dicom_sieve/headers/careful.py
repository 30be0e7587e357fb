"""The meaning of bytes: a careful reader, in a window that knows what it does not hold.

It understands an object as pydicom does, but for what docs/reading.md lists: so a missing byte is `NeedMore`, where
pydicom takes a cut file for a shorter one, and what ends in the middle of something is damaged.
"""

import re
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache

from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPIPHTJ2KReferencedDeflate,
)
from pydicom.values import converters

from dicom_sieve.dicom.dictionary import header_tags
from dicom_sieve.dicom.kept import FUNCTIONAL_GROUPS
from dicom_sieve.headers.data_set import Trail, pass_zeros, read_data_set
from dicom_sieve.headers.defects import Damage, Defect
from dicom_sieve.headers.deflated import inflate, inflated_window
from dicom_sieve.headers.element import Element
from dicom_sieve.headers.elements import Budget, DamagedError, TooLargeError, is_vr, read_elements
from dicom_sieve.headers.header import Instance, defective
from dicom_sieve.headers.texts import Texts, texts_of
from dicom_sieve.headers.values import (
    EXPECTED,
    IDENTITIES,
    LARGEST_HEADER,
    RECOGNITION_CODE,
    SERIES_INSTANCE_UID,
    SOP_INSTANCE_UID,
    UIDS,
    find_damaged,
    header_of,
    uid_of,
)
from dicom_sieve.headers.vocabulary import Vocabulary
from dicom_sieve.headers.window import MissingBytesError, NeedMore, Window

TRANSFER_SYNTAX_UID = 0x00020010
_PREAMBLE = 132
"""In bytes, its prefix included."""
_WELL_FORMED_UID = re.compile(r"[0-9]+(\.[0-9]+)+")
_FIRST_GROUPS = {group.to_bytes(2, order) for group in (0x0000, 0x0002, 0x0004, 0x0008) for order in ("little", "big")}
_JPIP_REFERENCED_DEFLATE = "1.2.840.10008.1.2.4.95"
_DEFLATED = frozenset({DeflatedExplicitVRLittleEndian, _JPIP_REFERENCED_DEFLATE, JPIPHTJ2KReferencedDeflate})
_NOT_COUNTED = FUNCTIONAL_GROUPS | {RECOGNITION_CODE}
"""Of what is bounded in `LARGEST_HEADER`: what was never, and what have bounds of their own."""


@cache
def _told_twice() -> frozenset[int]:
    """Give the tags of elements that may not be there twice with different values."""
    return header_tags() | IDENTITIES | {RECOGNITION_CODE}


@dataclass(slots=True)
class _Collected:
    """What was read so far; filled in place, because it counts when reading ends early, too.

    Attributes:
        vocabulary: Tells what is wanted.
        budget: For all that is gone through.
        is_part_10: Whether the object has file meta information where DICOM has it.
        elements: Those that are wanted, by tag.
        values: Their texts as they are written, of those by which an object is told and the first edition's.
        repeated: Tags of these that came again with another value.
        trail: Of the data set's elements.
        damage: At which reading ended.
        is_whole: Whether the data set was read to its end.
    """

    vocabulary: Vocabulary
    budget: Budget
    is_part_10: bool = False
    elements: dict[int, Element] = field(default_factory=dict)
    values: dict[int, Texts] = field(default_factory=dict)
    repeated: set[int] = field(default_factory=set)
    trail: Trail = field(default_factory=Trail)
    damage: Damage | None = None
    is_whole: bool = False

    @property
    def is_dicom(self) -> bool:
        """Whether it has the prefix DICM, a well-formed UID where DICOM has one, or says that it is ACR-NEMA."""
        if self.is_part_10 or "".join(self.values.get(RECOGNITION_CODE, ())).startswith("ACR-NEMA"):
            return True
        return any(_WELL_FORMED_UID.fullmatch(uid_of(self.values, tag) or "") for tag in UIDS)

    @property
    def is_placed(self) -> bool:
        """Whether the object can be placed: its series is known."""
        return uid_of(self.values, SERIES_INSTANCE_UID) is not None

    @property
    def is_complete(self) -> bool:
        """Whether all came that is expected of an object."""
        return self.values.keys() >= EXPECTED

    @property
    def _unreadable_from(self) -> int:
        """The lowest tag of which an element may still come."""
        if not self.is_complete and self.trail.tag > self.vocabulary.last_tag:
            return 0  # what is missing is looked for behind all that are wanted: elements do not ascend
        return self.trail.unreadable_from

    def take(self, element: Element) -> None:
        """Keep an element; of one that is there twice, with different values, no value is kept."""
        tag, texts = element.tag, texts_of(element.value)
        if tag not in _told_twice():
            former = self.elements.get(tag, element)
            self.elements[tag] = element if former.value == element.value else element._replace(value=None)
            return
        if tag != RECOGNITION_CODE and self.values.get(tag, texts) != texts:
            self.repeated.add(tag)
        self.values[tag], self.elements[tag] = texts, element

    def judge(self) -> Instance:
        """Make the instance, of all that was read."""
        if not self.is_dicom:
            return defective(Defect.NOT_DICOM)
        damage, unreadable = self.damage, [] if self.is_whole else [self._unreadable_from]
        lost = find_damaged(self.values)
        if lost:
            damage, unreadable = Damage.CONTRADICTORY, [*unreadable, *lost]
        if self.repeated:
            damage, unreadable = Damage.REPEATED, [*unreadable, *self.repeated]
        for tag in lost | self.repeated:
            del self.values[tag], self.elements[tag]
        return self._instance(damage, min(unreadable, default=None))

    def _instance(self, damage: Damage | None, unreadable_from: int | None) -> Instance:
        defect = None
        if damage is not None:
            defect = Defect.CORRUPT
        elif unreadable_from is not None and not self.is_placed:
            defect = Defect.TOO_LARGE
        elif unreadable_from is not None and unreadable_from > self.vocabulary.last_tag:
            unreadable_from = None  # nothing wanted has such a tag
        shared, own = self.vocabulary.attributes(self.elements)
        header = header_of(self.values, shared, defect=defect, damage=damage, unreadable_from=unreadable_from)
        return Instance(header, uid_of(self.values, SOP_INSTANCE_UID), own)


def read_header(
    window: Window, vocabulary: Vocabulary, *, inflated_limit: int, elements_limit: int
) -> Instance | NeedMore:
    """Read the header of one object.

    Args:
        window: What has been read of the object, which has at least one byte.
        vocabulary: What is read.
        inflated_limit: How many bytes a deflated data set may be inflated to.
        elements_limit: How many elements may be gone through, those in items included.

    Returns:
        The instance, with a defect in its header where it cannot be judged; or where to read on.

    Source:
        DICOM PS3.10, section 7.1 (file meta information); PS3.5, chapter 7 (the data set) and section A.5 (deflated).
    """
    collected = _Collected(vocabulary, Budget(elements_limit))
    missing = _collect(window, collected, inflated_limit)
    return collected.judge() if missing is None else NeedMore(missing)


def read_bounded(window: Window, vocabulary: Vocabulary, *, inflated_limit: int, elements_limit: int) -> Instance:
    """Read the header of an object of which no more bytes will be read: the first missing one is a bound.

    Args:
        window: As for `read_header`.
        vocabulary: Likewise.
        inflated_limit: Likewise.
        elements_limit: Likewise.
    """
    collected = _Collected(vocabulary, Budget(elements_limit))
    _collect(window, collected, inflated_limit)
    return collected.judge()


def _collect(window: Window, collected: _Collected, inflated_limit: int) -> int | None:
    """Read as far as can be, and give the first missing byte, if that is where it ends."""
    window.seek(0)
    try:
        _read(window, collected, inflated_limit)
        collected.is_whole = True
    except MissingBytesError as missing:
        return missing.offset
    except TooLargeError:
        pass
    except DamagedError as error:
        collected.damage = error.damage
    return None


def _read(window: Window, collected: _Collected, inflated_limit: int) -> None:
    if not _find_beginning(window, collected):
        # What begins here is a data set, of which these may be the first elements (pydicom reads it so, too).
        implicit, little_endian = _encoding(window, None)
        _read_data_set(window, collected, implicit=implicit, little_endian=little_endian)
        return
    transfer_syntax = _read_meta(window, collected)
    if transfer_syntax in _DEFLATED:
        _read_deflated(window, collected, inflated_limit)
        return
    for _ in read_elements(window, (), collected.budget, is_behind=lambda tag: tag >> 16 != 0x0000, implicit=True):
        pass  # a command set (PS3.7 6.3) tells nothing of the data set
    pass_zeros(window)
    implicit, little_endian = _encoding(window, transfer_syntax)
    _read_data_set(window, collected, implicit=implicit, little_endian=little_endian)


def _find_beginning(window: Window, collected: _Collected) -> bool:
    """Move to what follows the preamble, if there is one; False where its prefix is missing, but all else is there.

    Raises:
        DamagedError: The object does not begin as DICOM does.
        MissingBytesError: From the window.
    """
    start = window.read(_PREAMBLE)
    collected.is_part_10 = start[128:] == b"DICM"
    if collected.is_part_10:
        return True
    window.seek(0)
    if start[:2] not in _FIRST_GROUPS:
        raise DamagedError(Damage.CONTRADICTORY)
    if start[:8].strip(b"\0"):
        return True
    window.seek(128)
    first = window.read(6)
    window.seek(128)
    collected.is_part_10 = not start[:128].strip(b"\0") and first[:2] == b"\2\0" and is_vr(first[4:])
    if not collected.is_part_10:
        raise DamagedError(Damage.CONTRADICTORY)
    return False


def _read_meta(window: Window, collected: _Collected) -> str | None:
    """Read the file meta information, of which its own group length is not believed; give the transfer syntax."""
    wanted = {TRANSFER_SYNTAX_UID, *collected.vocabulary.meta_tags}
    transfer_syntax = None
    for element in read_elements(
        window, wanted, collected.budget, is_behind=lambda tag: tag >> 16 != 0x0002, implicit=False
    ):
        collected.elements[element.tag] = element
        if element.tag == TRANSFER_SYNTAX_UID:
            transfer_syntax = "\\".join(texts_of(element.value)) or None
    return transfer_syntax


def _read_deflated(window: Window, collected: _Collected, limit: int) -> None:
    start = window.tell()
    compressed = window.contiguous(start)
    inflated = inflate(compressed, limit=limit)
    with suppress(MissingBytesError):  # of what was inflated, which then is not whole
        _read_data_set(inflated_window(inflated), collected, implicit=False, little_endian=True, to_the_end=True)
    if inflated.is_whole:
        return
    # Also where the data set has ended: pydicom opens no object whose deflated stream breaks or ends early.
    if len(inflated.data) >= limit:
        raise TooLargeError
    end = start + len(compressed)
    if inflated.is_damaged or end >= window.size:
        raise DamagedError(Damage.CONTRADICTORY if inflated.is_damaged else Damage.CUT)
    raise MissingBytesError(end)


def _read_data_set(
    window: Window, collected: _Collected, *, implicit: bool, little_endian: bool, to_the_end: bool = False
) -> None:
    elements = read_data_set(
        window,
        collected.vocabulary,
        collected.budget,
        collected.trail,
        is_placed=lambda: collected.is_placed,
        is_complete=lambda: not to_the_end and collected.is_complete,
        implicit=implicit,
        little_endian=little_endian,
    )
    room = LARGEST_HEADER
    for element in elements:
        room -= 0 if element.tag in _NOT_COUNTED else len(element.value or b"")
        if room < 0:
            raise TooLargeError
        collected.take(element)


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
