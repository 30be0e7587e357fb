"""Reading the tables that criteria name, once, when a run or a preview starts."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from dicom_sieve import private
from dicom_sieve.columns.looked_up import CollectsDigests, DigestsKey
from dicom_sieve.criteria import Asked, CompiledItem, compile_criteria
from dicom_sieve.criteria.seal_tables import seal_tables, tables_in
from dicom_sieve.criteria.tables import CompiledTable, LoadedTable, Tables, read_day
from dicom_sieve.dicom.units import WrongUnitError
from dicom_sieve.dicom.vr import DA, Comparable, ValueType
from dicom_sieve.errors import InvalidRequestError, MalformedValueError
from dicom_sieve.stores.find_table import HoldsTables, fetch_table
from dicom_sieve.stores.table_file import MalformedTableError, read_table

GivesSecret = Callable[[], bytes]
MOST_COLUMNS = 10
"""Columns of tables that criteria of one run are compared with: each may have millions of values in memory."""


def with_their_tables(
    criteria: Sequence[Asked], places: Iterable[HoldsTables | None], secret: GivesSecret
) -> tuple[Sequence[Asked], tuple[CompiledItem, ...]]:
    """Read the tables of criteria.

    Args:
        criteria: As they were given.
        places: Where tables may lie, the first first; None: there is no such place.
        secret: Gives that of the ledger.

    Returns:
        The criteria with the digests of their tables, as a run records them; and compiled, with the values.

    Raises:
        InvalidRequestError: The criteria make no sense, or a table is not there, too large, or no table.
        StoreError: A store does not answer, or refuses.
    """
    compiled = compile_criteria(criteria)
    asked = tables_in(compiled)
    if not asked:
        return criteria, compiled
    if len(asked) > MOST_COLUMNS:
        problem = f"{len(asked):,} columns of tables are compared with; accepted: {MOST_COLUMNS}"
        raise InvalidRequestError((f"criteria: {problem}",))
    tables = load_tables(asked, [place for place in places if place is not None], secret)
    sealed = seal_tables(criteria, tables)
    return sealed, compile_criteria(sealed, tables)


def load_tables(asked: Sequence[CompiledTable], places: Sequence[HoldsTables], secret: GivesSecret) -> Tables:
    """Read tables, each once, whatever is looked up in it; see `with_their_tables`."""
    loaded: dict[CompiledTable, LoadedTable] = {}
    for table in dict.fromkeys(each.table for each in asked):
        of_table = [each for each in asked if each.table == table]
        with private.temporary_folder() as folder:
            file = folder / "table"
            uri = fetch_table(table, places, file)
            loaded.update(_load(file, table, uri, of_table, secret))
    return loaded


def _load(
    file: Path, table: str, uri: str, asked: Sequence[CompiledTable], secret: GivesSecret
) -> dict[CompiledTable, LoadedTable]:
    with file.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    if any(each.digest not in ("", digest) for each in asked):
        problem = f"is another one than was asked for: its SHA-256 digest is {digest}"
        raise InvalidRequestError((f"table {uri}: {problem}; accepted: the same bytes, or criteria without 'digest'",))
    columns = tuple(dict.fromkeys(name for each in asked for name in (each.key, each.date) if name))
    collectors = {each.asked: _collects(each, secret) for each in asked}
    places = {each.asked: (columns.index(each.key), columns.index(each.date or each.key)) for each in asked}
    try:
        for number, cells in read_table(file, PurePosixPath(table).suffix.lower(), columns):
            for each, collect in collectors.items():
                key, date = places[each]
                if cells[key] and cells[date]:
                    collect.add(number, cells[key], cells[date])
    except MalformedTableError as error:
        raise InvalidRequestError((f"table {uri}: {error}",)) from None
    return {each: collect.finish(digest) for each, collect in collectors.items()}


@dataclass(slots=True)
class _Collects:
    """Takes in the cells of what is looked up, read by their VRs.

    Attributes:
        asked: What is looked up.
        digests: Keeps the digests of values, and days; None: the values are kept as they are.
        values: The values.
    """

    asked: CompiledTable
    digests: CollectsDigests | None
    values: set[Comparable] = field(default_factory=set, repr=False)

    def add(self, row: int, key: str, date: str) -> None:
        """Take in the cells of a row, of which none is empty.

        Raises:
            MalformedTableError: One cannot be read.
        """
        asked = self.asked
        try:
            read = asked.read_key(key)
        except (MalformedValueError, WrongUnitError):
            raise _unread(row, asked.key, asked.attribute.vr) from None
        if self.digests is None:
            self.values.add(read)
            return
        try:
            self.digests.add(str(read), read_day(date) if asked.date else None)
        except MalformedValueError:
            raise _unread(row, asked.date, DA) from None

    def finish(self, digest: str) -> LoadedTable:
        """Give what was looked up."""
        if self.digests is None:
            return LoadedTable(digest, len(self.values), frozenset(self.values))
        found = self.digests.finish()
        return LoadedTable(digest, found.count, *((None, found) if self.asked.date else (found, None)))


def _collects(asked: CompiledTable, secret: GivesSecret) -> _Collects:
    vr = asked.attribute.vr
    if not (asked.is_identifying or asked.date or vr.is_text or vr.code in ("UI", "CS")):
        return _Collects(asked, None)  # numbers, dates and ages, of which equal ones are written in several ways
    key = DigestsKey(secret() if asked.is_identifying else None, vr.code)
    return _Collects(asked, CollectsDigests(key))


def _unread(row: int, column: str, vr: ValueType) -> MalformedTableError:
    accepted = "a date as 2022-01-31 or 20220131" if vr == DA else f"values that are each a {vr.long_name} ({vr})"
    return MalformedTableError(f"row {row:,} of column {column} cannot be read; accepted: {accepted}")
