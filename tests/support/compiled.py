"""Statements are compiled once for all ledgers of a process of tests, not once for each: it was a tenth of their time.

SQLAlchemy keeps them by dialect, and each engine has one of its own. Those of one class are all alike here.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.util import LRUCache

MOST = 4_000
_known: Any = LRUCache(MOST)


def share() -> None:
    """Let all engines that are made from now on share what they compile."""
    made = sa.create_engine

    def create_engine(*given: Any, **named: Any) -> sa.Engine:
        return made(*given, **named, execution_options={"compiled_cache": _known})

    for dialect in (SQLiteDialect_pysqlite, PGDialect_psycopg):
        setattr(dialect, "__eq__", lambda self, other: type(self) is type(other))  # noqa: B010 - mypy wants no method
        setattr(dialect, "__hash__", lambda self: hash(type(self)))  # noqa: B010
    sa.create_engine = create_engine
