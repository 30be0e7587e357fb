"""What a computation is told apart by, who runs it, and on what exactly each series was computed."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the columns; no software wrote these tables before."""
    op.add_column("computation", sa.Column("identity", sa.Text, nullable=False, server_default=""))
    op.add_column("computation", sa.Column("holder", sa.Text, nullable=False, server_default=""))
    op.create_index("computation_identity", "computation", ["identity"])
    op.add_column("computation_input", sa.Column("digest", sa.Text))
    op.add_column("computation_input", sa.Column("started_at", sa.DateTime(timezone=True)))
    op.add_column("computation_input", sa.Column("finished_at", sa.DateTime(timezone=True)))
    op.create_index("computation_input_digest", "computation_input", ["digest"])
    op.create_index("computation_output_uri", "computation_output", ["uri"])
