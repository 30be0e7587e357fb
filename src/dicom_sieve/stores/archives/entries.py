"""What an archive holds, and what it may be instead."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """How the bytes of a member lie in its archive; of what is not read, why not."""

    PLAIN = "t"
    STORED = "s"
    DEFLATED = "d"
    UNPACKED = "g"
    ENCRYPTED = "e"
    OTHER_METHOD = "m"
    DAMAGED = "x"
    BEYOND_BOUNDS = "b"


class Entry(NamedTuple):
    """A member: a tuple, for there are many.

    Attributes:
        name: As the archive has it.
        kind: How its bytes lie.
        offset: Of its bytes (PLAIN), of its local header (STORED, DEFLATED), or of its bytes in what the archive
            unpacks to (UNPACKED).
        packed: How many bytes lie there.
        size: To how many they unpack.
        crc: CRC-32 of these; 0 where the archive has none.
    """

    name: bytes
    kind: Kind
    offset: int
    packed: int
    size: int
    crc: int = 0


@dataclass(frozen=True, slots=True)
class Opened:
    """What came of opening an archive.

    Attributes:
        entries: Its members, in the order in which it has them; none where the object is no archive.
        problem: Why there may be more in it than these: DAMAGED, or BEYOND_BOUNDS.
    """

    entries: Sequence[Entry] = ()
    problem: Kind | None = None


class NoArchiveError(Exception):
    """The object is none, whatever its name is: it is listed as it is."""


class BrokenArchiveError(Exception):
    """The archive is damaged.

    Args:
        entries: The members that lie before the damage.
    """

    def __init__(self, entries: Sequence[Entry] = ()) -> None:
        super().__init__()
        self.entries = entries


class BeyondBoundsError(Exception):
    """The archive asks for more than this machine gives (`bounds`)."""
