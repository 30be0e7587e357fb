"""Two ledgers that say the same give the same text; every difference that matters shows."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from dicom_sieve import Ledger, open_ledger
from tests.ledger.export import export
from tests.ledger.vandal import unguarded
from tests.screening.screenings import ct, mr, screen_ct
from tests.support.blocks import add_headers
from tests.support.simulated_store import SimulatedStore


def mixed_store() -> SimulatedStore:
    return SimulatedStore(
        {
            "1": ct(PatientID="1"),
            "2": ct(uid="1.2.3.4.2", PatientID="1"),
            "3": mr(PatientID="2"),
            "4": b"no DICOM",
            "5": b"",
        }
    )


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Ledger]:
    """Another ledger, on SQLite."""
    with open_ledger(f"sqlite:///{tmp_path / 'other.db'}") as opened:
        yield opened


def test_an_export_is_the_same_on_both_databases_however_rows_are_numbered(ledger: Ledger, other: Ledger) -> None:
    screen_ct(SimulatedStore(), ledger, "before")
    screen_ct(mixed_store(), ledger, "a", shard_objects=1)
    screen_ct(mixed_store(), other, "a", shard_objects=3)

    assert export(ledger, "a") == export(other, "a")
    assert export(ledger) != export(other)


def test_an_export_holds_every_object_and_verdict(ledger: Ledger) -> None:
    screen_ct(mixed_store(), ledger, "a")

    lines = export(ledger).splitlines()

    assert sum('"kind": "object"' in line for line in lines) == 5
    assert sum('"kind": "instance"' in line and '"PASSED"' in line for line in lines) == 2
    assert sum('"kind": "decision"' in line for line in lines) == 4


@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE object SET etag = 'another' WHERE key = '3'",
        "UPDATE object SET removed_in = added_in WHERE key = '3'",
        "UPDATE chunk SET tag = '00080061' WHERE tag = '00080060'",
        "UPDATE header SET patient = 'one' WHERE defect IS NULL",
        "UPDATE header SET damage = 'CUT' WHERE defect IS NOT NULL",
        "UPDATE header SET unreadable_from = '00280010' WHERE defect IS NULL",
        "INSERT INTO decision_page SELECT run_number, kind, number + 4, palette, codes FROM decision_page LIMIT 1",
        "UPDATE location SET prefix = 'elsewhere/'",
    ],
)
def test_an_export_shows_an_edit(other: Ledger, edit: str) -> None:
    screen_ct(mixed_store(), other, "a")
    before = export(other)
    with other.engine.connect() as connection:
        connection.execute(sa.text("PRAGMA foreign_keys = OFF"))
        add_headers(connection, range(1001, 1005))
        connection.commit()
        with_headers = export(other)
        with unguarded(connection):
            connection.execute(sa.text(edit))
        connection.commit()

    assert before != with_headers != export(other)
