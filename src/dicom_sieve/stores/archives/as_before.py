"""What an archive was listed as the last time: where that is known in full, it is not opened again (ADR 53)."""

from dicom_sieve.objects import ObjectInfo
from dicom_sieve.stores.archives.entries import Kind
from dicom_sieve.stores.archives.mark import mark_of
from dicom_sieve.stores.archives.names import BETWEEN
from dicom_sieve.stores.interface import ListedBetween

_BEHIND = BETWEEN[:-1] + chr(ord(BETWEEN[-1]) + 1)
"""Behind an archive's key: the first that lies behind all of its members."""


def as_before(archive: ObjectInfo, listed_between: ListedBetween) -> dict[str, ObjectInfo] | None:
    """Give what an archive was listed as, by key; None where it has changed, or that is not known in full.

    Each etag of a member says of how many: where all of them are there, and nothing else, nothing is missing. An
    archive beyond the bounds is opened again: another version of this package may have others.

    Args:
        archive: As it is listed now.
        listed_between: Gives what was listed.
    """
    found: dict[str, ObjectInfo] = {}
    count = 0
    for before in listed_between(archive.key, archive.key + _BEHIND):
        if before.key != archive.key and not before.key.startswith(archive.key + BETWEEN):
            continue
        listed = ObjectInfo(before.key, before.etag, before.size, archive.last_modified)
        mark = mark_of(listed)
        if mark is None or mark.kind is Kind.BEYOND_BOUNDS:
            return None
        opened = mark.archive(listed)
        if (opened.key, opened.etag, opened.size) != (archive.key, archive.etag, archive.size):
            return None
        found[listed.key] = listed
        count = mark.count
    return found if count and len(found) == count else None
