"""A store whose archives are opened: what lies in them are objects of their own (ADR 53)."""

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from dicom_sieve import private
from dicom_sieve.advice import ADVICE
from dicom_sieve.errors import StoreError
from dicom_sieve.objects import Location, ObjectInfo
from dicom_sieve.stores.archives.as_before import as_before
from dicom_sieve.stores.archives.bounds import LISTINGS_KEPT, MEMBERS_KEPT
from dicom_sieve.stores.archives.kept import Kept, Once
from dicom_sieve.stores.archives.mark import Mark, is_member, mark_of
from dicom_sieve.stores.archives.member import Member, check_readable
from dicom_sieve.stores.archives.merged import with_members
from dicom_sieve.stores.archives.names import archives_in
from dicom_sieve.stores.archives.open_archive import Listed, list_archive
from dicom_sieve.stores.event_loop import run_beside_others
from dicom_sieve.stores.interface import (
    PART_BYTES,
    Downloads,
    ListedBefore,
    ListedBetween,
    Lists,
    ListsAsOf,
    ObjectChangedError,
    ObjectGoneError,
    Place,
    ReadRefusedError,
    TransportError,
)


def _nothing(first: str, end: str) -> tuple[ListedBefore, ...]:
    """Know of no listing before."""
    del first, end
    return ()


_members: Kept[Member] = Kept(MEMBERS_KEPT)
_listings: Once[Listed] = Once(LISTINGS_KEPT)


@dataclass(frozen=True, slots=True)
class ArchivesOpened:
    """A place in which archives are read, and listed as their members where that is asked for.

    The key of a member is that of its archive, ``!/``, and its name (`names`); its etag tells where it lies (`mark`).
    An object whose own key is such a one is read as it is.

    Attributes:
        holder: The place.
        lists: Whether members are listed in place of their archives; else the place is listed as it is.
    """

    holder: Place
    lists: bool = True

    @property
    def location(self) -> Location:
        """Where it is."""
        return self.holder.location

    def list(self) -> Iterator[ObjectInfo]:
        """Give every object, and members in place of archives, in the order of the keys' UTF-8 bytes.

        An archive is listed itself where nothing is in it, or where there may be more in it than its members here.

        Raises:
            StoreError: The place cannot be listed, or an archive not read.
        """
        return self.list_in(self.holder)

    def list_again(self, listed_between: ListedBetween) -> Iterator[ObjectInfo]:
        """Do as `list`; an archive that is the one which was listed before is not opened again."""
        return self.list_in(self.holder, listed_between)

    def list_in(self, listing: Lists, listed_between: ListedBetween = _nothing) -> Iterator[ObjectInfo]:
        """Do as `list_again`, with what lists the same place."""
        opens = partial(self._open, listed_between)
        return with_members(listing.list(), opens) if self.lists else listing.list()

    async def read(self, listed: ObjectInfo, *, start: int, end: int) -> bytes:
        """Read bytes of an object or member, if its archive is still the one that was listed; see `Reads.read`."""
        if (found := _archive_of(listed)) is None:
            return await self.holder.read(listed, start=start, end=end)
        mark, archive = found
        key = (self.location, listed.key, listed.etag)
        member = _members.take(key) or Member(self.holder, archive, mark, listed.size)
        data = await self._read(member, listed.key, start, end)
        if end < listed.size:
            _members.keep(key, member)
        return data

    async def stat(self, key: str) -> ObjectInfo:
        """Look one object or member up as it is now; see `Reads.stat`."""
        try:
            return await self.holder.stat(key)
        except ObjectGoneError:
            if (found := await self._find_member(key)) is None:
                raise
            return found

    def download(self, listed: ObjectInfo, target: Path) -> None:
        """Read a whole object or member into a new file; see `Downloads.download`."""
        if (found := _archive_of(listed)) is None:
            self.holder.download(listed, target)
            return
        with private.create(target) as file:
            file.writelines(self._parts(listed, *found))

    def read_bytes(self, listed: ObjectInfo) -> bytes:
        """Read a whole object or member into memory; raises as `Downloads.download`."""
        if (found := _archive_of(listed)) is None:
            return self.holder.read_bytes(listed)
        return b"".join(self._parts(listed, *found))

    def find(self, key: str) -> ObjectInfo | None:
        """Look for an object or member; see `Writes.find`."""
        if (found := self.holder.find(key)) is not None or not is_member(key):
            return found
        try:
            return run_beside_others(self._find_member(key))
        except TransportError as error:
            raise self._error("look into", error) from None
        except ReadRefusedError:
            return None

    def write_once(self, key: str, body: Path) -> None:
        """Write a local file as an object, never into an archive; see `Writes.write_once`."""
        self.holder.write_once(key, body)

    def copy_from(self, source: Downloads, listed: ObjectInfo, key: str, formers: Sequence[str] = ()) -> None:
        """Copy an object, never into an archive; see `Copies.copy_from`."""
        self.holder.copy_from(source, listed, key, formers)

    def _open(self, listed_between: ListedBetween, archive: ObjectInfo) -> dict[str, ObjectInfo]:
        if (before := as_before(archive, listed_between)) is not None:
            return before
        try:
            return run_beside_others(list_archive(self.holder, archive)).objects
        except TransportError as error:
            raise self._error("list", error) from None

    def _error(self, action: str, error: TransportError) -> StoreError:
        cause = str(error.args[0])
        return StoreError(action, str(self.location), f"an archive could not be read: {cause}", ADVICE.get(cause, ""))

    async def _find_member(self, key: str) -> ObjectInfo | None:
        for name in archives_in(key):
            try:
                archive = await self.holder.stat(name)
            except ObjectGoneError:
                continue
            kept = (self.location, archive.key, archive.etag)
            listed = await _listings.get(kept, partial(list_archive, self.holder, archive))
            if key in listed.objects:
                return listed.objects[key]
        return None

    def _parts(self, listed: ObjectInfo, mark: Mark, archive: ObjectInfo) -> Iterator[bytes]:
        """Read a member from its beginning to its end."""
        check_readable(mark)
        member = Member(self.holder, archive, mark, listed.size)
        for start in range(0, listed.size, PART_BYTES):
            end = min(start + PART_BYTES, listed.size)
            yield run_beside_others(self._read(member, listed.key, start, end))

    async def _read(self, member: Member, key: str, start: int, end: int) -> bytes:
        try:
            return await member.read(start, end)
        except ObjectChangedError:  # of the archive: a member that is no longer in it is gone
            if await self._find_member(key) is None:
                raise ObjectGoneError from None
            raise


@dataclass(frozen=True, slots=True)
class ArchivesOfInventory:
    """What is read in place of listing a place, with members in place of archives.

    Attributes:
        inventory: Of the place.
        store: The place.
    """

    inventory: ListsAsOf
    store: ArchivesOpened

    @property
    def location(self) -> Location:
        """Where it is."""
        return self.store.location

    @property
    def created_at(self) -> datetime.datetime:
        """The moment of which the listing is; see `ListsAsOf`."""
        return self.inventory.created_at

    def list(self) -> Iterator[ObjectInfo]:
        """Give every object, and members in place of archives; see `ArchivesOpened.list`."""
        return self.store.list_in(self.inventory)

    def list_again(self, listed_between: ListedBetween) -> Iterator[ObjectInfo]:
        """Do as `list`; see `ArchivesOpened.list_again`."""
        return self.store.list_in(self.inventory, listed_between)


def _archive_of(listed: ObjectInfo) -> tuple[Mark, ObjectInfo] | None:
    """Give where a member lies, and its archive as it was listed; None: it is a plain object."""
    mark = mark_of(listed)
    return None if mark is None else (mark, mark.archive(listed))


def holder_of(source: Downloads, listed: ObjectInfo) -> Downloads:
    """Give the store that holds an object as it is, so that it may be copied within a server; for members, the source.

    Args:
        source: Perhaps one whose archives are opened.
        listed: The object.
    """
    return source.holder if isinstance(source, ArchivesOpened) and _archive_of(listed) is None else source
