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
_KEYS = {
    "location": "id",
    "snapshot": "id",
    "header": "id",
    "object": "id",
    "run": "number",
    "patient_key": "id",
    "forgotten": "id",
}


def migrate(connection: sa.Connection, version: str) -> None:
    """Bring an empty database to a version."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__path__[0])))
    config.attributes["connection"] = connection
    command.upgrade(config, version)


def make_former_ledger(url: str, version: str, rows: Rows) -> None:
    """Make a ledger of a version that has these rows."""
    engine = connect(url)
    with engine.connect() as connection:
        migrate(connection, version)
        with unguarded(connection):
            for table in _MADE_BY_MIGRATIONS:
                connection.exec_driver_sql(f"DELETE FROM {table}")
            for table, of_table in rows.items():
                for row in of_table:
                    _insert(connection, table, row)
        if connection.dialect.name == "postgresql":  # as if its own sequences had given the keys
            for table, key in _KEYS.items():
                highest = f"(SELECT max({key}) FROM {table})"
                connection.execute(sa.text(f"SELECT setval(pg_get_serial_sequence('{table}', '{key}'), {highest})"))
        connection.commit()
    engine.dispose()


def _insert(connection: sa.Connection, table: str, row: Mapping[str, Any]) -> None:
    place = "?" if connection.dialect.name == "sqlite" else "%s"
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL timezone = 'UTC'")
    values = tuple(bytes.fromhex(value["hex"]) if isinstance(value, dict) else value for value in row.values())
    places = ", ".join([place] * len(row))
    connection.exec_driver_sql(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({places})", values)
