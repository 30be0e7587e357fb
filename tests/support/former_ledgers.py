"""Ledgers as former versions made, filled and sealed them: their migrations, then the rows that they wrote."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from dicom_sieve.ledger import migrations
from dicom_sieve.ledger.database.engine import connect
from tests.ledger.vandal import unguarded

Rows = Mapping[str, Sequence[Mapping[str, Any]]]
"""Rows by table, as SQLite holds them; bytes as ``{"hex": …}``."""
_MADE_BY_MIGRATIONS = ("patient_key", "seal_entry")


def migrate(connection: sa.Connection, version: str) -> None:
    """Bring an empty database to a version."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__path__[0])))
    config.attributes["connection"] = connection
    command.upgrade(config, version)


def make_former_ledger(url: str, version: str, rows: Rows) -> None:
    """Make a ledger of a version that has these rows, and no others."""
    engine = connect(url)
    with engine.connect() as connection:
        migrate(connection, version)
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
        with unguarded(connection):
            for table in (*rows, *_MADE_BY_MIGRATIONS):
                if sa.inspect(connection).has_table(table):
                    connection.exec_driver_sql(f"DELETE FROM {table}")
            for table, of_table in rows.items():
                for row in of_table:
                    _insert(connection, table, row)
        if connection.dialect.name == "postgresql":  # as if its own sequences had given the keys
            for table in rows:
                _set_sequence(connection, table)
        connection.commit()
    engine.dispose()


def _set_sequence(connection: sa.Connection, table: str) -> None:
    for column in sa.inspect(connection).get_columns(table):
        if "nextval" in str(column["default"]):
            sequence = f"pg_get_serial_sequence('{table}', '{column['name']}')"
            highest = f"(SELECT max({column['name']}) FROM {table})"
            connection.execute(sa.text(f"SELECT setval({sequence}, {highest})"))


def _insert(connection: sa.Connection, table: str, row: Mapping[str, Any]) -> None:
    place = "?" if connection.dialect.name == "sqlite" else "%s"
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL timezone = 'UTC'")
    values = tuple(bytes.fromhex(value["hex"]) if isinstance(value, dict) else value for value in row.values())
    places = ", ".join([place] * len(row))
    connection.exec_driver_sql(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({places})", values)
