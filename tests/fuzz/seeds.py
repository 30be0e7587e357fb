"""Inputs to begin with: objects made by chance, some of each oddity that is known, and what was found once."""

import base64
import json
import random
from collections.abc import Iterator
from pathlib import Path

from tests.fuzz.target import CONTROL, KINDS, LARGEST, input_of
from tests.headers.made import Maker, Oddity
from tests.headers.raw import (
    MODALITY,
    PIXEL_DATA,
    SERIES,
    UNDEFINED,
    delimiter,
    element,
    meta,
    sequence,
    series,
)

KEPT = Path(__file__).with_name("corpus.jsonl")
"""One input a line, as base64: those by which the readers' code was reached, and which the fuzzer kept."""
MADE = 60
_PART_10 = 4
_LENGTH_OF_META = len(meta())


def kept() -> Iterator[bytes]:
    """Give the inputs that are kept in the repository."""
    for line in KEPT.read_text(encoding="ascii").splitlines():
        yield base64.b64decode(json.loads(line))


def keep(inputs: list[bytes], largest: int) -> None:
    """Keep inputs in the repository, the smallest first, up to a number of bytes."""
    lines, size = list[str](), 0
    for given in sorted(inputs, key=lambda given: (len(given), given)):
        line = json.dumps(base64.b64encode(given).decode("ascii"))
        size += len(line) + 1
        if size > largest:
            break
        lines.append(line)
    KEPT.write_text("".join(f"{line}\n" for line in lines), encoding="ascii")


def seeds() -> Iterator[bytes]:
    """Give inputs that are made each time, and are the same."""
    chance = random.Random(14)
    maker = Maker(14, Oddity(wrong_vr=40, no_vr=20, lying_length=10, repeated=60, stray_delimiter=20))
    made = 0
    while made < MADE:
        data = maker.make()[128 + 4 :]
        if len(data) < LARGEST - CONTROL:
            made += 1
            yield input_of(data, _PART_10, chance.randrange(1 << 12), forgets=made % 2 == 0)
    for kind in range(KINDS):
        for data_set in _odd():
            yield input_of(data_set, kind, chance.randrange(1 << 10), forgets=kind % 2 == 0)


def _odd() -> Iterator[bytes]:
    """Give data sets with one oddity each."""
    ct, us, pixels = element(MODALITY, "CS", b"CT"), element(MODALITY, "CS", b"US"), element(PIXEL_DATA, "OW", b"1234")
    inner = element(0x00080100, "SH", b"1 ")
    yield ct + series()
    yield element(MODALITY, None, b"CT") + element(SERIES, None, b"1.2.3\0")
    yield element(MODALITY, "CS", b"CT", little_endian=False) + element(SERIES, "UI", b"1.2.3\0", little_endian=False)
    yield ct + series() + pixels + us
    yield element(0x60000010, "US", b"\1\0") + ct + series() + pixels
    yield pixels + ct + series()
    yield ct + us + series()
    yield ct + ct + series()
    yield series() + element(PIXEL_DATA, "OB", delimiter(0xE000) + delimiter(0xE0DD), length=UNDEFINED) + us
    yield sequence(0x00081115, inner, inner) + ct + series()
    yield sequence(0x00081115, element(0x00080100, None, b"1 ")) + ct + series()
    yield sequence(0x00081115, inner, vr="UN") + ct + series()
    yield sequence(0x00081115, inner + sequence(0x00081199, inner)) + ct + series()
    yield element(0x00081115, "SQ", delimiter(0xE000, 10) + inner + delimiter(0xE0DD), length=UNDEFINED) + ct + series()
    yield ct + series() + delimiter(0xE0DD) + pixels
    yield ct + series() + delimiter(0xE00D)
    yield ct + series() + bytes(16) + b" " * 16
    for vr in (b"C1", b"C[", b"Cs", b"A\x7f", b"Z@"):
        odd = b"\x08\0\0\x01" + vr + b"\0\0"
        far = element(0x00091010, "OB", bytes(300)) + us
        yield sequence(0x00081115, odd) + ct + series() + far
        yield odd + ct + series() + far
