"""Which version a ledger has, which this software knows, and the way from one to the other.

Every command and every run opens a ledger, and nearly none makes or upgrades one: Alembic, which needs a fifth of a
second to be imported and 20 ms to read its scripts, is asked only by those.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.resources import as_file, files
from typing import TYPE_CHECKING

import sqlalchemy as sa

if TYPE_CHECKING:
    from alembic.config import Config

_HELD = sa.table("alembic_version", sa.column("version_num"))
_DIGITS = 4


def version_of(connection: sa.Connection) -> str | None:
    """Give the version of a ledger; None: it is none. Where somebody wrote a second one, both: no such one is known."""
    if not sa.inspect(connection).has_table(_HELD.name):
        return None
    return " and ".join(sorted(connection.scalars(sa.select(_HELD.c.version_num)))) or None


@cache
def known_versions() -> tuple[str, ...]:
    """Give the versions that this software knows, the newest first: its scripts are called by them."""
    names = (script.name for script in (files("dicom_sieve.ledger") / "migrations" / "versions").iterdir())
    return tuple(sorted({name[:_DIGITS] for name in names if name[:_DIGITS].isdecimal()}, reverse=True))


def migrate(connection: sa.Connection) -> None:
    """Make a ledger of the newest version of what is there, within the transaction that is open."""
    from alembic import command  # noqa: PLC0415 - see above

    with migrations(connection) as config:
        command.upgrade(config, "head")


@contextmanager
def migrations(connection: sa.Connection) -> Iterator["Config"]:
    """Give what Alembic asks for: where the scripts are, and a connection to the ledger."""
    from alembic.config import Config  # noqa: PLC0415 - see above

    with as_file(files("dicom_sieve.ledger") / "migrations") as directory:
        config = Config()
        config.set_main_option("script_location", str(directory).replace("%", "%%"))
        config.attributes["connection"] = connection
        yield config
