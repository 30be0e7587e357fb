"""From the elements of a data set to what a header says of them: key to texts, of a sequence its items (ADR 35)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import orjson

from dicom_sieve.dicom.dictionary import header_tags
from dicom_sieve.dicom.identifying import identifying_tags
from dicom_sieve.dicom.kept import PER_FRAME_FUNCTIONAL_GROUPS, sequence_tags
from dicom_sieve.dicom.marks import NOT_KEPT
from dicom_sieve.headers.charsets import DEFAULT, Charset, charset_of
from dicom_sieve.headers.element import Element
from dicom_sieve.headers.elements import DamagedError, TooLargeError
from dicom_sieve.headers.frames import Item, Value, sum_up
from dicom_sieve.headers.placed_frames import FRAMES, place_frames
from dicom_sieve.headers.sequences import read_items
from dicom_sieve.headers.texts import AS_WRITTEN, Texts, texts_by_vr, texts_of, vr_of
from dicom_sieve.headers.values import IDENTITIES

SPECIFIC_CHARACTER_SET = 0x00080005
PIXEL_REPRESENTATION = 0x00280103
DEEPEST = 3
"""Levels of sequences that are kept."""
LONGEST_SEQUENCE_TEXT = 64 * 1024
"""In characters."""
LONGEST_FRAMES_TEXT = 256 * 1024
"""Likewise, of where frames lie."""
_FIRST_PRIVATE_GROUP = 0x0009
_CREATORS = range(0x0010, 0x0100)
"""Elements of a private group that name whose the blocks are (PS3.5 7.8.1)."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What a data set has from those around it.

    Attributes:
        charset: Of its texts.
        is_signed: Whether pixels have a sign.
        depth: Sequences around it, itself included.
    """

    charset: Charset = DEFAULT
    is_signed: bool = False
    depth: int = 1

    def within(self, elements: Mapping[int, Element]) -> "Scope":
        """Give the scope of a data set, by its own elements."""
        names = elements.get(SPECIFIC_CHARACTER_SET)
        sign = elements.get(PIXEL_REPRESENTATION)
        return replace(
            self,
            charset=self.charset if names is None else charset_of(texts_of(names.value)),
            is_signed=self.is_signed if sign is None else bool((sign.value or b"").strip(b"\0")),
        )


def is_private(tag: int) -> bool:
    """Tell whether a tag is one of a private group (PS3.5 7.1)."""
    return bool(tag & 0x10000) and tag >> 16 >= _FIRST_PRIVATE_GROUP


def attributes_of(elements: Mapping[int, Element], scope: Scope | None = None) -> dict[str, Texts]:
    """Give what a header says of elements at the top level, in the order of their tags.

    Args:
        elements: By tag; what is not to be kept is not among them.
        scope: What others say of how these are read; what they themselves say where it is not given.
    """
    scope, creators = scope or scope_of(elements), _creators(elements)
    found: dict[str, Texts] = {}
    for tag, element in sorted(elements.items()):
        key = key_of(tag, creators)
        if key is not None and key not in found:
            found[key] = top_texts(element, scope, creators.get(tag >> 8))
    return found


def scope_of(elements: Mapping[int, Element]) -> Scope:
    """Give what the elements at the top level say of how all are read."""
    return Scope().within(elements)


def top_texts(element: Element, scope: Scope, creator: str | None) -> Texts:
    """Give the texts of an element at the top level."""
    if element.tag in header_tags():
        return texts_of(element.value)
    if element.tag in IDENTITIES:
        element = element._replace(vr=b"")  # by the dictionary's, as the rest of the header has them
    value = _value(element, scope, creator)
    if not isinstance(value, _Items):
        return tuple(value)
    if element.tag == PER_FRAME_FUNCTIONAL_GROUPS:
        return (_of_frames(value),)
    text = _written(value)
    return (text if len(text) <= LONGEST_SEQUENCE_TEXT else NOT_KEPT,)


def _of_frames(frames: Sequence[Item]) -> str:
    """Write what is said of frames: the sum of all, and where each lies."""
    summary = sum_up(frames)
    text = _written(summary)
    if not summary or len(text) > LONGEST_SEQUENCE_TEXT:
        return NOT_KEPT if summary else text
    placed: Value = [place_frames(frames)]
    if len(_written(placed)) > LONGEST_FRAMES_TEXT:
        placed = [NOT_KEPT]
    return _written([{**summary[0], FRAMES: placed}])


def _written(items: Value) -> str:
    return orjson.dumps(items, option=orjson.OPT_SORT_KEYS).decode()


def is_as_written(element: Element, scope: Scope, creator: str | None) -> bool:
    """Tell whether the texts of an element's value are as they stand there."""
    written = b"" if element.tag in IDENTITIES else element.vr
    vr = vr_of(element.tag, written, creator, is_signed=scope.is_signed)
    return element.tag in header_tags() or (vr in AS_WRITTEN and not _should_have_items(element.tag))


class _Items(list[Item]):
    """The items of a sequence, told from the texts of another value."""


def _value(element: Element, scope: Scope, creator: str | None) -> "list[str] | _Items":
    vr = vr_of(element.tag, element.vr, creator, is_signed=scope.is_signed)
    if vr != "SQ" or element.value is None or not _is_sequence_kept(element.tag, scope):
        if creator is not None and vr == "PN" and element.value != b"":
            return [NOT_KEPT]  # its key does not tell that it is a name
        if vr != "SQ" and element.value and _should_have_items(element.tag):
            return [NOT_KEPT]  # who asks for its items would take a text for them
        return list(texts_by_vr(vr, element.value, scope.charset, little_endian=element.little_endian))
    try:
        return _Items(_item_of(item, replace(scope, depth=scope.depth + 1)) for item in read_items(element))
    except (DamagedError, TooLargeError):
        return [NOT_KEPT]


def _should_have_items(tag: int) -> bool:
    return vr_of(tag, b"", None, is_signed=False) == "SQ"


def _is_sequence_kept(tag: int, scope: Scope) -> bool:
    if is_private(tag) or tag in identifying_tags():
        return False
    return scope.depth <= DEEPEST and (scope.depth > 1 or tag in sequence_tags())


def _item_of(elements: Mapping[int, Element], around: Scope) -> Item:
    scope, creators = around.within(elements), _creators(elements)
    item: dict[str, Value] = {}
    for tag, element in sorted(elements.items()):
        key = key_of(tag, creators)
        if key is not None and key not in item:
            item[key] = list(_value(element, scope, creators.get(tag >> 8)))
    return item


def _creators(elements: Mapping[int, Element]) -> dict[int, str]:
    """Give the creators of private blocks, by group and high byte of their elements."""
    return {
        block_of(tag): creator
        for tag, element in elements.items()
        if names_creator(tag) and (creator := creator_of(element.value))
    }


def names_creator(tag: int) -> bool:
    """Tell whether an element names whose a private block is (PS3.5 7.8.1)."""
    return is_private(tag) and tag & 0xFFFF in _CREATORS


def block_of(tag: int) -> int:
    """Give the block that a creator's element reserves, by group and high byte of its elements."""
    return tag >> 16 << 8 | tag & 0xFF


@lru_cache(maxsize=1024)
def creator_of(value: bytes | None) -> str:
    """Give whose a private block is; empty where it is nobody's."""
    return " ".join(texts_by_vr("LO", value or b"", DEFAULT, little_endian=True)).strip()


def key_of(tag: int, creators: Mapping[int, str]) -> str | None:
    """Give what an attribute is called; None of what has no name: a private element that is nobody's, or a creator."""
    if not is_private(tag):
        return f"{tag:08X}"
    creator = creators.get(tag >> 8)
    return None if creator is None or tag & 0xFFFF < 0x1000 else f"{tag >> 16:04X}xx{tag & 0xFF:02X} {creator}"
