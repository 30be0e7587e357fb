"""The items of a sequence, as headers keep them: JSON, of each item its values by key."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

Items = Sequence[Mapping[str, Sequence[Any]]]


def items_in(text: str) -> Items | None:
    """Read the items of a sequence; None where they are not kept.

    That is also so where the text is none of ours: former versions kept what an object had in the place of a sequence,
    under another VR, as it stood there.
    """
    try:
        items = orjson.loads(text)
    except ValueError:
        return None
    are_items = isinstance(items, list) and all(isinstance(item, dict) for item in items)
    return items if are_items else None
