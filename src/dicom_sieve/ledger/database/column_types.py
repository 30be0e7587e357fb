"""The types of the ledger's columns, alike on both databases."""

import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

BigKey = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Json = sa.JSON()
QueryableJson = sa.JSON().with_variant(JSONB(), "postgresql")
Key = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
"""Keys compare by their UTF-8 bytes, the order in which S3 lists."""


class UtcDateTime(sa.types.TypeDecorator[datetime.datetime]):
    """A moment with time zone; SQLite, which has no such type, holds it in UTC."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime.datetime | None, dialect: sa.Dialect) -> datetime.datetime | None:
        """Convert a moment to UTC."""
        del dialect
        return None if value is None else value.astimezone(datetime.UTC)

    def process_result_value(self, value: Any | None, dialect: sa.Dialect) -> datetime.datetime | None:
        """Give the moment in UTC."""
        del dialect
        if value is None:
            return None
        moment: datetime.datetime = value
        return moment.replace(tzinfo=datetime.UTC) if moment.tzinfo is None else moment.astimezone(datetime.UTC)
