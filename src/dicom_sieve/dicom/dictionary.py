"""The attributes that a criterion can name, by the DICOM dictionary.

The VR of a tag is the dictionary's, never an object's own claim. The header of an object ends before group 5200, so
attributes behind it cannot be named.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from pydicom._dicom_dict import DicomDictionary, RepeatersDictionary
from pydicom.datadict import dictionary_VM, dictionary_VR, keyword_for_tag, tag_for_keyword

from dicom_sieve.dicom.vr.registry import KEPT, VRS
from dicom_sieve.dicom.vr.value_type import ValueType

FIRST_GROUP_BEHIND_HEADER = 0x5200
"""The header is every top-level data element before this group."""

FIRST_GROUP_OF_DATA_SET = 0x0004
"""Groups 0000 (command) and 0002 (file meta information) are no part of a data set."""
FILE_META_GROUP = 0x0002
"""The first that a criterion can name."""
SHARED_GROUPS, PER_FRAME_GROUPS = FUNCTIONAL_GROUPS = "52009229", "52009230"
"""Tags of the functional groups of enhanced images (PS3.3 C.7.6.16)."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """A standard attribute with one of the supported VRs.

    Attributes:
        tag: Group and element as one number, ``0x00080020``.
        keyword: The dictionary's keyword, ``StudyDate``; empty for the few retired attributes that have none.
        vr: The dictionary's VR.
    """

    tag: int
    keyword: str
    vr: ValueType

    @property
    def hex_tag(self) -> str:
        """The tag as the ledger writes it: eight upper-case hex digits, ``00080020``."""
        return f"{self.tag:08X}"

    @property
    def is_single_valued(self) -> bool:
        """Whether the dictionary gives it one value (PS3.6, column VM); objects may hold more."""
        return not self.tag >> 16 & 1 and dictionary_VM(self.tag) == "1"

    def __str__(self) -> str:
        """As ``StudyDate (0008,0020)``."""
        return f"{self.keyword} {format_tag(self.tag)}".strip()


@dataclass(frozen=True, slots=True)
class UnsupportedTag:
    """Why no criterion can name a tag, in words."""

    reason: str


def format_tag(tag: int) -> str:
    """Write a tag as PS3 does, ``(0008,0020)``."""
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


def find_attribute(tag: int) -> Attribute | UnsupportedTag:
    """Look a tag up in the DICOM dictionary.

    Args:
        tag: Group and element as one number, 0 to ``0xFFFFFFFF``.

    Source:
        DICOM PS3.6, chapter 6 (dictionary); PS3.5, section 7.8 (private tags have an odd group).
    """
    group = tag >> 16
    if group % 2:
        return UnsupportedTag(f"{format_tag(tag)} is a private tag: it has no VR in the DICOM dictionary")
    try:
        vr = dictionary_VR(tag)
    except KeyError:
        return UnsupportedTag(f"{format_tag(tag)} is not in the DICOM dictionary")
    name = f"{keyword_for_tag(tag)} {format_tag(tag)}".strip()
    if not FILE_META_GROUP <= group < FIRST_GROUP_BEHIND_HEADER and f"{tag:08X}" not in FUNCTIONAL_GROUPS:
        return UnsupportedTag(f"{name} is not in the header: accepted are groups 0002 to 51FF")
    if (code := _one_vr(vr)) not in VRS:
        return UnsupportedTag(f"{name} has no value; accepted: attributes with a VR")
    return Attribute(tag, keyword_for_tag(tag), VRS[code])


def _one_vr(vr: str) -> str:
    """Choose of several VRs: numbers read alike whichever it is, and what may be bulk data is not compared."""
    several = vr.split(" or ")
    return next((code for code in several if code.startswith("O")), several[0])


def find_keyword(keyword: str) -> int | None:
    """Give the tag of a keyword (``StudyDate``), or None where the dictionary has no such keyword."""
    return tag_for_keyword(keyword)


def key_of(keyword: str) -> str:
    """Give the key under which the values of a standard attribute stand: its tag in hex."""
    return f"{find_keyword(keyword) or 0:08X}"


def attributes_of(keywords: Iterable[str]) -> tuple[Attribute, ...]:
    """Give the attributes of keywords, in their order; one that no criterion can name is left out."""
    found = (find_attribute(find_keyword(keyword) or 0) for keyword in keywords)
    return tuple(attribute for attribute in found if isinstance(attribute, Attribute))


@cache
def header_tags() -> frozenset[int]:
    """Give every tag that headers are read for, repeating groups written out."""
    tags = set(DicomDictionary)
    for mask, (vr, *_) in RepeatersDictionary.items():
        if vr in KEPT:
            tags.update(written_out(mask))
    return frozenset(filter(_is_kept, tags))


def _is_kept(tag: int) -> bool:
    return dictionary_VR(tag) in KEPT and FIRST_GROUP_OF_DATA_SET <= tag >> 16 < FIRST_GROUP_BEHIND_HEADER


def written_out(mask: str) -> set[int]:
    """Write out a dictionary mask such as ``50xx0020`` (PS3.5 7.6: repeating groups are even)."""
    places = mask.count("x")
    tags = {int(mask.replace("x" * places, f"{number:0{places}X}"), 16) for number in range(16**places)}
    return {tag for tag in tags if not (tag >> 16) % 2}
