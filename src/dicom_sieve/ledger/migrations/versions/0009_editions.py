"""What headers were read for; all that a ledger holds already was read for the first edition, which is beside this."""

import hashlib
import json
from importlib.resources import files

import sqlalchemy as sa
from alembic import op

from dicom_sieve.ledger.migrations import versions

revision = "0009"
down_revision = "0008"

BIG_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
FIRST_NAME, FIRST_TAGS = "AS, CS, DA", "0009_first_edition.txt"

SQLITE_TRIGGERS = (
    """
    CREATE TRIGGER edition_is_never_replaced BEFORE INSERT ON edition
    WHEN EXISTS (SELECT 1 FROM edition WHERE number = NEW.number)
    BEGIN SELECT RAISE(ABORT, 'an edition is never changed'); END
    """,
    """
    CREATE TRIGGER edition_is_never_updated BEFORE UPDATE ON edition
    BEGIN SELECT RAISE(ABORT, 'an edition is never changed'); END
    """,
    """
    CREATE TRIGGER edition_is_never_deleted BEFORE DELETE ON edition
    BEGIN SELECT RAISE(ABORT, 'an edition is never changed'); END
    """,
)
POSTGRESQL_TRIGGERS = (
    """
    CREATE TRIGGER edition_is_never_changed BEFORE UPDATE OR DELETE ON edition
    FOR EACH ROW EXECUTE FUNCTION refuse_change('an edition')
    """,
    """
    CREATE TRIGGER edition_is_never_truncated BEFORE TRUNCATE ON edition
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change('an edition')
    """,
)


def upgrade() -> None:
    """Make the table with the first edition. The column has a constant default: no row of `header` is rewritten."""
    edition = op.create_table(
        "edition",
        sa.Column("number", BIG_KEY, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("header_tags", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False, unique=True),
    )
    tags = " ".join((files(versions) / FIRST_TAGS).read_text(encoding="ascii").split())
    digest = hashlib.sha256(json.dumps([FIRST_NAME, tags], separators=(",", ":")).encode()).hexdigest()
    op.bulk_insert(edition, [{"name": FIRST_NAME, "header_tags": tags, "digest": digest}])
    op.add_column("header", sa.Column("edition", BIG_KEY, nullable=False, server_default="1"))
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    for statement in POSTGRESQL_TRIGGERS if is_postgresql else SQLITE_TRIGGERS:
        op.execute(statement)
