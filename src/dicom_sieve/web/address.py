"""The state of the Build page, as an address has it: every state is a link that can be sent."""

import base64
import json
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from dicom_sieve.errors import InvalidRequestError
from dicom_sieve.web.shape import Given, check_cards, read_json
from dicom_sieve.web.texts import gettext, later

__all__ = ["LONGEST", "MOST_TEXT", "Given", "pack", "pack_or_nothing", "unpack"]

LONGEST = 32_000
"""In characters: longer criteria are saved under a name, and the address names them."""
MOST_TEXT = 1_000_000
"""Characters of criteria that an address may stand for; what is longer is cut, and then is no JSON."""
_NO_LIST = later("criteria: the address holds no list of criteria")


def pack(criteria: Sequence[Given]) -> str:
    """Write criteria for an address.

    Raises:
        InvalidRequestError: They are too long for one, or no page can work with them.
    """
    check_cards(list(criteria), gettext(_NO_LIST))
    text = json.dumps(list(criteria), separators=(",", ":"), ensure_ascii=False)
    packed = base64.urlsafe_b64encode(zlib.compress(text.encode(), 9)).rstrip(b"=").decode()
    if len(packed) > LONGEST:
        raise InvalidRequestError(
            (gettext("criteria: too long for a page; accepted: lists that are saved under a name"),)
        )
    return packed


def pack_or_nothing(criteria: Sequence[Mapping[str, Any]]) -> str:
    """Write criteria for an address; empty: they are too long for one."""
    try:
        return pack([dict(each) for each in criteria])
    except InvalidRequestError:
        return ""


def unpack(text: str) -> list[Given]:
    """Read what `pack` wrote.

    Raises:
        InvalidRequestError: It is something else.
    """
    try:
        packed = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
        engine = zlib.decompressobj()
        unpacked = engine.decompress(packed, MOST_TEXT)
        criteria = read_json(unpacked) if text else []
    except (ValueError, zlib.error) as error:
        raise InvalidRequestError(
            (gettext("criteria: the address is not whole; accepted: a link as it was copied"),)
        ) from error
    return check_cards(criteria, gettext(_NO_LIST))
