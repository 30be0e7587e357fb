"""How the ledger comes from one version to the next (Alembic)."""
