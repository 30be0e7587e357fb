"""Real objects, and what damage makes of them: seeded."""

import random
import struct

from tests.corpus import FILES, read_file
from tests.headers.raw import UNDEFINED, delimiter

LENGTHS = [0, 1, 0xFFFE, 0xFFFF, 0x10000, 0x7FFFFFFF, 0xFFFFFFFE, UNDEFINED]
SEEDS = [
    data
    for path in FILES.values()
    if len(data := path.read_bytes()) < 16_000 and path.suffix in {"", ".dcm"} and b"DICM" in data
] + [read_file("ExplVR_LitEndNoMeta.dcm"), read_file("ExplVR_BigEndNoMeta.dcm")]


def mutate(data: bytes, chance: random.Random) -> bytes:
    """Break an object in a few places, mostly where its header is."""
    broken = bytearray(data)
    for _ in range(chance.randint(1, 6)):
        place = chance.randrange(min(len(broken), chance.choice([200, 600, 3000])) or 1)
        match chance.randrange(7):
            case 0:
                broken[place : place + 1] = bytes([chance.randrange(256)])
            case 1:
                del broken[place : place + chance.randint(1, 40)]
            case 2:
                broken[place:place] = chance.randbytes(chance.randint(1, 20))
            case 3:
                broken[place : place + 4] = struct.pack("<L", chance.choice(LENGTHS))
            case 4:
                broken[place:place] = delimiter(chance.choice([0xE000, 0xE00D, 0xE0DD]), chance.choice(LENGTHS))
            case 5:
                other = chance.randrange(min(len(broken), 3000) or 1)
                broken[place:place] = broken[other : other + chance.randint(8, 200)]
            case _:
                del broken[max(place, 140) :]
    return bytes(broken)
