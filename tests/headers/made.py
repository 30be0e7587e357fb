"""Make objects by chance, of everything that data sets hold: seeded, byte by byte, as usual or as odd as they come."""

import random
import struct
from dataclasses import dataclass

from tests.headers.raw import EXPLICIT, IMPLICIT, LONG_VRS, PIXEL_DATA, UNDEFINED, delimiter, element, meta

ATTRIBUTES = {
    0x00080005: "CS",
    0x00080008: "CS",
    0x00080020: "DA",
    0x00080022: "DA",
    0x00080060: "CS",
    0x00100030: "DA",
    0x00100040: "CS",
    0x00101010: "AS",
    0x00180015: "CS",
    0x00185100: "CS",
    0x00280004: "CS",
}
UIDS = (0x00080016, 0x00080018, 0x0020000D, 0x0020000E)
OTHERS = {
    0x00080050: "SH",
    0x00080070: "LO",
    0x00081140: "SQ",
    0x00100010: "PN",
    0x00180050: "DS",
    0x00200013: "IS",
    0x00280010: "US",
    0x00081030: "LO",
    0x00100020: "LO",
    0x00100021: "LO",
    0x00090010: "LO",
    0x00091001: "UN",
    0x00091002: "OB",
    0x00204000: "LT",
    0x00402017: "LO",
}
VALUES = (
    b"CT",
    b"MR\\CT",
    b"20220101",
    b"2022.01.01",
    b"018M",
    b"",
    b"ORIGINAL\\PRIMARY\\AXIAL",
    b"ct ",
    b"\\",
    b"\xff\xfe",
)


@dataclass(frozen=True, slots=True)
class Oddity:
    """How often, of a thousand elements, each unusual thing is done."""

    wrong_vr: int = 15
    no_vr: int = 3
    lying_length: int = 2
    repeated: int = 20
    stray_delimiter: int = 2


class Maker:
    """Makes objects from one seed."""

    def __init__(self, seed: int, oddity: Oddity | None = None) -> None:
        self.chance = random.Random(seed)
        self.oddity = oddity or Oddity()

    def make(self) -> bytes:
        """Make one object."""
        implicit = self.chance.random() < 0.4
        elements = [self._element(tag, vr, implicit) for tag, vr in self._tags()]
        if self.chance.random() < 0.02:
            self.chance.shuffle(elements)
        data = meta(IMPLICIT if implicit else EXPLICIT) + b"".join(elements)
        if self.chance.random() < 0.8:
            data += element(PIXEL_DATA, None if implicit else "OW", bytes(self.chance.choice([0, 64, 4000])))
        if self.chance.random() < 0.03:
            data = data[: self.chance.randrange(140, len(data) + 1)]
        return data

    def _tags(self) -> list[tuple[int, str]]:
        tags: dict[int, str] = {tag: "UI" for tag in UIDS if self.chance.random() < 0.97}
        for known in (ATTRIBUTES, OTHERS):
            tags |= {tag: vr for tag, vr in known.items() if self.chance.random() < 0.6}
        ordered = sorted(tags.items())
        repeated = [element for element in ordered if self._happens(self.oddity.repeated)]
        return sorted(ordered + repeated)

    def _element(self, tag: int, vr: str, implicit: bool) -> bytes:
        if self._happens(self.oddity.stray_delimiter):
            return delimiter(self.chance.choice([0xE000, 0xE00D, 0xE0DD]))
        if self._happens(self.oddity.wrong_vr):
            vr = self.chance.choice(["LO", "UN", "CS", "SQ", "OB", "DA", "ZZ", "UT"])
        if vr == "SQ":
            return self._sequence(tag, implicit)
        value = self._value(tag, vr)
        is_explicit = not implicit and not self._happens(self.oddity.no_vr)
        length = self.chance.choice([0, 1, 0x7FFE, 0xFFFE]) if self._happens(self.oddity.lying_length) else None
        if length and is_explicit and vr not in LONG_VRS:
            length = min(length, 0xFFFE)
        return element(tag, vr if is_explicit else None, value, length=length)

    def _value(self, tag: int, vr: str) -> bytes:
        if vr == "UI":
            return b"1.2.%d.%d" % (tag & 0xFF, self.chance.randrange(5)) + b"\0" * self.chance.randrange(2)
        if vr in {"OB", "UN", "LT"}:
            return self.chance.randbytes(self.chance.choice([0, 2, 40, 40, 2000, 12_000]))
        if vr == "US":
            return struct.pack("<H", self.chance.randrange(512))
        if vr in {"CS", "DA", "AS"}:
            return self.chance.choice(VALUES) + self.chance.choice([b"", b" ", b"\0"])
        return self.chance.choice([b"", b"12 ", b"some text, of odd length", b" 12\\a \0", b" "])

    def _sequence(self, tag: int, implicit: bool, depth: int = 0) -> bytes:
        items = []
        for _ in range(self.chance.randrange(3)):
            content = element(0x00080060, None if implicit else "CS", b"XX") * self.chance.randrange(3)
            if depth < 3 and self.chance.random() < 0.3:
                content += self._sequence(0x00081199, implicit, depth + 1)
            if self.chance.random() < 0.5:
                items.append(delimiter(0xE000, len(content)) + content)
            else:
                items.append(delimiter(0xE000, UNDEFINED) + content + delimiter(0xE00D))
        content = b"".join(items)
        vr = None if implicit else "SQ"
        if self.chance.random() < 0.5:
            return element(tag, vr, content)
        return element(tag, vr, content + delimiter(0xE0DD), length=UNDEFINED)

    def _happens(self, per_thousand: int) -> bool:
        return self.chance.randrange(1000) < per_thousand
