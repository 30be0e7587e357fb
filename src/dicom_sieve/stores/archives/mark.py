"""The etag of a member: that of its archive, and where the member lies in it.

So a member is read without its archive being opened again, in any process; and in an archive that has changed each
member is another object.
"""

import re
from dataclasses import dataclass

from dicom_sieve.objects import ObjectInfo
from dicom_sieve.stores.archives.entries import Entry, Kind
from dicom_sieve.stores.archives.names import BETWEEN

_KINDS = "".join(Kind)
_NUMBER = "([0-9a-f]{1,16})"
_MARKED = re.compile(rf"(?s)(.*)!([{_KINDS}])" + rf"\.{_NUMBER}" * 6)


@dataclass(frozen=True, slots=True)
class Mark:
    """What the etag of a member says.

    Attributes:
        etag: Of the archive.
        kind: How the member's bytes lie.
        archive_size: In bytes.
        offset: As `Entry.offset`.
        packed: As `Entry.packed`.
        crc: As `Entry.crc`.
        count: Objects that the archive is listed as.
        key_length: Of the archive's key, in characters: where a member's key has ``!/`` twice, it tells which one.
    """

    etag: str
    kind: Kind
    archive_size: int
    offset: int = 0
    packed: int = 0
    crc: int = 0
    count: int = 1
    key_length: int = 0

    @classmethod
    def of(cls, archive: ObjectInfo, entry: Entry, count: int) -> "Mark":
        """Mark a member."""
        size, length = archive.size, len(archive.key)
        return cls(archive.etag, entry.kind, size, entry.offset, entry.packed, entry.crc, count, length)

    @classmethod
    def read(cls, etag: str) -> "Mark | None":
        """Read an etag; None where it is that of an object which lies in no archive."""
        if (found := _MARKED.fullmatch(etag)) is None:
            return None
        archive_size, offset, packed, crc, count, length = (int(number, 16) for number in found.groups()[2:])
        return cls(found[1], Kind(found[2]), archive_size, offset, packed, crc, count, length)

    def __str__(self) -> str:
        numbers = (self.archive_size, self.offset, self.packed, self.crc, self.count, self.key_length)
        return f"{self.etag}!{self.kind}." + ".".join(f"{number:x}" for number in numbers)

    def archive(self, member: ObjectInfo) -> ObjectInfo:
        """Give the archive as it was listed."""
        return ObjectInfo(member.key[: self.key_length], self.etag, self.archive_size, member.last_modified)


def mark_of(listed: ObjectInfo) -> Mark | None:
    """Give the mark of a member, or of an archive that could not be opened in full; None: it is a plain object."""
    return Mark.read(listed.etag) if "!" in listed.etag else None


def is_member(key: str) -> bool:
    """Tell whether a key may be that of a member."""
    return BETWEEN in key
