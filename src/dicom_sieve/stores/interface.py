"""What the rest of the program asks of a place where objects lie: one Protocol a capability."""

import datetime
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

from dicom_sieve.errors import DicomSieveError, RefusedError
from dicom_sieve.objects import Location, ObjectInfo
from dicom_sieve.stores.listing import Page

PART_BYTES = 8 * 1024 * 1024
"""Bytes of an object that are in memory while it is downloaded."""


class ObjectChangedError(RefusedError):
    """The object is no longer the one that was listed."""

    def __str__(self) -> str:
        return "the object has changed since it was listed"


class ObjectGoneError(RefusedError):
    """There is no such object any more."""

    def __str__(self) -> str:
        return "the object is gone"


class ReadRefusedError(RefusedError):
    """The store will not give this object: access denied, or archived."""

    def __init__(self, code: str) -> None:
        super().__init__(code)

    def __str__(self) -> str:
        return f"the store refuses the object: {self.args[0]}"


class DamagedObjectError(ReadRefusedError):
    """The bytes that the object is made of are damaged where they lie, as in a broken archive: it is CORRUPT."""

    def __str__(self) -> str:
        return f"the object is damaged: {self.args[0]}"


class BeyondLimitError(ReadRefusedError):
    """To give the object would take more than is allowed, as of an archive with too much in it: it is TOO_LARGE."""

    def __str__(self) -> str:
        return f"the object exceeds a limit: {self.args[0]}"


class UnwritableKeyError(RefusedError):
    """No object of that key can be written.

    Args:
        reason: Why not.
    """

    def __init__(self, reason: str = "it is too long, or no path") -> None:
        super().__init__(reason)

    def __str__(self) -> str:
        return f"no object of that key can be written there: {self.args[0]}"


NOT_READ = "the object could not be read: "
"""How the text of a `TransportError` begins; its cause follows."""


class TransportError(DicomSieveError):
    """All attempts failed: no answer, or not the one that was asked for. Never a verdict.

    Args:
        cause: A code or an exception's name; never a response's text.
    """

    def __init__(self, cause: str) -> None:
        super().__init__(cause)

    def __str__(self) -> str:
        return f"{NOT_READ}{self.args[0]}"


class NotSentError(TransportError):
    """The request could not even be made, as without credentials: to repeat it is wasted."""


class SlowDownError(TransportError):
    """The store asks for fewer requests at a time."""


class Lists(Protocol):
    """A place that can be listed."""

    @property
    def location(self) -> Location:
        """Where it is."""
        ...

    def list(self) -> Iterator[ObjectInfo]:
        """Give every object, in the order of the keys' UTF-8 bytes.

        Raises:
            StoreError: The place cannot be listed.
        """
        ...


class ListedBefore(Protocol):
    """An object as the last listing had it."""

    @property
    def key(self) -> str:
        """Its key."""
        ...

    @property
    def etag(self) -> str:
        """Its entity tag."""
        ...

    @property
    def size(self) -> int:
        """In bytes."""
        ...


ListedBetween = Callable[[str, str], Iterable[ListedBefore]]
"""Gives what the last listing had from a key on (inclusive) up to another one (exclusive)."""


@runtime_checkable
class ListsAgain(Lists, Protocol):
    """A place that takes less to list where it is known what it held."""

    def list_again(self, listed_between: ListedBetween) -> Iterator[ObjectInfo]:
        """Give what `list` gives, and raise as it does.

        Args:
            listed_between: Gives what was listed the last time.
        """
        ...


@runtime_checkable
class ListsBehind(Lists, Protocol):
    """A place whose prefixes are plain texts, and which is listed from behind any text on."""

    @property
    def can_list_behind(self) -> bool:
        """Whether it is one: stores of several services may be of one kind."""
        ...

    def page_behind(self, prefix: str, after: str | None) -> Page:
        """Ask for the first objects of a prefix whose keys are greater than a text; none: there are no such keys.

        Args:
            prefix: What the keys begin with: that of the location, or a longer one.
            after: The text; None: from the first key on.

        Raises:
            StoreError: It cannot be listed.
        """
        ...


class ListsAsOf(Lists, Protocol):
    """A place that can be listed as it was."""

    @property
    def created_at(self) -> datetime.datetime:
        """The moment of which the listing is.

        Raises:
            StoreError: The moment is not known.
        """
        ...


class Reads(Protocol):
    """A place whose objects can be read in parts."""

    async def read(self, listed: ObjectInfo, *, start: int, end: int) -> bytes:
        """Read bytes of an object, if it is still the one that was listed.

        One call is one request, repeated as a whole while it fails. The answer is exactly the bytes asked for, of
        exactly that etag.

        Args:
            listed: The object, with the etag that its bytes must have.
            start: Offset of the first byte; within the object.
            end: Offset behind the last byte (exclusive); at most the object's size.

        Raises:
            ObjectChangedError: The object has another etag now.
            ObjectGoneError: There is no such object any more.
            ReadRefusedError: The store will not give it.
            TransportError: All attempts failed.
        """
        ...

    async def stat(self, key: str) -> ObjectInfo:
        """Look one object up as it is now.

        Raises:
            ObjectGoneError: There is no such object.
            ReadRefusedError: The store refuses to answer.
            TransportError: All attempts failed.
        """
        ...


@dataclass(frozen=True, slots=True)
class ToldHeader:
    """What a place tells of an object whose bytes it does not give in parts.

    Attributes:
        data: An object (PS3.10) with this header, whole; what is in it is read as that of any other.
        beside: Key to texts of what stands otherwise in the object's own bytes, or cannot be told.
        reads: Requests that were made for it; 0 where one for another object brought it.
        bytes_read: How many bytes these brought.
        is_whole: Whether all attributes of the object were told; else what is not there may be in the object.
    """

    data: bytes = field(repr=False)
    beside: Mapping[str, tuple[str, ...]] = field(repr=False)
    reads: int = 1
    bytes_read: int = 0
    is_whole: bool = True


@runtime_checkable
class TellsHeaders(Protocol):
    """A place that tells the headers of objects, so that none of their bytes are read for these."""

    async def tell(self, listed: ObjectInfo) -> ToldHeader:
        """Tell the header of an object, if it is still the one that was listed; raises as `Reads.read`."""
        ...


class Downloads(Protocol):
    """A place whose objects can be downloaded whole."""

    @property
    def location(self) -> Location:
        """Where it is."""
        ...

    def download(self, listed: ObjectInfo, target: Path) -> None:
        """Read a whole object into a new local file, if it is still the one that was listed.

        It is read in parts, so that its size in memory does not matter; every part is of the listed etag.

        Raises:
            ObjectChangedError: The object has another etag now.
            ObjectGoneError: There is no such object any more.
            ReadRefusedError: The store will not give it.
            TransportError: All attempts failed.
        """
        ...


class Writes(Protocol):
    """A place where something can be written once."""

    @property
    def location(self) -> Location:
        """Where it is."""
        ...

    def write_once(self, key: str, body: Path) -> None:
        """Write a local file as an object, unless there is one already.

        A repetition after a lost answer finds the same bytes there, which is no error.

        Raises:
            AlreadyPublishedError: There is an object of that key with other bytes.
            UnwritableKeyError: There cannot be an object of that key.
            StoreError: It cannot be written.
        """
        ...

    def find(self, key: str) -> ObjectInfo | None:
        """Look for an object; None where there is none of that key.

        Raises:
            StoreError: The store does not answer, or refuses.
        """
        ...


class Copies(Writes, Protocol):
    """A place that objects can be copied to."""

    def copy_from(self, source: Downloads, listed: ObjectInfo, key: str, formers: Sequence[str] = ()) -> None:
        """Copy an object, if it is still the one that was listed, in place of what is under the key.

        In a directory nothing is replaced: an existing file belongs to another key that its file system does not tell
        from this one, or to somebody else.

        Within one server the bytes stay there, where server and rights allow. Else they pass through this process,
        unless a former copy with the listed etag can be copied instead.

        Args:
            source: The store to copy from.
            listed: The object, with the etag that its bytes must have.
            key: Of the copy.
            formers: Keys here under which there may be a copy already.

        Raises:
            ObjectChangedError: The object has another etag now.
            ObjectGoneError: There is no such object any more.
            ReadRefusedError: The source will not give it.
            UnwritableKeyError: There cannot be an object of that key.
            TransportError: All attempts failed.
            StoreError: The copy is refused.
        """
        ...


class Store(Lists, Reads, Writes, Protocol):
    """A place that can be screened and published to."""


class Place(Store, Copies, Downloads, Protocol):
    """A place with all of it: what an address is opened as."""

    def read_bytes(self, listed: ObjectInfo) -> bytes:
        """Read a whole object into memory; raises as `Downloads.download`."""
        ...
