"""A listing in the order of UTF-16, as Azure's may be, given in the order of UTF-8.

Both differ in one thing: characters beyond U+FFFF come before U+E000 to U+FFFF in UTF-16, and behind them in UTF-8.
"""

from collections.abc import Iterable, Iterator
from heapq import heappop, heappush

from dicom_sieve.objects import ObjectInfo

_LAST_OF_TWO_BYTES = "\uffff"


def in_order_of_bytes(objects: Iterable[ObjectInfo]) -> Iterator[ObjectInfo]:
    """Give objects in the order of their keys' UTF-8 bytes; those that come so stay so.

    What has a character beyond U+FFFF is held back, in memory, as long as a key may follow that has one below it in the
    same place: with such a character in the name of a folder that is the rest of the folder above.

    Args:
        objects: In the order of UTF-16's code units, or of UTF-8's bytes.
    """
    held: list[tuple[bytes, ObjectInfo, tuple[str, ...]]] = []
    for info in objects:
        while held and not any(info.key.startswith(before) for before in held[0][2]):
            yield heappop(held)[1]
        places = [place for place, letter in enumerate(info.key) if letter > _LAST_OF_TWO_BYTES]
        if places:
            heappush(held, (info.key.encode(), info, tuple(info.key[:place] for place in places)))
        else:
            yield info
    while held:
        yield heappop(held)[1]
