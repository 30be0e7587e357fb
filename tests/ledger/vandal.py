"""Someone with the database's password: no trigger and no foreign key is in the way."""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from dicom_sieve import Ledger
from dicom_sieve.ledger.tables import metadata


@contextmanager
def vandal(ledger: Ledger) -> Iterator[sa.Connection]:
    """Give a transaction in which the database refuses nothing, and commit it."""
    engine = sa.create_engine(ledger.engine.url)
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(sa.text("SET LOCAL session_replication_role = replica"))
        else:
            for (name,) in connection.execute(sa.text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all():
                connection.execute(sa.text(f"DROP TRIGGER {name}"))
        yield connection
    engine.dispose()


@contextmanager
def undone(ledger: Ledger) -> Iterator[sa.Connection]:
    """Give such a transaction, to be committed; at the end every table is put back as it was."""
    with ledger.engine.connect() as connection:
        before = {table: connection.execute(sa.select(table)).mappings().all() for table in metadata.sorted_tables}
    with vandal(ledger) as connection:
        yield connection
    with vandal(ledger) as connection:
        for table, rows in before.items():
            connection.execute(sa.delete(table))
            if rows:
                connection.execute(sa.insert(table), [dict(row) for row in rows])
