"""Someone with the database's password: no trigger and no foreign key is in the way, and all triggers are put back."""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from dicom_sieve import Ledger
from dicom_sieve.ledger.database.tables import metadata


@contextmanager
def vandal(ledger: Ledger) -> Iterator[sa.Connection]:
    """Give a transaction in which the database refuses nothing, and commit it."""
    engine = sa.create_engine(ledger.engine.url)
    with engine.begin() as connection, unguarded(connection):
        yield connection
    engine.dispose()


@contextmanager
def unguarded(connection: sa.Connection, table: str | None = None) -> Iterator[None]:
    """Take the triggers of a table, or of all, out of the way for a while."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        yield
        connection.exec_driver_sql("SET LOCAL session_replication_role = origin")
        return
    query = "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = coalesce(?, tbl_name)"
    triggers = connection.exec_driver_sql(query, (table,)).all()
    for name, _ in triggers:
        connection.exec_driver_sql(f"DROP TRIGGER {name}")
    yield
    for _, statement in triggers:
        connection.exec_driver_sql(statement)


@contextmanager
def undone(ledger: Ledger) -> Iterator[None]:
    """At the end put every table back as it was."""
    engine = sa.create_engine(ledger.engine.url)
    tables = [table.name for table in metadata.sorted_tables]
    with engine.connect() as connection:
        for table in tables:
            connection.exec_driver_sql(f"CREATE TEMPORARY TABLE kept_{table} AS SELECT * FROM {table}")
        connection.commit()
        yield
        with unguarded(connection):
            for table in tables:
                connection.exec_driver_sql(f"DELETE FROM {table}")
                connection.exec_driver_sql(f"INSERT INTO {table} SELECT * FROM kept_{table}")
        connection.commit()
    engine.dispose()
