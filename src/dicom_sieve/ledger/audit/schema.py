"""The ledger's schema: tables, columns, indexes, views and triggers, compared with those of its version (ADR 24).

On SQLite the expected schema comes from the migrations, which are run in memory. On PostgreSQL, where a reader may
create nothing, it comes from a file beside this module, which ``make schema`` writes.
"""

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files

import sqlalchemy as sa

from dicom_sieve.ledger.audit import postgresql
from dicom_sieve.ledger.audit.damage import Damage, Kind
from dicom_sieve.ledger.database import engine as database

Definitions = Mapping[tuple[str, str], str]
"""Definitions by kind and name, as ``view`` and ``run``."""
_OF_INDEX = re.compile(r"index (\w+)$")
POSTGRESQL_FILE = "postgresql_schema.json"


def compare_schema(connection: sa.Connection) -> Iterator[Damage]:
    """Name the definitions that differ from those of this version."""
    if connection.dialect.name == "postgresql":
        yield from postgresql.find_shadows(connection)
    expected, found = expected_definitions(connection.dialect.name), read_definitions(connection)
    for kind, name in sorted(expected.keys() | found.keys()):
        definition = found.get((kind, name))
        if definition is None:
            yield Damage(Kind.MISSING, kind, 0, part=name)
        elif (kind, name) not in expected:
            yield Damage(Kind.ADDED, kind, 0, part=name)
        elif definition != expected[kind, name]:
            yield Damage(Kind.EDITED, kind, 0, part=name)
    if connection.dialect.name != "postgresql":
        yield from _check_file(connection)


def _check_file(connection: sa.Connection) -> Iterator[Damage]:
    """Name indexes of an SQLite file that do not match the rows of their table."""
    messages = [row[0] for row in connection.exec_driver_sql("PRAGMA main.integrity_check")]
    indexes = {match[1] for text in messages if (match := _OF_INDEX.search(text))}
    for name in sorted(indexes):
        yield Damage(Kind.EDITED, "index", 0, part=name)
    if messages != ["ok"] and not indexes:
        yield Damage(Kind.EDITED, "file", 0, part="of the ledger")


def read_definitions(connection: sa.Connection) -> Definitions:
    """Read the definitions of a ledger."""
    if connection.dialect.name == "postgresql":
        return postgresql.read_definitions(connection)
    # SQLite's own tables and indexes; a trigger or view of such a name was added by an intruder.
    its_own = "type IN ('table', 'index') AND name LIKE 'sqlite!_%' ESCAPE '!'"
    query = f"SELECT type, name, tbl_name, sql FROM main.sqlite_schema WHERE NOT ({its_own})"  # noqa: S608 - a constant
    return {
        (kind, name): f"on {table}: {' '.join(str(text).split())}"
        for kind, name, table, text in connection.exec_driver_sql(query)
    }


@cache
def expected_definitions(dialect: str) -> Definitions:
    """Give the definitions of a ledger of this version."""
    if dialect == "postgresql":
        text = (files(__package__) / POSTGRESQL_FILE).read_text(encoding="utf-8")
        by_kind = json.loads(text)
        return {(kind, name): definition for kind in by_kind for name, definition in by_kind[kind].items()}
    engine = database.connect("sqlite://")
    try:
        database.upgrade(engine)
        with engine.connect() as connection:
            return read_definitions(connection)
    finally:
        engine.dispose()
