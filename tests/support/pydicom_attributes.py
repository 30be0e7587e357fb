"""What a header holds of an object, worked out with pydicom: the keys and texts that criteria are judged on."""

import json
from typing import Any

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.valuerep import PersonName

from dicom_sieve.dicom.marks import NOT_KEPT
from dicom_sieve.dicom.vr.value_type import PADDING

LONGEST_KEPT = 256
BULK = {"OB", "OD", "OF", "OL", "OV", "OW", "UN"}


def attributes_of(dataset: Dataset) -> dict[str, tuple[str, ...]]:
    """Give all attributes of a file, those of its meta information among them."""
    meta = {_key(element): texts_of(element) for element in dataset.file_meta}
    return meta | {key: texts_of(element) for element in dataset if (key := _key(element, dataset))}


def texts_of(element: DataElement) -> tuple[str, ...]:
    """Give the values of an element as texts; a sequence is one text, the canonical JSON of its items."""
    if element.VR == "SQ":
        return (json.dumps(_items(element), sort_keys=True, separators=(",", ":")),)
    if element.VR in BULK:
        return (NOT_KEPT,)
    if element.value is None or element.value == "":
        return ()
    values = element.value if isinstance(element.value, MultiValue | list) else [element.value]
    texts = tuple(_text(value) for value in values)
    return texts if len("\\".join(texts).encode()) <= LONGEST_KEPT else (NOT_KEPT,)


def _items(element: DataElement) -> list[dict[str, Any]]:
    return [
        {
            key: _items(nested) if nested.VR == "SQ" else list(texts_of(nested))
            for nested in item
            if (key := _key(nested, item))
        }
        for item in element.value
    ]


def _key(element: DataElement, dataset: Dataset | None = None) -> str:
    """Give the key of an element; empty for the creator of private elements."""
    tag = element.tag
    if not tag.is_private or dataset is None:
        return f"{tag:08X}"
    return "" if tag.is_private_creator else f"{tag.group:04X}xx{tag.element & 0xFF:02X} {element.private_creator}"


def _text(value: object) -> str:
    original = getattr(value, "original_string", None)
    if isinstance(original, str):
        return original.rstrip(PADDING)
    return str(value).rstrip(PADDING) if not isinstance(value, PersonName) else str(value)
