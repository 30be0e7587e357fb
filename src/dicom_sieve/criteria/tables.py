"""Tables from outside: what is looked up in them, and how their cells are read. Who reads the files is not known here.

A criterion with a table can be described without it, and be decided only once its values are there.
"""

import datetime
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from dicom_sieve.criteria.measured import unit_of
from dicom_sieve.dicom.dictionary import Attribute
from dicom_sieve.dicom.identifying import is_identifying
from dicom_sieve.dicom.identity import normalise_identity
from dicom_sieve.dicom.marks import IDENTITY, MARKS
from dicom_sieve.dicom.units import read_quantity
from dicom_sieve.dicom.vr import DA, Comparable
from dicom_sieve.dicom.vr.date import parse_date, parse_iso_date
from dicom_sieve.dicom.vr.text import Text
from dicom_sieve.enumerations import all_of
from dicom_sieve.errors import MalformedValueError


class GivesDates(Protocol):
    """The dates of the rows of a table."""

    def of(self, key: str) -> Sequence[datetime.date]:
        """Give those of the rows with a value, as it is looked up."""
        ...


@dataclass(frozen=True, slots=True)
class CompiledTable:
    """What is looked up in a table.

    Attributes:
        table: Name of the object, or its address.
        key: Column whose cells are compared with values of the attribute.
        attribute: Which.
        date: Column of the dates that are looked up by that; empty: only whether there is such a cell is asked.
        is_exact: Whether capital and small letters differ.
        digest: SHA-256 of the table, where it is known which it is; else empty.
        count: How many values there are, where that is known.
        values: The values themselves, or None.
        dates: The dates themselves, or None.
    """

    table: str
    key: str
    attribute: Attribute
    date: str = ""
    is_exact: bool = False
    digest: str = ""
    count: int | None = None
    values: Container[Comparable] | None = field(default=None, compare=False, repr=False)
    dates: GivesDates | None = field(default=None, compare=False, repr=False)

    @property
    def is_loaded(self) -> bool:
        """Whether its values are there, so that it can be decided."""
        return self.values is not None or self.dates is not None

    @property
    def is_identifying(self) -> bool:
        """Whether values are compared by keyed digest."""
        return is_identifying(self.attribute)

    @property
    def asked(self) -> "CompiledTable":
        """What is looked up, whatever is known of the table."""
        return replace(self, digest="", count=None)

    def read_key(self, cell: str) -> Comparable:
        """Read one cell of the key's column, as values of the attribute are compared; what identifies stays a text.

        Raises:
            MalformedValueError: It is none of the attribute's VR.
            WrongUnitError: It has a unit of another dimension.
        """
        vr = self.attribute.vr
        if self.is_identifying:
            _refuse_not_printable(cell)
            return cell
        if vr == DA:
            return read_day(cell)
        if vr.is_number:
            return read_quantity(cell, unit_of(self.attribute))
        read = vr.parse_reference(cell)
        return vr.parse_exact(cell) if self.is_exact and isinstance(vr, Text) else read

    def dates_of(self, texts: Sequence[str]) -> list[datetime.date]:
        """Give the dates of the rows of an instance; none where there is no such row.

        Args:
            texts: Values of the attribute, as a header has them.
        """
        if self.dates is None:
            raise ValueError("the values of the table are not there")  # criteria with such are not decided
        keys = dict.fromkeys(key for text in texts if (key := self._find_key(text)) is not None)
        return [day for key in keys for day in self.dates.of(key)]

    def _find_key(self, text: str) -> str | None:
        """Read a value of a header as cells of the key's column are read; None where there is nothing to look up."""
        vr = self.attribute.vr
        if self.is_identifying:
            if text[:1] in MARKS:
                return text if text.startswith(IDENTITY) else None
            return text if normalise_identity(text, vr=vr.code) else None
        found = vr.find(text)
        return None if found is None else str(found)


def read_day(cell: str) -> datetime.date:
    """Read a date of a table: ``2022-01-31`` or ``20220131``.

    Raises:
        MalformedValueError: It is none.
    """
    return parse_iso_date(cell) if "-" in cell else parse_date(cell)


def _refuse_not_printable(cell: str) -> None:
    if not cell.strip().isprintable():
        raise MalformedValueError("LO")


@dataclass(frozen=True, slots=True)
class LoadedTable:
    """What was looked up in a table.

    Attributes:
        digest: SHA-256 of the table's bytes, as hex.
        count: How many values there are.
        values: The values; None where dates were looked up.
        dates: The dates; None where only values were.
    """

    digest: str
    count: int
    values: Container[Comparable] | None = None
    dates: GivesDates | None = None


Tables = Mapping[CompiledTable, LoadedTable]
"""By what is asked of a table (`CompiledTable.asked`): what it holds."""


def load(asked: CompiledTable, tables: Tables) -> CompiledTable:
    """Give what is looked up with its values, as far as these are there."""
    loaded = tables.get(asked.asked)
    if loaded is None:
        return asked
    return replace(asked, digest=loaded.digest, count=loaded.count, values=loaded.values, dates=loaded.dates)


def describe_not_loaded(tables: Sequence[CompiledTable]) -> str:
    """Say that criteria cannot be decided without tables."""
    named = all_of([asked.table for asked in tables if not asked.is_loaded])
    return f"the values of {named} are not here: a table is read when a run or a preview starts, and is not kept"
