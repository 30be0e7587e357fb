"""Short ways to screen a simulated store, and to ask the ledger what came of it."""

from pathlib import Path
from typing import Any

import sqlalchemy as sa

from dicom_sieve import Ledger
from dicom_sieve.criteria import Criterion
from dicom_sieve.ledger.database.decisions import decisions
from dicom_sieve.screening import Outcome, Screening, screen
from dicom_sieve.stores import Store
from tests.support.builders import make_instance

MODALITY = ("0008", "0060")


def one_of(*codes: str) -> list[Criterion]:
    """Criteria that ask for a modality."""
    return [Criterion.model_validate({"dicom_tag": MODALITY, "operation": "IN", "reference": list(codes)})]


def ct(series: str = "1.2.3.4", uid: str = "1.2.3.4.1", **attributes: Any) -> bytes:
    """Make an instance that `one_of("CT")` lets pass."""
    return make_instance(series_instance_uid=series, SOPInstanceUID=uid, Modality="CT", **attributes)


def mr(series: str = "1.2.3.5", uid: str = "1.2.3.5.1", **attributes: Any) -> bytes:
    """Make an instance that `one_of("CT")` discards."""
    return make_instance(series_instance_uid=series, SOPInstanceUID=uid, Modality="MR", **attributes)


def write_images(root: Path) -> Path:
    """Write 60 objects into a new directory, which it gives: CT and MR in four series, and some that are no DICOM."""
    root.mkdir()
    for number in range(60):
        data = (ct if number % 3 else mr)(f"1.5.{number % 4 + 1}", f"1.6.{number + 1}") if number % 7 else b"x"
        (root / f"{number:02}").write_bytes(data)
    return root


def screen_ct(store: Store, ledger: Ledger, execution_id: str, **means: Any) -> Outcome:
    """Screen for CT; where shards are small, each is recorded by itself."""
    if "shard_objects" in means:
        means.setdefault("objects_together", 1)
    return screen(Screening(execution_id, store, one_of("CT"), **means), ledger)


def verdicts(ledger: Ledger, run_id: str) -> dict[str, tuple[str | None, str | None]]:
    """Give verdict and defect by key, in plain SQL; every key once."""
    rows = sql(ledger, "SELECT object_key, verdict, defect FROM instance_decision WHERE run_id = :id", id=run_id)
    found = {key: (verdict, defect) for key, verdict, defect in rows}
    assert len(found) == len(rows)
    return found


def decisions_of(ledger: Ledger, run_number: int | None = None) -> list[tuple[int, int, str, Any]]:
    """Give run, header, verdict and findings of each decision of a run, or of all runs, in their order."""
    is_of_run = sa.true() if run_number is None else decisions.run_number == run_number
    decided = decisions.headers(is_of_run).subquery("decided")
    each = decisions.join(decided, decided.c.header_id, decisions.run_number == decided.c.run_number)
    columns = (decided.c.run_number, decided.c.header_id, decisions.verdict, decisions.findings)
    query = sa.select(*columns).select_from(each).order_by(*columns[:2])
    with ledger.engine.connect() as connection:
        return [(run, header, verdict, findings) for run, header, verdict, findings in connection.execute(query)]


def sql(ledger: Ledger, statement: str, **values: Any) -> list[tuple[Any, ...]]:
    """Ask the ledger in plain SQL."""
    with ledger.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(sa.text(statement), values)]


def state_of(ledger: Ledger, run_id: str) -> tuple[str, str | None]:
    """Give a run's state and why it failed."""
    row = ledger.run(run_id).row
    return row.state, row.failure
