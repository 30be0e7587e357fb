"""Pieces of headers: elements that objects have in common, found by their bytes and read once.

A piece is known by the bytes of a row of elements, headers and values, without the values that no header holds. Equal
bytes are the same elements: each header tells how long its value is, and by tag, VR and length whether that is among
them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import getitem

from dicom_sieve.headers.attributes import (
    PIXEL_REPRESENTATION,
    SPECIFIC_CHARACTER_SET,
    Scope,
    block_of,
    creator_of,
    is_private,
    key_of,
    names_creator,
)
from dicom_sieve.headers.element import Element
from dicom_sieve.headers.known_texts import TAG, UNREAD, KnownTexts, Spelling, known_texts
from dicom_sieve.headers.texts import Texts
from dicom_sieve.headers.values import EXPECTED, IDENTITIES

LARGEST_PIECE = 8192
"""In bytes: of nearly all headers the pieces are smaller."""
MOST_BYTES = 2 * 1024 * 1024
"""Of pieces that are known, and as many in headers."""
MOST_LAYOUTS = 4096

Creators = Mapping[int, str]
"""Of private blocks, by group and high byte of their elements."""
_SCOPE_TAGS = (SPECIFIC_CHARACTER_SET, PIXEL_REPRESENTATION)


def is_decisive(tag: int) -> bool:
    """Tell whether the value of an element tells how others are read, whatever its VR."""
    return tag in _SCOPE_TAGS or names_creator(tag)


@dataclass(frozen=True, slots=True)
class Names:
    """What the values of a layout are called, and what is known of them.

    Attributes:
        keys: One a value; None of what has no name.
        known: One a value.
        named: How many have a name.
        is_unique: Whether no two have the same.
    """

    keys: tuple[str | None, ...]
    known: tuple[KnownTexts, ...]
    named: int
    is_unique: bool

    def texts(self, values: Sequence[bytes]) -> dict[str, Texts]:
        """Give the texts by name."""
        found: dict[str | None, Texts] = dict(zip(self.keys, map(getitem, self.known, values), strict=True))
        if self.named < len(self.keys):
            found.pop(None, None)
        return found  # type: ignore[return-value]  # None is no key any more


@dataclass(slots=True, eq=False)
class Layout:
    """Which elements stand one behind the other.

    Attributes:
        marks: Of each: what it is known by.
        implicit: Whether VRs are implicit.
        little_endian: The order of bytes.
        tags: Of each.
        expected: Those among them that every object should have.
        identities: Places and tags of those that a header is made of besides its attributes.
        scope_places: Places and tags of those that say how others are read.
        creators: Places and blocks of those that name whose private blocks are.
        decisive: Places of those by which others are read.
        blocks: Private blocks of which elements are there.
    """

    marks: tuple[int, ...]
    implicit: bool
    little_endian: bool
    tags: tuple[int, ...]
    expected: frozenset[int]
    identities: tuple[tuple[int, int], ...]
    scope_places: tuple[tuple[int, int], ...]
    creators: tuple[tuple[int, int], ...]
    decisive: frozenset[int]
    blocks: tuple[int, ...]
    _latest: tuple[Scope, Creators, "Names"] | None = None

    @classmethod
    def of(cls, marks: tuple[int, ...], *, implicit: bool, little_endian: bool) -> "Layout":
        """Make the layout of elements."""
        tags = tuple(mark & TAG for mark in marks)
        placed = list(enumerate(tags))
        return cls(
            marks,
            implicit,
            little_endian,
            tags,
            EXPECTED.intersection(tags),
            tuple((place, tag) for place, tag in placed if tag in IDENTITIES or tag == SPECIFIC_CHARACTER_SET),
            tuple((place, tag) for place, tag in placed if tag in _SCOPE_TAGS),
            tuple((place, block_of(tag)) for place, tag in placed if names_creator(tag)),
            frozenset(place for place, tag in placed if is_decisive(tag)),
            tuple(sorted({tag >> 8 for tag in tags if is_private(tag) and not names_creator(tag)})),
        )

    def names(self, scope: Scope, creators: Creators) -> Names:
        """Give what the values are called."""
        latest = self._latest
        if latest is not None and latest[0] is scope and latest[1] is creators:
            return latest[2]
        names = _names(self, scope, tuple([creators.get(block) for block in self.blocks]) if self.blocks else ())
        self._latest = (scope, creators, names)
        return names

    def element(self, place: int, value: bytes) -> Element:
        """Give an element whose VR does not matter."""
        kept = None if self.marks[place] & UNREAD else value
        return Element(self.tags[place], b"", kept, self.implicit, self.little_endian)


@lru_cache(maxsize=2048)
def _names(layout: Layout, scope: Scope, creators: tuple[str | None, ...]) -> Names:
    of_blocks = {block: creator for block, creator in zip(layout.blocks, creators, strict=True) if creator is not None}
    keys = tuple(key_of(tag, of_blocks) for tag in layout.tags)
    known = tuple(
        known_texts(Spelling(mark, layout.implicit, layout.little_endian, scope, of_blocks.get(tag >> 8)))
        for mark, tag in zip(layout.marks, layout.tags, strict=True)
    )
    named = [key for key in keys if key is not None]
    return Names(keys, known, len(named), len(set(named)) == len(named))


@dataclass(slots=True, eq=False)
class Piece:
    """Elements with their values.

    Attributes:
        layout: Of the elements.
        values: Of each; empty where none is kept.
        shared: The elements, one behind the other; of those that are not read their headers.
    """

    layout: Layout
    values: tuple[bytes, ...]
    shared: bytes = b""

    def creators(self) -> Creators:
        """Give whose the private blocks are that are named here."""
        named = ((block, creator_of(self.values[place])) for place, block in self.layout.creators)
        return {block: creator for block, creator in named if creator}

    def scope_elements(self) -> Mapping[int, Element]:
        """Give what says how other elements are read."""
        return {tag: self.layout.element(place, self.values[place]) for place, tag in self.layout.scope_places}


class Pieces(dict[bytes, Piece]):
    """Pieces by their bytes, of one encoding.

    Args:
        implicit: Whether VRs are implicit.
        little_endian: The order of bytes.
    """

    def __init__(self, *, implicit: bool, little_endian: bool) -> None:
        super().__init__()
        self._implicit, self._little_endian = implicit, little_endian
        self._layouts: dict[tuple[int, ...], Layout] = {}
        self._held = 0

    def clear(self) -> None:
        """Forget all."""
        super().clear()
        self._layouts.clear()
        self._held = 0

    def make(self, written: bytes, shared: bytes, marks: tuple[int, ...], values: tuple[bytes, ...]) -> Piece:
        """Make a piece.

        Args:
            written: What it is known by.
            shared: See `Piece`.
            marks: Of its elements.
            values: Of each.
        """
        piece = Piece(self.layout(marks), values, shared)
        if len(written) <= LARGEST_PIECE:
            self._held += len(written)
            if self._held > MOST_BYTES:
                self.clear()
                self._held = len(written)
            self[written] = piece
        return piece

    def layout(self, marks: tuple[int, ...]) -> Layout:
        """Give the layout of elements."""
        layout = self._layouts.get(marks)
        if layout is None:
            layout = Layout.of(marks, implicit=self._implicit, little_endian=self._little_endian)
            if len(self._layouts) >= MOST_LAYOUTS:
                self._layouts.clear()
            self._layouts[marks] = layout
        return layout


def forget() -> None:
    """Know nothing any more."""
    _names.cache_clear()
