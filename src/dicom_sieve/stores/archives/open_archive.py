"""Opening an archive: what it holds, what is wrong with it, or that it is none."""

from dataclasses import dataclass

from dicom_sieve.advice import CHANGED
from dicom_sieve.objects import ObjectInfo
from dicom_sieve.stores.archives.entries import (
    BeyondBoundsError,
    BrokenArchiveError,
    Entry,
    Kind,
    NoArchiveError,
    Opened,
)
from dicom_sieve.stores.archives.mark import Mark
from dicom_sieve.stores.archives.names import TAR, ZIP, key_of_member, kind_of, unused
from dicom_sieve.stores.archives.ranged import of_file, of_object
from dicom_sieve.stores.archives.spools import spool_of
from dicom_sieve.stores.archives.tar_headers import list_tar
from dicom_sieve.stores.archives.zip_directory import list_zip
from dicom_sieve.stores.interface import (
    ObjectChangedError,
    ObjectGoneError,
    ReadRefusedError,
    Reads,
    TransportError,
)

CHANGES_FOLLOWED = 3


@dataclass(frozen=True, slots=True)
class Listed:
    """What an archive is listed as.

    Attributes:
        archive: As it was opened.
        objects: By key: its members, and itself where there may be more in it, or nothing is.
    """

    archive: ObjectInfo
    objects: dict[str, ObjectInfo]


async def list_archive(store: Reads, archive: ObjectInfo) -> Listed:
    """List an archive's members as objects; one that changes meanwhile is listed as what it is now.

    Args:
        store: That holds it.
        archive: As it was listed.

    Raises:
        TransportError: It cannot be told what is in it.
    """
    for _ in range(CHANGES_FOLLOWED):
        try:
            return _as_objects(archive, await _open(store, archive))
        except (ObjectGoneError, ReadRefusedError):  # reading it tells the same, and then it is a verdict
            return Listed(archive, {archive.key: archive})
        except ObjectChangedError:
            try:
                archive = await store.stat(archive.key)
            except (ObjectGoneError, ReadRefusedError):
                return Listed(archive, {archive.key: archive})
    raise TransportError(CHANGED)


async def _open(store: Reads, archive: ObjectInfo) -> Opened:
    try:
        return Opened(await _entries(store, archive))
    except NoArchiveError:
        return Opened()
    except BrokenArchiveError as error:
        return Opened(error.entries, Kind.DAMAGED)
    except BeyondBoundsError:
        return Opened((), Kind.BEYOND_BOUNDS)


async def _entries(store: Reads, archive: ObjectInfo) -> list[Entry]:
    kind = kind_of(archive.key)
    if not archive.size:
        raise NoArchiveError
    if kind == ZIP:
        return await list_zip(of_object(store, archive))
    if kind == TAR:
        return await list_tar(of_object(store, archive))
    spool = await spool_of(store, archive)
    entries = await list_tar(of_file(spool.file, spool.size), Kind.UNPACKED)
    if not spool.is_whole:
        raise BrokenArchiveError(entries)
    return entries


def _as_objects(archive: ObjectInfo, opened: Opened) -> Listed:
    objects: dict[str, ObjectInfo] = {}
    count = len(opened.entries) + (opened.problem is not None or not opened.entries)
    if opened.problem is not None:
        mark = Mark(archive.etag, opened.problem, archive.size, count=count, key_length=len(archive.key))
        objects[archive.key] = ObjectInfo(archive.key, str(mark), archive.size, archive.last_modified)
    elif not opened.entries:
        objects[archive.key] = archive
    for entry in opened.entries:
        key = key_of_member(archive.key, entry.name)
        if key in objects:
            key = unused(key, objects)
        etag = str(Mark.of(archive, entry, count))
        objects[key] = ObjectInfo(key, etag, entry.size, archive.last_modified)
    return Listed(archive, objects)
