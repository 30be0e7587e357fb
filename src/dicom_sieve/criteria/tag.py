"""How JSON names an attribute, and what texts a request may hold."""

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, JsonValue, WithJsonSchema
from pydantic_core import PydanticCustomError

from dicom_sieve.dicom.dictionary import find_keyword

HEX_DIGITS = "^[0-9A-Fa-f]{4}$"
KEYWORD = r"^[A-Z][A-Za-z0-9]{1,63}$"
HexDigits = Annotated[str, Field(pattern=HEX_DIGITS, max_length=4, examples=["0008"])]
PLAIN_TEXT = r"^[^\x00-\x1f\x7f-\x9f\ud800-\udfff]*(?![\s\S])"
"""Refuses what cannot be stored or sent: control characters, halves of surrogate pairs. In the schema alone, where
requests come from; ``$`` would let a line feed at the end through, in Python."""


def plain_text(longest: int) -> Any:
    """Give the field of a text that is not empty."""
    return Field(min_length=1, max_length=longest, json_schema_extra={"pattern": PLAIN_TEXT})


NO_KEYWORD = 'is no keyword of the DICOM dictionary; accepted: a keyword as "StudyDate", or a tag as ["0008", "0020"]'


def _read_tag(given: object) -> object:
    """Give the tag of a keyword; what is no text passes as it is."""
    if not isinstance(given, str) or re.fullmatch(KEYWORD, given.strip()) is None:
        return given
    tag = find_keyword(given.strip())
    if tag is None:
        raise PydanticCustomError("keyword", "{given} {problem}", {"given": repr(given), "problem": NO_KEYWORD})
    return f"{tag >> 16:04X}", f"{tag & 0xFFFF:04X}"


TAGS: list[JsonValue] = [
    {
        "title": "Tag",
        "type": "array",
        "minItems": 2,
        "maxItems": 2,
        "prefixItems": [
            {"type": "string", "pattern": HEX_DIGITS, "maxLength": 4, "examples": ["0008"]},
            {"type": "string", "pattern": HEX_DIGITS, "maxLength": 4, "examples": ["0008"]},
        ],
    },
    {"title": "Keyword", "type": "string", "pattern": KEYWORD, "maxLength": 64, "examples": ["Modality"]},
]
TAG_SCHEMA: dict[str, JsonValue] = {"anyOf": TAGS}
DicomTag = Annotated[tuple[HexDigits, HexDigits], BeforeValidator(_read_tag), WithJsonSchema(TAG_SCHEMA)]
