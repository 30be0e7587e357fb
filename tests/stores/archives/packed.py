"""Archives as exports from PACS come, and worse ones."""

import gzip
import io
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Mapping

Contents = Mapping[str, bytes]


def zipped(contents: Contents, method: int = zipfile.ZIP_DEFLATED, *, comment: bytes = b"") -> bytes:
    """Pack objects into a ZIP archive."""
    return zip_of(contents.items(), method, comment=comment)


def zip_of(members: Iterable[tuple[str, bytes]], method: int = zipfile.ZIP_DEFLATED, *, comment: bytes = b"") -> bytes:
    """Do so with names that may be there twice."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, data in members:
            archive.writestr(zipfile.ZipInfo(name), data, method)
        archive.comment = comment
    return file.getvalue()


def stored(contents: Contents) -> bytes:
    """Pack objects into a ZIP archive without compression."""
    return zipped(contents, zipfile.ZIP_STORED)


def tarred(contents: Contents, how: int = tarfile.PAX_FORMAT) -> bytes:
    """Pack objects into a tar archive."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=how) as archive:
        for name, data in contents.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return file.getvalue()


def tar_gz(contents: Contents) -> bytes:
    """Pack objects into a compressed tar archive."""
    return gzip.compress(tarred(contents), mtime=0)


PACKERS: dict[str, Callable[[Contents], bytes]] = {
    "stored.zip": stored,
    "deflated.zip": zipped,
    "plain.tar": tarred,
    "gnu.TAR": lambda contents: tarred(contents, tarfile.GNU_FORMAT),
    "packed.tar.gz": tar_gz,
    "packed.tgz": tar_gz,
}
"""By the names that these archives get."""
