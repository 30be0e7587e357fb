"""Texts of values, made once for each distinct value: headers that differ still have most of their values in common."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from dicom_sieve.headers.attributes import Scope, is_as_written, top_texts
from dicom_sieve.headers.element import Element
from dicom_sieve.headers.texts import Texts, texts_of
from dicom_sieve.headers.values import LARGEST_HEADER
from dicom_sieve.headers.vocabulary import current_vocabulary

TAG = 0xFFFFFFFF
VR_ABOVE = 32
UNREAD = 1 << 48
"""In the mark of an element of which no value is kept, only that it is there."""
OWN = 1 << 49
"""In the mark of an element that is kept with the object."""
BULK = 1 << 50
"""In the mark of an element of which no value is kept, unless it is empty."""
LONGEST_KNOWN = 4096
"""In bytes of a value."""
MOST_BYTES = 4 * 1024 * 1024
"""Of values whose texts are known, with what each takes besides."""
_BESIDES = 128


@dataclass(frozen=True, slots=True)
class Spelling:
    """How a value is read.

    Attributes:
        mark: Of its element: the tag, the VR where that matters, and what is kept of it.
        implicit: Whether VRs are implicit.
        little_endian: The order of bytes.
        scope: What the data set says of how all are read.
        creator: Of a private element.
    """

    mark: int
    implicit: bool
    little_endian: bool
    scope: Scope
    creator: str | None

    @property
    def longest(self) -> int:
        """How many bytes of a value are kept; of a longer one only that it is there."""
        vocabulary, tag = current_vocabulary(), self.mark & TAG
        return LARGEST_HEADER if tag in vocabulary.as_written else vocabulary.longest(tag)

    @property
    def is_as_written(self) -> bool:
        """Whether its texts are as they stand there, where it is kept."""
        return not self.mark & UNREAD and is_as_written(self.element(b" "), self.scope, self.creator)

    def read(self, value: bytes | None) -> Texts:
        """Give the texts."""
        return top_texts(self.element(value), self.scope, self.creator)

    def element(self, value: bytes | None) -> Element:
        """Give the element."""
        vr = (self.mark & (UNREAD - 1)) >> VR_ABOVE
        written = vr.to_bytes(2, "big") if vr else b""
        kept = None if self.mark & UNREAD else value
        return Element(self.mark & TAG, written, kept, self.implicit, self.little_endian)


class KnownTexts(dict[bytes, Texts]):
    """Texts by the value."""

    __slots__ = ("_longest", "_read")

    def __init__(self, spelling: Spelling) -> None:
        super().__init__()
        self._longest = spelling.longest
        self._read: Callable[[bytes | None], Texts] = texts_of if spelling.is_as_written else spelling.read

    def __missing__(self, value: bytes) -> Texts:
        texts = self._read(value if len(value) <= self._longest else None)
        if len(value) <= LONGEST_KNOWN:
            _held.add(self, len(value) + _BESIDES)
            self[value] = texts
        return texts


class _Held:
    """Bounds what is known of all values together."""

    def __init__(self) -> None:
        self._bytes = 0
        self._all: dict[int, KnownTexts] = {}

    def add(self, texts: KnownTexts, size: int) -> None:
        if self._bytes + size > MOST_BYTES:
            self.forget()
        self._bytes += size
        self._all[id(texts)] = texts

    def forget(self) -> None:
        known, self._all, self._bytes = self._all, {}, 0
        for texts in known.values():
            texts.clear()


_held = _Held()


@lru_cache(maxsize=16384)
def known_texts(spelling: Spelling) -> KnownTexts:
    """Give what is known of values that are read in one way."""
    return KnownTexts(spelling)


def forget() -> None:
    """Know nothing any more."""
    known_texts.cache_clear()
    _held.forget()
