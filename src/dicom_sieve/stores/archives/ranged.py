"""An object, or a file, that is read in ranges."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import BinaryIO

from dicom_sieve.objects import ObjectInfo
from dicom_sieve.settings import MIB
from dicom_sieve.stores.interface import Reads

PIECE_BYTES = 8 * MIB
"""Of one request, at most."""


@dataclass(frozen=True, slots=True)
class Ranged:
    """What an archive is read from.

    Attributes:
        size: In bytes.
        ask: Gives the bytes from an offset to another one, within the size.
    """

    size: int
    ask: Callable[[int, int], Awaitable[bytes]]

    async def read(self, start: int, end: int) -> bytes:
        """Give the bytes of a range, or those of it that there are."""
        end = min(end, self.size)
        pieces = [await self.ask(at, min(at + PIECE_BYTES, end)) for at in range(start, end, PIECE_BYTES)]
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def of_object(store: Reads, listed: ObjectInfo) -> Ranged:
    """Read an object of a store, bound to the etag that was listed."""

    async def ask(start: int, end: int) -> bytes:
        return await store.read(listed, start=start, end=end)

    return Ranged(listed.size, ask)


def of_file(file: BinaryIO, size: int) -> Ranged:
    """Read a file."""

    async def ask(start: int, end: int) -> bytes:
        await asyncio.sleep(0)  # others of the event loop have their turn
        return os.pread(file.fileno(), end - start, start)

    return Ranged(size, ask)
