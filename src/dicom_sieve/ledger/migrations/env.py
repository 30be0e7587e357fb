"""Alembic's environment: one connection, handed over by `dicom_sieve.ledger.database.engine`."""

from alembic import context

from dicom_sieve.ledger.database.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, transaction_per_migration=True)
with context.begin_transaction():
    context.run_migrations()
