"""What the ledger says was computed."""

from typing import Any

import sqlalchemy as sa

Rows = list[dict[str, Any]]


def computed(url: str, run: str) -> Rows:
    """Give what the ledger says was computed on a run's series, in plain SQL."""
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        query = sa.text("SELECT * FROM series_computation WHERE run_id = :run ORDER BY computation_id, output_uri")
        rows = [dict(row._mapping) for row in connection.execute(query, {"run": run})]
    engine.dispose()
    return rows
