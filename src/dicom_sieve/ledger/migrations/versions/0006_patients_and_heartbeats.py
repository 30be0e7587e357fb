"""Whose objects they are, under a key of the ledger's own; until when a computation is known to be under way."""

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

BIG_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
SECRET_BYTES = 32


def upgrade() -> None:
    """Add the columns, and make the key. Of headers from before no patient is known."""
    op.add_column("header", sa.Column("patient", sa.Text))
    patient_key = op.create_table(
        "patient_key",
        sa.Column("id", BIG_KEY, primary_key=True),
        sa.Column("secret", sa.LargeBinary, nullable=False),
    )
    op.add_column("computation", sa.Column("expires_at", sa.DateTime(timezone=True)))
    op.bulk_insert(patient_key, [{"secret": secrets.token_bytes(SECRET_BYTES)}])
