"""What a header in the full edition should say of an object, worked out of what pydicom reads of the whole object."""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pydicom
from pydicom.datadict import dictionary_has_tag, dictionary_VR
from pydicom.dataelem import RawDataElement
from pydicom.multival import MultiValue
from pydicom.tag import BaseTag

from dicom_sieve.dicom.dictionary import header_tags
from dicom_sieve.dicom.identifying import identifying_tags
from dicom_sieve.dicom.kept import kept_tags, sequence_tags
from dicom_sieve.dicom.marks import BYTES, NOT_KEPT
from tests.headers.by_pydicom import in_silence
from tests.headers.raw import UNDEFINED

AS_WRITTEN = {"AE", "AS", "CS", "DA", "DS", "DT", "IS", "TM", "UI"}
BULK = {"OB", "OD", "OF", "OL", "OV", "OW", "OB or OW", "US or OW", "US or SS or OW"}
PER_FRAME = 0x52009230
GROUPS = {0x52009229, PER_FRAME}
LIMIT = 256
LONGEST_SEQUENCE = 16 * 1024
Read = dict[str, Any]


def kept_by_pydicom(dataset: pydicom.Dataset) -> Read:
    """Give key to texts, of a sequence its items; the groups of frames are left out, as they are summed up."""
    with in_silence():
        top = _read(dataset, 1)
        meta = {f"{tag:08X}": None for tag in map(int, dataset.file_meta.keys()) if tag in kept_tags()}
    return {**{key: _texts(dataset.file_meta, int(key, 16), 1) for key in meta}, **top}


def _read(dataset: pydicom.Dataset, depth: int) -> Read:
    found: Read = {}
    end = min((tag for tag in sorted(dataset.keys()) if tag > PER_FRAME and not tag.is_private), default=1 << 32)
    for tag, key in _keys(dataset, depth):
        if key not in found and (depth > 1 or tag < end):
            found[key] = _texts(dataset, tag, depth)
    return found


def _keys(dataset: pydicom.Dataset, depth: int) -> Iterator[tuple[int, str]]:
    for tag in sorted(dataset.keys()):
        if not tag.is_private:
            if depth > 1 or int(tag) in kept_tags():
                yield int(tag), f"{tag:08X}"
            continue
        creator_tag = BaseTag(tag.group << 16 | tag.element >> 8)
        creator = str(dataset[creator_tag].value or "").strip() if creator_tag in dataset else ""
        if creator and tag.element >= 0x1000:
            yield int(tag), f"{tag.group:04X}xx{tag.element & 0xFF:02X} {creator}"


def _texts(dataset: pydicom.Dataset, number: int, depth: int) -> Any:
    tag = BaseTag(number)
    raw: Any = dataset.get_item(tag)
    written = raw.value if isinstance(raw, RawDataElement) else _written_again(raw.value)
    if number in header_tags() and depth == 1:
        return ["\ufffd"] if written is None and raw.VR == "SQ" else _as_written(written)
    is_sequence = depth <= 3 and (number in sequence_tags() or (depth > 1 and not tag.is_private))
    is_sequence = is_sequence and number not in identifying_tags()
    if tag.is_private and (getattr(raw, "is_undefined_length", False) or getattr(raw, "length", 0) == UNDEFINED):
        return [NOT_KEPT]
    element = dataset[tag]
    if written == b"" and depth == 1:
        return []
    if element.VR == "SQ":
        longest = LONGEST_SEQUENCE if depth == 1 and number not in GROUPS else 1 << 30
        too_long = isinstance(written, bytes) and len(written) > longest
        return [_read(item, depth + 1) for item in element.value] if is_sequence and not too_long else [NOT_KEPT]
    is_in_place_of_items = bool(written) and dictionary_has_tag(number) and dictionary_VR(number) == "SQ"
    if (
        is_in_place_of_items
        or (isinstance(written, bytes) and len(written) > LIMIT)
        or (tag.is_private and element.VR == "PN")
    ):
        return [NOT_KEPT]
    return _by_vr(element.VR, element.value, written or b"")


def _written_again(value: Any) -> bytes | None:
    """Give the bytes of a value that pydicom has converted while it read; None of a sequence."""
    if isinstance(value, pydicom.Sequence):
        return None
    texts = value if isinstance(value, MultiValue | list) else [value]
    return (
        value
        if isinstance(value, bytes)
        else "\\".join("" if text is None else str(text) for text in texts).encode("latin-1")
    )


def _by_vr(vr: str, value: Any, written: bytes) -> list[str]:
    values = list(value) if isinstance(value, MultiValue | list) else [value]
    if vr in AS_WRITTEN:
        return _as_written(written)
    if vr in BULK or vr == "UN":
        mark = NOT_KEPT if vr in BULK else BYTES + written.hex()
        return [mark] if written else []
    if values in ([None], [""], []) or (vr == "PN" and not str(value)):
        return []
    return [_text(vr, part) for part in values]


def _text(vr: str, value: Any) -> str:
    if vr in {"FL", "FD"}:
        return _shortest(vr, value)
    if vr == "AT":
        return f"{value:08X}"
    return str(value).rstrip(" \0=" if vr == "PN" else " \0").replace("\0", "\ufffd")


def _as_written(written: bytes | None) -> list[str]:
    text = (written or b"").decode("latin-1").rstrip(" \0")
    return [part.rstrip(" \0").replace("\0", "\ufffd") for part in text.split("\\")] if text else []


def _shortest(vr: str, number: float) -> str:
    text = repr(float(number)) if vr == "FD" else repr(float(str(np.float32(number))))
    return text.removesuffix(".0")


def kept_by_us(attributes: dict[str, tuple[str, ...]]) -> Read:
    """Give the same of a header's attributes, and of the object's own."""
    return {key: _opened(key, texts) for key, texts in attributes.items()}


def _opened(key: str, texts: tuple[str, ...]) -> Any:
    is_sequence = " " not in key and dictionary_VR(int(key, 16)) == "SQ" and texts not in {(), (NOT_KEPT,)}
    if " " not in key and dictionary_VR(int(key, 16)) == "PN":
        return [text.rstrip("=") for text in texts]  # pydicom leaves groups without a value out
    return json.loads(texts[0]) if is_sequence else list(texts)
