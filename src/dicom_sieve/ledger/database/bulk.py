"""Bulk reads and writes: very many rows, by the fastest way of each database.

PostgreSQL uses COPY, SQLite one statement over all rows on the driver's own cursor. Rows have the driver's types: JSON
as text, moments as `stored` gives them. Anything but appending goes through a staging table, a temporary table of the
connection, and from there in statements that both databases understand. Rows are read a few at a time; PostgreSQL,
which is another process, finds the next ones meanwhile.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import partial
from itertools import chain
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from dicom_sieve.ledger.database.engine import as_ledger_error

Row = Sequence[Any]
T = TypeVar("T")
SENT_AS_THEY_ARE = frozenset({"BIGINT", "INTEGER", "SMALLINT", "TEXT", "BYTEA"})
"""Types of PostgreSQL of which rows are sent without making a text of each value."""
ROWS_AT_A_TIME = 500
"""Few enough that Python's garbage collector does not start; with 10,000 it takes a fifth of the time."""


def rows_of(result: sa.CursorResult[Any]) -> Iterator[sa.Row[Any]]:
    """Give the rows of a query that was executed with ``yield_per``, of which only some are in memory.

    The connection may be used for other queries meanwhile, but not be closed.
    """
    parts = result.partitions(ROWS_AT_A_TIME)
    if result.dialect.name == "postgresql":
        return chain.from_iterable(prefetch_next(parts))
    return chain.from_iterable(parts)


def plain_rows(result: sa.CursorResult[Any]) -> Iterator[Row]:
    """Give the rows of a query as the driver has them, for columns of text and numbers alone.

    Making SQLAlchemy's rows of them takes as long as fetching them.
    """
    cursor: Any = result.cursor  # there is one while the result is open
    return chain.from_iterable(iter(partial(cursor.fetchmany, ROWS_AT_A_TIME), []))


def rows_with_bytes(connection: sa.Connection, query: sa.Select[Any], on_postgresql: str, *given: Any) -> Iterable[Row]:
    """Give the rows of a query with columns of bytes, all in memory.

    PostgreSQL sends them as they are only where it is asked for: else as text, twice as long, that both sides convert.

    Args:
        connection: Of the ledger.
        query: For other databases.
        on_postgresql: The same query, with a ``%s`` for each of what is given.
        given: Its parameters.

    Raises:
        LedgerError: The database is unreachable.
    """
    if connection.dialect.name != "postgresql":
        return connection.execute(query)
    with _cursor(connection, binary=True) as cursor:
        rows: list[Row] = cursor.execute(on_postgresql, given).fetchall()
    return rows


def prefetch_next(parts: Iterator[T], most: int = 1) -> Iterator[T]:
    """Have the next parts made in a thread while one is processed: for work that waits for another process.

    Args:
        parts: Made one after the other.
        most: Parts that are made, or being made, while one is processed.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as pool:
        following = deque(pool.submit(next, parts, None) for _ in range(most))
        while (part := following.popleft().result()) is not None:
            following.append(pool.submit(next, parts, None))
            yield part


def append(connection: sa.Connection, table: sa.Table, columns: Sequence[str], rows: Iterable[Row]) -> None:
    """Insert rows that are certainly new, within a transaction.

    Args:
        connection: Within a transaction that writes.
        table: Target table.
        columns: Names of its columns, in the order of each row.
        rows: Iterated while they are written; one is in memory at a time.

    Raises:
        LedgerError: The database is unreachable, or its disk is full.
    """
    with _cursor(connection) as cursor:
        _write(cursor, connection, table, columns, rows)


@contextmanager
def _cursor(connection: sa.Connection, **options: Any) -> Iterator[Any]:
    """Give a cursor of the driver's; what it raises of a database that is away becomes an error of this package."""
    with closing(connection.connection.cursor(**options)) as cursor:
        try:
            yield cursor
        except connection.dialect.loaded_dbapi.Error as error:
            is_lost = connection.dialect.is_disconnect(error, connection.connection.dbapi_connection, cursor)
            if is_lost:
                connection.invalidate()
            ledger_error = as_ledger_error(connection.engine, error, is_disconnect=is_lost)
            raise ledger_error or error from None


def _write(
    cursor: Any, connection: sa.Connection, table: sa.Table, columns: Sequence[str], rows: Iterable[Row]
) -> None:
    name, names = connection.dialect.identifier_preparer.format_table(table), ", ".join(columns)
    if connection.dialect.name == "postgresql":
        types = [table.columns[column].type.compile(connection.dialect) for column in columns]
        are_plain = SENT_AS_THEY_ARE.issuperset(types)
        with cursor.copy(f"COPY {name} ({names}) FROM STDIN{' (FORMAT BINARY)' if are_plain else ''}") as copy:
            if are_plain:
                copy.set_types([kind.lower() for kind in types])
            for row in rows:
                copy.write_row(row)
    else:
        places = ", ".join("?" for _ in columns)
        cursor.executemany(f"INSERT INTO {name} ({names}) VALUES ({places})", rows)  # noqa: S608 - this package's names


def stage(connection: sa.Connection, table: sa.Table, rows: Iterable[Row]) -> None:
    """Replace the rows of a staging table, made with `staging`."""
    connection.execute(sa.schema.CreateTable(table, if_not_exists=True))
    connection.execute(sa.delete(table))
    append(connection, table, table.columns.keys(), rows)


def staging(name: str, *columns: sa.Column[Any]) -> sa.Table:
    """Describe a staging table. It is temporary and, on PostgreSQL, empty after each transaction."""
    return sa.Table(name, sa.MetaData(), *columns, prefixes=["TEMPORARY"], postgresql_on_commit="DELETE ROWS")


def is_staged(row: sa.Column[Any], table: sa.Table) -> sa.ColumnElement[bool]:
    """Tell whether a staging table has a row's id: written as IN, SQLite begins with the staging table.

    SQLite has no statistics of a staging table, and would else scan the large table.
    """
    return row.in_(sa.select(table.c.id))


def stored(connection: sa.Connection, column: sa.Column[Any]) -> Callable[[Any], Any]:
    """Give the function that converts a value of a column to the driver's type."""
    return column.type.dialect_impl(connection.dialect).bind_processor(connection.dialect) or (lambda value: value)


def insert_of(connection: sa.Connection, table: sa.Table) -> postgresql.Insert | sqlite.Insert:
    """Give an INSERT that can say what to do ON CONFLICT."""
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)
