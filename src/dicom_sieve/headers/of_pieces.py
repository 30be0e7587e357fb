"""From the pieces of an object to its header: what is alike is made once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import compress
from operator import ne

from dicom_sieve.headers import known_texts, pieces
from dicom_sieve.headers.attributes import Scope, attributes_of
from dicom_sieve.headers.element import Element
from dicom_sieve.headers.elements import Budget, read_elements
from dicom_sieve.headers.header import Header
from dicom_sieve.headers.pieces import Creators, Layout, Names, Piece
from dicom_sieve.headers.texts import Texts, texts_of
from dicom_sieve.headers.values import LONGEST_UID, find_damaged, header_of
from dicom_sieve.headers.vocabulary import current_vocabulary
from dicom_sieve.headers.window import Window

_META_ELEMENTS = 1_000
_PLACES = range(1 << 16)
_NOTHING: Mapping[str, Texts] = {}


MOST_BYTES = 2 * 1024 * 1024
"""Of headers that are known."""
LARGEST_KNOWN = 64 * 1024
"""In bytes of a header."""

MOST_FORMS = 1024

Read = tuple[Header, Scope, Creators]
"""A header, and how what is the object's own is read."""


@dataclass(frozen=True, slots=True)
class _Made:
    """What was made of pieces: of others with the same layouts only what differs has to be made.

    Attributes:
        meta: The file meta information.
        pieces: In any order.
        scope: How their values are read.
        creators: Likewise.
        names: What the values of each piece are called.
        attributes: Of the header.
    """

    meta: bytes
    pieces: Sequence[Piece]
    scope: Scope
    creators: Creators
    names: Sequence[Names]
    attributes: dict[str, Texts]

    def again(self, pieces: Sequence[Piece]) -> "_Made | None":
        """Make the same of other pieces; None where they are read in another way."""
        attributes = self.attributes.copy()
        for piece, former, names in zip(pieces, self.pieces, self.names, strict=True):
            if piece is former:
                continue
            for place in compress(_PLACES, map(ne, piece.values, former.values)):
                if place in piece.layout.decisive:
                    return None
                key = names.keys[place]
                if key is not None:
                    attributes[key] = names.known[place][piece.values[place]]
        return _Made(self.meta, pieces, self.scope, self.creators, self.names, attributes)


class Headers(dict[tuple[bytes, bytes], Read]):
    """Headers by file meta information and elements, which the instances of a series share; of one encoding."""

    def __init__(self) -> None:
        super().__init__()
        self._held = 0
        self._made: dict[tuple[Layout, ...], _Made] = {}

    def clear(self) -> None:
        """Forget all."""
        super().clear()
        self._made.clear()
        self._held = 0

    def make(self, meta: bytes, shared: bytes, pieces: Sequence[Piece]) -> Read | None:
        """Make the header of pieces; None where it is unusual.

        Args:
            meta: The file meta information, see `read_meta`.
            shared: Of all pieces, in the object's order.
            pieces: In any order.
        """
        identities = _identities(pieces)
        made = None if find_damaged(identities) else self._attributes(meta, pieces)
        if made is None:
            return None
        read = (header_of(identities, made.attributes), made.scope, made.creators)
        size = len(meta) + len(shared)
        if size <= LARGEST_KNOWN:
            if self._held + size > MOST_BYTES:
                self.clear()
            self._held += size
            self[meta, shared] = read
        return read

    def _attributes(self, meta: bytes, pieces: Sequence[Piece]) -> _Made | None:
        form = tuple([piece.layout for piece in pieces])
        former = self._made.get(form)
        made = former.again(pieces) if former is not None and former.meta == meta else None
        if made is None:
            made = _make(meta, pieces)
        if made is not None:
            if len(self._made) >= MOST_FORMS:
                self._made.clear()
            self._made[form] = made
        return made


def _make(meta: bytes, pieces: Sequence[Piece]) -> _Made | None:
    """Make attributes of pieces; None where one is there twice."""
    tags = [tag for piece in pieces for tag in piece.layout.tags]
    if len(set(tags)) < len(tags):
        return None
    scope, creators = _around(pieces)
    names = [piece.layout.names(scope, creators) for piece in pieces]
    attributes = dict(_meta_attributes(meta, scope))
    many = len(attributes) + sum(of_piece.named for of_piece in names)
    for piece, of_piece in zip(pieces, names, strict=True):
        attributes.update(of_piece.texts(piece.values))
    return _Made(meta, pieces, scope, creators, names, attributes) if len(attributes) == many else None


def _identities(pieces: Sequence[Piece]) -> Mapping[int, Texts]:
    """Give what a header is made of besides its attributes."""
    found: dict[int, Texts] = {}
    for piece in pieces:
        for place, tag in piece.layout.identities:
            value = piece.values[place]
            found[tag] = (_known_texts if len(value) <= LONGEST_UID else texts_of)(value)
    return found


_known_texts = lru_cache(maxsize=4096)(texts_of)
"""Of identities: they are read only where they are short."""


def own_texts(layout: Layout, values: Sequence[bytes], scope: Scope, creators: Creators) -> Mapping[str, Texts] | None:
    """Give what is the object's own; None where it is unusual."""
    names = layout.names(scope, creators)
    return names.texts(values) if names.is_unique else None


def forget() -> None:
    """Know nothing any more."""
    for known in (_known_texts, _meta_attributes):
        known.cache_clear()
    known_texts.forget()
    pieces.forget()


def _around(of_header: Sequence[Piece]) -> tuple[Scope, Creators]:
    elements: dict[int, Element] = {}
    creators: dict[int, str] = {}
    for piece in of_header:
        if piece.layout.scope_places:
            elements |= piece.scope_elements()
        if piece.layout.creators:
            creators |= piece.creators()
    return Scope().within(elements), creators


@lru_cache(maxsize=512)
def _meta_attributes(meta: bytes, scope: Scope) -> Mapping[str, Texts]:
    window = Window(len(meta))
    window.add(0, meta)
    found = read_elements(
        window,
        current_vocabulary().meta_tags,
        Budget(_META_ELEMENTS),
        is_behind=lambda tag: tag >> 16 != 0x0002,
        implicit=False,
    )
    return attributes_of({element.tag: element for element in found}, scope)
