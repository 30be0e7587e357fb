"""Keyed digests in the place of what identifies, before a header comes into the ledger (ADR 35)."""

import re
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache

import orjson

from dicom_sieve.dicom.dictionary import PER_FRAME_GROUPS
from dicom_sieve.dicom.identifying import identifying_tags
from dicom_sieve.dicom.identity import digest_identity
from dicom_sieve.dicom.items import items_in
from dicom_sieve.dicom.kept import sequence_tags
from dicom_sieve.dicom.marks import MARKS, NOT_KEPT
from dicom_sieve.dicom.vr.person import PN
from dicom_sieve.dicom.vr.value_type import trim
from dicom_sieve.headers.texts import Texts, vr_of

_CACHE_SIZE = 4096


def digest_identities(
    attributes: Mapping[str, Texts], secret: bytes, in_clear: frozenset[int] = frozenset()
) -> Mapping[str, Texts]:
    """Give the attributes of a header with a digest in the place of each value that identifies.

    Args:
        attributes: As `dicom_sieve.headers.Header` has them.
        secret: Of the ledger.
        in_clear: Tags of what stays as it is, although it identifies; see `read_in_clear`.
    """
    identifying, may_identify = _identifying_keys(in_clear), _keys_that_may_identify(in_clear)
    digested = {
        key: tuple(
            _digest(text, key, secret) if key in identifying else _digest_items(text, secret, in_clear)
            for text in attributes[key]
        )
        for key in attributes
        if key in may_identify
    }
    return {**attributes, **digested} if digested else attributes


def _digest(text: str, key: str, secret: bytes) -> str:
    """Give the digest of one value; what stands for no value stays."""
    if not trim(text) or text[0] in MARKS:
        return text
    return digest_identity(text, secret, vr=_vr(key))


@lru_cache(_CACHE_SIZE)
def _digest_items(text: str, secret: bytes, in_clear: frozenset[int]) -> str:
    """Give the items of a sequence, as JSON; what stands there has no such attribute in nearly all of them."""
    if text[:1] in MARKS or not _may_identify(in_clear).search(text):
        return text
    kept = items_in(text)
    if kept is None:
        return NOT_KEPT
    items = [_digest_item(item, secret, _identifying_keys(in_clear)) for item in kept]
    return orjson.dumps(items, option=orjson.OPT_SORT_KEYS).decode()


def _digest_item(
    item: Mapping[str, Sequence[object]], secret: bytes, identifying: frozenset[str]
) -> dict[str, list[object]]:
    return {key: [_digest_part(part, key, secret, identifying) for part in parts] for key, parts in item.items()}


def _digest_part(part: object, key: str, secret: bytes, identifying: frozenset[str]) -> object:
    if isinstance(part, Mapping):
        return _digest_item(part, secret, identifying)
    if key not in identifying:
        return part
    # Frames that are summed up have the values of one frame in one text.
    return "\\".join(_digest(value, key, secret) for value in str(part).split("\\"))


@cache
def _identifying_keys(in_clear: frozenset[int]) -> frozenset[str]:
    return frozenset(f"{tag:08X}" for tag in identifying_tags() - in_clear)


@cache
def _keys_that_may_identify(in_clear: frozenset[int]) -> frozenset[str]:
    return frozenset({*_identifying_keys(in_clear), PER_FRAME_GROUPS, *(f"{tag:08X}" for tag in sequence_tags())})


@cache
def _may_identify(in_clear: frozenset[int]) -> re.Pattern[str]:
    return re.compile(f'"(?:{"|".join(sorted(_identifying_keys(in_clear)))})"')


@cache
def _vr(key: str) -> str:
    return PN.code if vr_of(int(key, 16), b"", None, is_signed=False) == PN.code else "LO"
