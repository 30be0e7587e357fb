"""Make objects by a grammar: every order, repetition, delimiter, length and encoding that data sets are written in."""

import random
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from tests.headers.raw import (
    BIG_ENDIAN,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    LONG_VRS,
    MODALITY,
    SERIES,
    STUDY_DATE,
    UNDEFINED,
    meta,
)

WANTED = {0x00080005: "CS", STUDY_DATE: "DA", MODALITY: "CS", 0x00101010: "AS", 0x00185100: "CS", 0x00280004: "CS"}
UIDS = (0x00080016, 0x00080018, 0x0020000D, SERIES)
OTHERS = {0x00080070: "LO", 0x00090010: "LO", 0x00091001: "UN", 0x00100010: "PN", 0x00180050: "DS", 0x00280010: "US"}
SEQUENCES = (0x00081115, 0x00081140, 0x00091010, 0x00400555)
BEHIND = {0x60000010: "US", 0x60003000: "OW", 0x7FE00010: "OW", 0xFFFCFFFC: "OB"}
VALUES = {
    "DA": (b"20230314", b"20190101", b"2023.03.14"),
    "AS": (b"045Y", b"17Y ", b"006M"),
    "CS": (b"CT", b"US", b"ORIGINAL\\PRIMARY", b"", b"CT\n "),
    "UI": (b"1.2.3.4\0", b"1.2.3.5\0"),
}


@dataclass(frozen=True, slots=True)
class Made:
    """An object, and what was done to it.

    Attributes:
        data: Its bytes.
        syntax: In which it is written.
        oddities: What is unusual in it, in words of this module.
    """

    data: bytes
    syntax: str
    oddities: frozenset[str]


class Grammar:
    """Makes objects from one seed."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.syntax = EXPLICIT
        self.oddities: set[str] = set()

    def make(self) -> Made:
        """Make one object: at most a few oddities, of all that there are."""
        chance = self.chance
        self.syntax = chance.choices([EXPLICIT, IMPLICIT, BIG_ENDIAN, DEFLATED], [5, 3, 1, 1])[0]
        self.oddities = set()
        elements = self._in_order()
        for oddity in chance.choices(list(_ODDITIES), k=chance.choice([0, 1, 1, 2])):
            self.oddities.add(oddity)
            _ODDITIES[oddity](self, elements)
        data_set = b"".join(elements)
        if "cut" in self.oddities:
            data_set = data_set[: chance.randrange(len(data_set))]
        if self.syntax == DEFLATED:
            deflater = zlib.compressobj(6, zlib.DEFLATED, -15)
            data_set = deflater.compress(data_set) + deflater.flush()
        return Made(meta(self.syntax) + data_set, self.syntax, frozenset(self.oddities))

    def _in_order(self) -> list[bytes]:
        chance = self.chance
        tags: dict[int, str] = {tag: "UI" for tag in UIDS if chance.random() < 0.97}
        for known, how_often in ((WANTED, 0.8), (OTHERS, 0.5), (BEHIND, 0.4)):
            tags |= {tag: vr for tag, vr in known.items() if chance.random() < how_often}
        tags.pop(0x00080005, None)
        elements = {tag: self.element(tag, vr, self._value(vr)) for tag, vr in tags.items()}
        elements |= {tag: self._sequence(tag) for tag in SEQUENCES if chance.random() < 0.3}
        return [elements[tag] for tag in sorted(elements)]

    def _value(self, vr: str) -> bytes:
        if vr in VALUES:
            return self.chance.choice(VALUES[vr])
        return self.chance.randbytes(2 * self.chance.choice([0, 1, 8, 100]))

    def element(self, tag: int, vr: str, value: bytes, *, length: int | None = None) -> bytes:
        """Write an element as the data set is encoded."""
        order: Literal["big", "little"] = "big" if self.syntax == BIG_ENDIAN else "little"
        written = len(value) if length is None else length
        head = (tag >> 16).to_bytes(2, order) + (tag & 0xFFFF).to_bytes(2, order)
        if self.syntax == IMPLICIT or tag >> 16 == 0xFFFE:
            return head + written.to_bytes(4, order) + value
        if vr in LONG_VRS:
            return head + vr.encode() + b"\0\0" + written.to_bytes(4, order) + value
        return head + vr.encode() + written.to_bytes(2, order) + value

    def delimiter(self, number: int, length: int = 0) -> bytes:
        """Write an item or a delimiter."""
        return self.element(0xFFFE0000 | number, "", b"", length=length)

    def _sequence(self, tag: int, depth: int = 0) -> bytes:
        chance, items = self.chance, list[bytes]()
        for _ in range(chance.randrange(3)):
            content = self.element(0x00080060, "CS", b"XX") * chance.randrange(2)
            content += self.element(0x00081155, "UI", b"1.2.3\0") * chance.randrange(2)
            if depth < 2 and chance.random() < 0.3:
                content += self._sequence(0x00081199, depth + 1)
            if chance.random() < 0.5:
                items.append(self.delimiter(0xE000, len(content)) + content)
            else:
                items.append(self.delimiter(0xE000, UNDEFINED) + content + self.delimiter(0xE00D))
        content = b"".join(items)
        vr = "SQ" if depth or chance.random() < 0.9 else "UN"
        if chance.random() < 0.5:
            return self.element(tag, vr, content)
        return self.element(tag, vr, content + self.delimiter(0xE0DD), length=UNDEFINED)

    def _place(self, elements: list[bytes]) -> int:
        return self.chance.randrange(len(elements) + 1)


def _shuffle(grammar: Grammar, elements: list[bytes]) -> None:
    grammar.chance.shuffle(elements)


def _move(grammar: Grammar, elements: list[bytes]) -> None:
    moved = elements.pop(grammar.chance.randrange(len(elements)))
    elements.insert(grammar._place(elements), moved)


def _repeat(grammar: Grammar, elements: list[bytes]) -> None:
    elements.insert(grammar._place(elements), grammar.chance.choice(elements))


def _contradict(grammar: Grammar, elements: list[bytes]) -> None:
    tag, vr = grammar.chance.choice(list(WANTED.items())[1:])
    elements.insert(grammar._place(elements), grammar.element(tag, vr, grammar.chance.choice(VALUES[vr])))


def _leave_over(grammar: Grammar, elements: list[bytes]) -> None:
    elements.insert(grammar._place(elements), grammar.delimiter(0xE0DD))


def _end_item(grammar: Grammar, elements: list[bytes]) -> None:
    place = grammar.chance.choice([len(elements), grammar._place(elements)])
    elements.insert(place, grammar.delimiter(0xE00D))


def _begin_item(grammar: Grammar, elements: list[bytes]) -> None:
    elements.insert(grammar._place(elements), grammar.delimiter(0xE000, grammar.chance.choice([0, 8, UNDEFINED])))


def _fill(grammar: Grammar, elements: list[bytes]) -> None:
    filling = grammar.chance.choice([bytes(8), bytes(3), bytes(64), b" " * 8, b" " * 3, b" " * 40])
    elements.insert(grammar.chance.choice([len(elements), grammar._place(elements)]), filling)


def _end_item_twice(grammar: Grammar, elements: list[bytes]) -> None:
    content = grammar.element(0x00081155, "UI", b"1.2\0")
    item = grammar.delimiter(0xE000, len(content)) + content + grammar.delimiter(0xE00D)
    written = grammar.element(0x00081140, "SQ", item + grammar.delimiter(0xE0DD), length=UNDEFINED)
    elements.insert(grammar._place(elements), written)


def _fragments(grammar: Grammar, elements: list[bytes]) -> None:
    inner = grammar.delimiter(0xE000) + grammar.delimiter(0xE000, 4) + b"1234" + grammar.delimiter(0xE0DD)
    tag = grammar.chance.choice([0x7FE00010, 0x00282000])
    elements.insert(grammar._place(elements), grammar.element(tag, "OB", inner, length=UNDEFINED))


def _cut(grammar: Grammar, elements: list[bytes]) -> None:
    """Leave it to the maker, which has the bytes."""


_ODDITIES: dict[str, Callable[[Grammar, list[bytes]], None]] = {
    "any order": _shuffle,
    "one out of order": _move,
    "repeated": _repeat,
    "repeated, maybe otherwise": _contradict,
    "delimiter of a sequence": _leave_over,
    "delimiter of an item": _end_item,
    "item": _begin_item,
    "fill": _fill,
    "item that ends twice": _end_item_twice,
    "fragments": _fragments,
    "cut": _cut,
}
