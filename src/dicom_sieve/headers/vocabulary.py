"""What of objects is read into headers: the attributes of an edition, as the readers ask for them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

from dicom_sieve.dicom.dictionary import FIRST_GROUP_OF_DATA_SET, header_tags
from dicom_sieve.dicom.kept import (
    FUNCTIONAL_GROUPS,
    LONGEST_KEPT,
    kept_tags,
    object_tags,
    private_object_tags,
    sequence_tags,
    without_block,
)
from dicom_sieve.headers.attributes import attributes_of, is_private, names_creator
from dicom_sieve.headers.edition import Edition, current_edition, first_edition, is_own
from dicom_sieve.headers.element import Element
from dicom_sieve.headers.elements import LONGEST_VALUE
from dicom_sieve.headers.texts import Texts
from dicom_sieve.headers.values import IDENTITIES, RECOGNITION_CODE

_FIRST_TAG_OF_DATA_SET = FIRST_GROUP_OF_DATA_SET << 16
LONGEST_SEQUENCE = 16 * 1024
"""In bytes."""
LARGEST_FRAMES = 1024 * 1024
"""In bytes of functional groups, in which some scanners put 100 KiB of their own. Larger ones of frames end reading, as
they are nearly the last of a header."""


@dataclass(frozen=True, slots=True, eq=False)
class Vocabulary:
    """The attributes of one edition.

    Attributes:
        edition: As the ledger records it.
        tags: Of the attributes that headers hold.
        own: Those that are kept with the object.
        has_private: Whether private elements are held, too.
        wanted: Tags of all elements that are read for it, private ones left out.
        last_tag: The highest of them: where elements ascend nothing wanted is behind it.
        meta_tags: Those of the file meta information.
        as_written: Those whose VR does not matter: their texts are as they stand there.
    """

    edition: Edition
    tags: frozenset[int]
    own: frozenset[int] = frozenset()
    has_private: bool = False
    wanted: frozenset[int] = field(init=False)
    last_tag: int = field(init=False)
    meta_tags: frozenset[int] = field(init=False)
    as_written: frozenset[int] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "wanted", self.tags | IDENTITIES)
        object.__setattr__(self, "last_tag", max(self.wanted))
        object.__setattr__(self, "as_written", self.wanted & (header_tags() | IDENTITIES))
        object.__setattr__(self, "meta_tags", frozenset(tag for tag in self.tags if tag < _FIRST_TAG_OF_DATA_SET))

    @property
    def by_vr(self) -> bool:
        """Whether the VR of some wanted element matters."""
        return len(self.as_written) < len(self.wanted)

    def wants(self, tag: int) -> bool:
        """Tell whether the element of a tag is read."""
        return tag in self.wanted or (self.has_private and is_private(tag))

    def is_own(self, tag: int) -> bool:
        """Tell whether an element is kept with the object."""
        if not is_private(tag):
            return tag in self.own
        return self.has_private and not names_creator(tag) and without_block(tag) in private_object_tags()

    def longest(self, tag: int) -> int:
        """Give how many bytes of a value are read at most; of a longer one only that it is there."""
        if tag in _read_whole():
            return LONGEST_VALUE
        if self.has_items(tag):
            return LARGEST_FRAMES if tag in FUNCTIONAL_GROUPS else LONGEST_SEQUENCE
        return LONGEST_KEPT

    def has_items(self, tag: int) -> bool:
        """Tell whether the items of a sequence are read, not only whether it is there."""
        return tag in self.tags and tag in sequence_tags()

    def attributes(self, elements: Mapping[int, Element]) -> tuple[dict[str, Texts], dict[str, Texts]]:
        """Give what objects that are alike have in common, and what is the object's own."""
        named = attributes_of({tag: element for tag, element in elements.items() if self._holds(tag)})
        sides: tuple[dict[str, Texts], dict[str, Texts]] = ({}, {})
        for key, texts in named.items():
            sides[self._is_own_key(key)][key] = texts
        return sides

    def _is_own_key(self, key: str) -> bool:
        """Tell of a key what `is_own` tells of its element."""
        return is_own(key) and (self.has_private if " " in key else bool(self.own))

    def _holds(self, tag: int) -> bool:
        return tag in self.tags or (self.has_private and is_private(tag))


@cache
def first_vocabulary() -> Vocabulary:
    """Give what the first edition has."""
    return Vocabulary(first_edition(), header_tags() - IDENTITIES)


@cache
def current_vocabulary() -> Vocabulary:
    """Give what this version of the software reads: all that can be kept."""
    return Vocabulary(current_edition(), kept_tags() | header_tags(), object_tags(), has_private=True)


@cache
def _read_whole() -> frozenset[int]:
    return header_tags() | IDENTITIES | {RECOGNITION_CODE}
