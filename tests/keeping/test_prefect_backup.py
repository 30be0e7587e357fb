"""Prefect's own database on SQLite is backed up by the commands of docs/keeping.md, and has all that it had."""

import sqlite3
from contextlib import closing
from pathlib import Path

from tests.keeping.kept import Kept

UPGRADE = "python -m prefect server database upgrade --yes"


def test_on_sqlite(tmp_path: Path) -> None:
    kept = Kept(f"sqlite:///{tmp_path / 'ledger.db'}", tmp_path)
    kept.run(f"export PREFECT_HOME={tmp_path / 'prefect'}; {UPGRADE}")

    kept.run(kept.documented("Prefect's database", block=1))

    [copy] = (tmp_path / "backups").glob("prefect-*.db")
    found = [contents(file) for file in (tmp_path / "prefect" / "prefect.db", copy)]
    assert found[0] == found[1]
    assert "flow_run" in found[1]


def contents(file: Path) -> dict[str, int]:
    """Count the rows of each table."""
    with closing(sqlite3.connect(file)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        return {name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in tables}
