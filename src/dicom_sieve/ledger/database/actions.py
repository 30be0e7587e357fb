"""What people do on the pages: the names of it, and the table; see also `tables`."""

from enum import StrEnum

import sqlalchemy as sa

from dicom_sieve.ledger.database.column_types import BigKey, UtcDateTime
from dicom_sieve.ledger.database.tables import metadata


class Action(StrEnum):
    """What somebody did on the pages."""

    START = "START"
    """A run was started."""
    STOP = "STOP"
    """A run was asked to stop."""
    SAVE = "SAVE"
    """A version of criteria was saved."""
    ADD_PLACE = "ADD_PLACE"
    """A place was named that is to be listed."""
    LIST_PLACE = "LIST_PLACE"
    """A place was listed again."""


page_action = sa.Table(
    "page_action",
    metadata,
    sa.Column("id", BigKey, primary_key=True),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("person", sa.Text, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("run_id", sa.Text),
    sa.Column("criteria_name", sa.Text),
    sa.Column("criteria_version", sa.BigInteger),
    sa.Column("location_id", BigKey),
    sa.Column("place", sa.Text),
    sa.Index("page_action_run_id", "run_id"),
)
