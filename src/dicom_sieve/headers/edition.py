"""What headers are read for (ADR 32).

An attribute of another kind may be in an object all the same: what was not read is not absent. Whatever reads more, or
less, than before reads for another edition.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

from dicom_sieve.criteria import CompiledGroup, CompiledItem, asked_attributes
from dicom_sieve.criteria.reading import read_attribute
from dicom_sieve.dicom.dictionary import Attribute, header_tags
from dicom_sieve.dicom.kept import (
    LONGEST_KEPT,
    kept_tags,
    object_tags,
    private_object_tags,
    sequence_tags,
)
from dicom_sieve.dicom.vr.registry import KEPT
from dicom_sieve.errors import InvalidRequestError

FIRST_DIGEST = "20232f7ff34995b982a93e834c6bfa697df952ed3852a79f817fd7e220801545"
"""Of the edition that all headers were read for when none was recorded; what of it is in no header's digest."""

HAS_ITEMS, HAS_PRIVATE = "+", "xx"
LENGTH_OF_TAG = 8
"""Of a key, which the creator of a private element follows."""


@dataclass(frozen=True, slots=True)
class Edition:
    """The attributes that headers were read for.

    Attributes:
        name: For people: their VRs, as ``AS, CS, DA``.
        header_tags: Their tags, as eight upper-case hex digits each, in ascending order with a space between them.
            A sequence of which items are held stands there once more, with a plus sign behind it. ``xx`` at the end
            says that private elements are held, too.
        object_tags: What of it is kept with each object, in ascending order, a private element by group and low byte
            (``0019xx0C``); None where nothing is.
        limit_bytes: How long a value may be to be kept, DA, CS and AS left out; None where all have one limit.
    """

    name: str
    header_tags: str
    object_tags: str | None = None
    limit_bytes: int | None = None

    @property
    def digest(self) -> str:
        """Identify it."""
        return digest_edition(self.name, self.header_tags, self.object_tags, self.limit_bytes)

    @property
    def mark(self) -> str | None:
        """What stands for it in the digest of a header: nothing for the first, so that old digests stay."""
        return None if self.digest == FIRST_DIGEST else self.digest


@cache
def first_edition() -> Edition:
    """Give what headers were read for by versions that had one edition."""
    return Edition(", ".join(sorted(KEPT)), _written(header_tags()))


@cache
def current_edition() -> Edition:
    """Give what this version of the software reads headers for."""
    items = " ".join(f"{tag:08X}{HAS_ITEMS}" for tag in sorted(sequence_tags()))
    return Edition(
        "all VRs, sequences, private elements",
        f"{_written(kept_tags() | header_tags())} {items} {HAS_PRIVATE}",
        " ".join(sorted(own_keys())),
        LONGEST_KEPT,
    )


@cache
def own_keys() -> frozenset[str]:
    """Give the keys of attributes that are kept with each object; of private ones without their creators."""
    private = (f"{tag >> 16:04X}xx{tag & 0xFF:02X}" for tag in private_object_tags())
    return frozenset({*private, *(f"{tag:08X}" for tag in object_tags())})


def is_own(key: str) -> bool:
    """Tell of a key whether its values are kept with each object."""
    return key[:LENGTH_OF_TAG] in own_keys() and (" " in key or len(key) == LENGTH_OF_TAG)


def has_items(key: str) -> bool:
    """Tell of a key whether it is that of a sequence whose items are kept."""
    return key in _sequence_keys()


@cache
def _sequence_keys() -> frozenset[str]:
    return frozenset(f"{tag:08X}" for tag in sequence_tags())


@lru_cache(maxsize=16)
def tags_in(header_tags: str) -> frozenset[str]:
    """Give the single tags of what `Edition.header_tags` has: thousands, which each run asks for."""
    return frozenset(header_tags.split())


def lacks(tags: Collection[str], attribute: Attribute) -> bool:
    """Tell whether headers were not read for an attribute.

    Args:
        tags: The tags of their edition; see `tags_in`.
        attribute: Of any group.
    """
    is_private = attribute.tag >> 16 & 1
    return (HAS_PRIVATE if is_private else attribute.hex_tag) not in tags


def refuse_not_kept(criteria: Sequence[CompiledItem]) -> None:
    """Refuse criteria on what headers do not keep: nothing could be decided by them.

    Raises:
        InvalidRequestError: One line an attribute.
    """
    kept = tags_in(current_edition().header_tags)
    problems = [
        f"criteria[{place}]: {problem}" for place, item in enumerate(criteria) for problem in _not_kept(item, kept)
    ]
    if problems:
        raise InvalidRequestError(tuple(problems))


def _not_kept(item: CompiledItem, kept: Collection[str]) -> Iterator[str]:
    """Say what of an item headers do not keep."""
    for sequence in dict.fromkeys(_outermost(item)):
        if f"{sequence.hex_tag}{HAS_ITEMS}" not in kept:
            yield f"items of {sequence} are not kept; accepted: code sequences, and those of docs/criteria.md"
    for attribute in asked_attributes([item]):
        if lacks(kept, attribute):
            yield _say_not_kept(attribute)


def _outermost(item: CompiledItem) -> Iterator[Attribute]:
    """Give the outermost sequence of each criterion, or group, that lies in some."""
    if item.within:
        yield item.within[0]
    elif isinstance(item, CompiledGroup):
        for child in item.items:
            yield from _outermost(child)


def _say_not_kept(attribute: Attribute) -> str:
    return f"{attribute} is not kept in headers; accepted: attributes of the standard's dictionary before group 5200"


def read_kept_path(text: str, field: str) -> tuple[Attribute, ...]:
    """Read the name of an attribute that headers keep, behind those of the sequences that it lies in, with dots.

    Raises:
        InvalidRequestError: No criterion can name one of these, or headers do not keep it.
    """
    outermost, *within = text.split(".")
    path = (read_kept_attribute(outermost, field), *(read_attribute(name, field) for name in within))
    if within and not has_items(path[0].hex_tag):
        raise InvalidRequestError(
            (f"{field}: items of {path[0]} are not kept; accepted: code sequences, and those of docs/criteria.md",)
        )
    return path


def read_kept_attribute(text: str, field: str) -> Attribute:
    """Read the name of an attribute that headers keep; see `read_attribute`.

    Raises:
        InvalidRequestError: No criterion can name it, or headers do not keep it.
    """
    attribute = read_attribute(text, field)
    if lacks(tags_in(current_edition().header_tags), attribute):
        raise InvalidRequestError((f"{field}: {_say_not_kept(attribute)}",))
    return attribute


def _written(tags: Iterable[int]) -> str:
    return " ".join(f"{tag:08X}" for tag in sorted(tags))


@cache
def digest_edition(name: str, tags: str, object_tags: str | None = None, limit_bytes: int | None = None) -> str:
    """Give an edition's digest: SHA-256 over the canonical JSON of what it says, as hex."""
    content: list[object] = [name, tags]
    if object_tags is not None or limit_bytes is not None:
        content.append({"object_tags": object_tags, "limit_bytes": limit_bytes})
    return hashlib.sha256(json.dumps(content, separators=(",", ":"), sort_keys=True).encode()).hexdigest()
