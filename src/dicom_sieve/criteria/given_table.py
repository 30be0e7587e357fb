"""A column of a table from outside in the place of a reference, and a date of a table in that of another date."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from dicom_sieve.criteria.tag import PLAIN_TEXT, TAG_SCHEMA, DicomTag, plain_text

LONGEST_TABLE, LONGEST_COLUMN, MOST_ROWS = 1024, 256, 5_000_000
SHA_256 = "^[0-9a-f]{64}$"


class _Given(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class TableColumn(_Given):
    """A column of a table.

    Attributes:
        table: Name of the object, or its address.
        column: Name of the column.
        digest: SHA-256 of the table, as a run recorded it; a table with another one is refused. None: any.
        values: How many values the column had, as a run recorded it.
    """

    table: Annotated[str, plain_text(LONGEST_TABLE)]
    column: Annotated[str, plain_text(LONGEST_COLUMN)]
    digest: Annotated[str, Field(pattern=SHA_256)] | None = None
    values: Annotated[int, Field(strict=True, ge=0, le=MOST_ROWS)] | None = None


class RowOf(_Given):
    """Which rows of a table belong to an instance.

    Attributes:
        dicom_tag: The attribute of the instance.
        column: The column that must hold its value.
    """

    dicom_tag: DicomTag
    column: Annotated[str, plain_text(LONGEST_COLUMN)]


class TableDate(TableColumn):
    """The dates in a column of a table, in the rows of an instance.

    Attributes:
        by: Which rows these are.
    """

    by: RowOf


def _text(title: str, longest: int) -> dict[str, JsonValue]:
    return {"title": title, "type": "string", "minLength": 1, "maxLength": longest, "pattern": PLAIN_TEXT}


def _object(title: str, properties: dict[str, JsonValue], *required: str) -> dict[str, JsonValue]:
    return {
        "title": title,
        "type": "object",
        "properties": properties,
        "required": [*required],
        "additionalProperties": False,
    }


_COLUMN: dict[str, JsonValue] = {
    "table": _text("Table", LONGEST_TABLE),
    "column": _text("Column", LONGEST_COLUMN),
    "digest": {"title": "SHA-256", "type": "string", "pattern": SHA_256, "maxLength": 64},
    "values": {"title": "Values", "type": "integer", "minimum": 0, "maximum": MOST_ROWS},
}
_BY = _object("Row", {"dicom_tag": TAG_SCHEMA, "column": _text("Column", LONGEST_COLUMN)}, "dicom_tag", "column")
COLUMN_SCHEMA = _object("Column of a table", _COLUMN, "table", "column")
DATE_SCHEMA = _object("Date of a table", {**_COLUMN, "by": _BY}, "table", "column", "by")
"""Written out: a form would send defaults, and a schema with definitions of its own cannot stand within another."""
