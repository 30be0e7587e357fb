"""The part of an object that has been read, as a file that knows what it does not hold.

A reader that asks for a byte outside the window gets an exception, never a short answer: missing bytes are never
missing attributes. Only the object's true end reads as an end.
"""

import io
from bisect import bisect_right
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NeedMore:
    """The answer that nothing can be said before more bytes are there.

    Attributes:
        offset: The first byte that is missing, in bytes from the object's start.
    """

    offset: int


class MissingBytesError(Exception):
    """Raised inside a reader that asked for bytes outside the window. Never leaves `dicom_sieve.headers`.

    Attributes:
        offset: The first byte that is missing, in bytes from the object's start.
    """

    def __init__(self, offset: int) -> None:
        super().__init__(offset)
        self.offset = offset


class Window:
    """The read parts of one object, as a seekable binary file of the object's true size.

    Attributes:
        size: The object's size in bytes.
        kept: What a reader keeps here while bytes are missing, to go on from there.
    """

    __slots__ = ("_parts", "_position", "_starts", "kept", "size")

    def __init__(self, size: int) -> None:
        self.size = size
        self.kept: object = None
        self._starts: list[int] = []
        self._parts: list[bytes] = []
        self._position = 0

    def add(self, start: int, data: bytes) -> None:
        """Put bytes that were read into the window.

        Args:
            start: Offset of the first byte, from the object's start.
            data: The bytes; parts that touch are joined, of parts that overlap the first stays.
        """
        if not self._parts:
            self._starts, self._parts = [start], [data]
            return
        end = start + len(data)
        merged_start, merged = start, data
        starts, parts = [], []
        for other_start, other in zip(self._starts, self._parts, strict=True):
            other_end = other_start + len(other)
            if other_end < merged_start or end < other_start:
                starts.append(other_start)
                parts.append(other)
                continue
            head = merged[: max(0, other_start - merged_start)]
            tail = merged[max(0, other_end - merged_start) :]
            merged_start, merged = min(merged_start, other_start), head + other + tail
            end = merged_start + len(merged)
        place = bisect_right(starts, merged_start)
        starts.insert(place, merged_start)
        parts.insert(place, merged)
        self._starts, self._parts = starts, parts

    @property
    def held(self) -> int:
        """How many bytes the window holds."""
        return sum(map(len, self._parts))

    def contiguous(self, start: int) -> bytes:
        """Give the bytes from ``start`` up to the first one that is missing."""
        place = bisect_right(self._starts, start) - 1
        if place < 0:
            return b""
        skipped = start - self._starts[place]
        return self._parts[place][skipped:] if skipped else self._parts[place]

    def tell(self) -> int:
        """Give the position in bytes, which may lie behind the object's end."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move without reading: places outside the window may be skipped over."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}[whence]
        if base + offset < 0:
            raise OSError("cannot seek before the object's start")
        self._position = base + offset
        return self._position

    def read(self, count: int | None = -1) -> bytes:
        """Read ``count`` bytes (all to the end for -1); fewer only at the object's true end.

        Raises:
            MissingBytesError: A byte asked for is within the object and outside the window.
        """
        wanted = self.size if count is None or count < 0 else self._position + count
        end = min(wanted, self.size)
        if end <= self._position:
            return b""
        place = bisect_right(self._starts, self._position) - 1
        if place >= 0:
            start, part = self._starts[place], self._parts[place]
            if end <= start + len(part):
                data = part[self._position - start : end - start]
                self._position = end
                return data
            if self._position < start + len(part):
                raise MissingBytesError(start + len(part))
        raise MissingBytesError(self._position)
