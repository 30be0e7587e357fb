"""What pydicom, the reader of those who compute, reads of an object: values of attributes, as headers hold them."""

import io
import logging
import warnings
from collections.abc import Collection, Iterator
from contextlib import contextmanager

import pydicom
from pydicom.dataelem import RawDataElement
from pydicom.filereader import read_partial
from pydicom.tag import BaseTag

from dicom_sieve.headers import Instance
from tests.headers.grammar import UIDS, WANTED

EXPECTED = {0x00080016, 0x00080018, 0x00080020, 0x00080060, 0x0020000D, 0x0020000E}
LAST_TAG = 0x50FE1001
"""As docs/reading.md has both."""
Read = dict[str, tuple[str, ...]]


def read_by_pydicom(
    data: bytes, tags: Collection[int] = (*WANTED, *UIDS), *, stop_before_pixels: bool = False
) -> Read | None:
    """Read attributes, before pydicom converts their values; None where it opens no such object."""
    with in_silence():
        try:
            dataset = pydicom.dcmread(io.BytesIO(data), force=True, stop_before_pixels=stop_before_pixels)
        except Exception:
            return None
    return _wanted_of(dataset, tags)


def read_as_documented(data: bytes, *, is_deflated: bool = False) -> Read | None:
    """Read as docs/reading.md says; None where pydicom opens no such object.

    Reading ends at an element behind the last tag that can be asked for, once all came that is expected.

    Args:
        data: The object.
        is_deflated: Such a one is read to its end.
    """
    if is_deflated:
        return read_by_pydicom(data)
    seen: set[int] = set()

    def is_end(tag: BaseTag, _vr: str | None, _length: int) -> bool:
        ends = tag > LAST_TAG and tag >> 16 != 0xFFFE and seen >= EXPECTED  # left-over delimiters end nothing
        seen.add(int(tag))
        return ends

    with in_silence():
        try:
            dataset = read_partial(io.BytesIO(data), is_end, force=True)
        except Exception:
            return None
    return _wanted_of(dataset, (*WANTED, *UIDS))


def _wanted_of(dataset: pydicom.Dataset, tags: Collection[int]) -> Read:
    return {f"{tag:08X}": _texts(dataset._dict[BaseTag(tag)]) for tag in tags if BaseTag(tag) in dataset._dict}


def read_by_us(instance: Instance, tags: Collection[int] = (*WANTED, *UIDS)) -> Read:
    """Give the same of what was scanned."""
    header = instance.header
    uids = (header.sop_class_uid, instance.sop_instance_uid, header.study_instance_uid, header.series_instance_uid)
    read = {f"{tag:08X}": tuple(uid.split("\\")) for tag, uid in zip(UIDS, uids, strict=True) if uid}
    return {tag: texts for tag, texts in {**header.attributes, **read}.items() if int(tag, 16) in tags}


def without_empty_uids(read: Read) -> Read:
    """Leave out UIDs without a value, which are as good as none."""
    return {tag: texts for tag, texts in read.items() if texts or int(tag, 16) not in UIDS}


def _texts(element: object) -> tuple[str, ...]:
    if not isinstance(element, RawDataElement):
        return ("\ufffd",)  # what has no length of its own is no text
    value = element.value if isinstance(element.value, bytes) else b""
    text = value.decode("latin-1").rstrip(" \0")
    return tuple(part.rstrip(" \0").replace("\0", "\ufffd") for part in text.split("\\")) if text else ()


@contextmanager
def in_silence() -> Iterator[None]:
    """Read without what pydicom warns of, and logs."""
    logger = logging.getLogger("pydicom")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
