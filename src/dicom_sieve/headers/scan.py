"""From bytes to a header: the one entry."""

from dicom_sieve.headers.careful import read_bounded, read_header
from dicom_sieve.headers.defects import Defect
from dicom_sieve.headers.header import Instance, defective
from dicom_sieve.headers.quick import read_quickly
from dicom_sieve.headers.vocabulary import Vocabulary, current_vocabulary
from dicom_sieve.headers.window import NeedMore, Window

MOST_ELEMENTS = 50_000


def scan(
    window: Window,
    *,
    inflated_limit: int,
    elements_limit: int = MOST_ELEMENTS,
    vocabulary: Vocabulary | None = None,
) -> Instance | NeedMore:
    """Read the header of one object from what has been read of it.

    Args:
        window: The read parts of the object.
        inflated_limit: How many bytes a deflated data set may be inflated to.
        elements_limit: How many elements an unusual object may have, those in items included; usual ones are bounded
            by the bytes that are read of them.
        vocabulary: What is read; the current edition's where none is given.

    Returns:
        The instance, with a defect in its header where it cannot be judged; or the offset of the first missing byte.
        More bytes never change an instance that was given once.
    """
    if window.size == 0:
        return defective(Defect.EMPTY_OBJECT)
    read_for = vocabulary or current_vocabulary()
    quick = read_quickly(window, inflated_limit=inflated_limit) if read_for is current_vocabulary() else None
    return quick or read_header(window, read_for, inflated_limit=inflated_limit, elements_limit=elements_limit)


def scan_bounded(
    window: Window,
    *,
    inflated_limit: int,
    elements_limit: int = MOST_ELEMENTS,
    vocabulary: Vocabulary | None = None,
) -> Instance:
    """Read the header of an object of which no more bytes will be read: the first missing one is a bound.

    Args:
        window: The read parts of the object, which has at least one byte.
        inflated_limit: How many bytes a deflated data set may be inflated to.
        elements_limit: How many elements the object may have, those in items included.
        vocabulary: As for `scan`.
    """
    read_for = vocabulary or current_vocabulary()
    return read_bounded(window, read_for, inflated_limit=inflated_limit, elements_limit=elements_limit)
