"""A ledger as the version before editions made, filled and sealed it: its migrations, then the rows that it wrote."""

import json
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from dicom_sieve.ledger import migrations
from dicom_sieve.ledger.database.engine import connect
from tests.ledger.vandal import unguarded
from tests.screening.screenings import ct, mr
from tests.support.simulated_store import SimulatedStore

ROWS: dict[str, list[dict[str, Any]]] = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
_MADE_BY_MIGRATIONS = ("patient_key", "seal_entry")
_KEYS = {"location": "id", "snapshot": "id", "header": "id", "object": "id", "run": "number", "patient_key": "id"}


def store_of_version_0008() -> SimulatedStore:
    """What the location holds whose run ``former`` it has: objects with SliceThickness, which was not read."""
    thick = [ct("1.5.1", f"1.6.{number}", SliceThickness="1.5", PatientID="7") for number in (1, 2, 3)]
    others = {"4": mr("1.5.2", "1.6.4"), "5": b"no DICOM"}
    return SimulatedStore({str(number): data for number, data in enumerate(thick, 1)} | others)


def make_version_0008(url: str) -> None:
    """Make it."""
    engine = connect(url)
    with engine.connect() as connection:
        config = Config()
        config.set_main_option("script_location", str(Path(migrations.__path__[0])))
        config.attributes["connection"] = connection
        command.upgrade(config, "0008")
        with unguarded(connection):
            for table in _MADE_BY_MIGRATIONS:
                connection.exec_driver_sql(f"DELETE FROM {table}")
            for table, rows in ROWS.items():
                for row in rows:
                    _insert(connection, table, row)
        if connection.dialect.name == "postgresql":  # as if its own sequences had given the keys
            for table, key in _KEYS.items():
                highest = f"(SELECT max({key}) FROM {table})"
                connection.execute(sa.text(f"SELECT setval(pg_get_serial_sequence('{table}', '{key}'), {highest})"))
        connection.commit()
    engine.dispose()


def _insert(connection: sa.Connection, table: str, row: dict[str, Any]) -> None:
    place = "?" if connection.dialect.name == "sqlite" else "%s"
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL timezone = 'UTC'")
    values = tuple(bytes.fromhex(value["hex"]) if isinstance(value, dict) else value for value in row.values())
    places = ", ".join([place] * len(row))
    connection.exec_driver_sql(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({places})", values)
