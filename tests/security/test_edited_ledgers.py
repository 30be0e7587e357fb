"""Someone with the database's password edits one cell of a sealed ledger, any cell, and puts all triggers back.

What verification does not find is on the list in docs/ledger.md, which has fewer than five cells.
"""

import re
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from dicom_sieve import Ledger, open_ledger
from dicom_sieve.ledger.audit.verify import verify, verify_rows
from tests.ledger.vandal import unguarded
from tests.security.audited import ALL_TABLES, edit, fill, other_values, rows_of, undone

COME_AND_GO = {"lease", "held_page", "listed_range"}
"""Tables whose rows go without a trace: who writes at this moment, sums that are added up again where they lack, and
digests without which each object is compared."""
DOCUMENT = Path(__file__).parents[2] / "docs" / "ledger.md"


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.needs_postgresql)])
def ledger(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A ledger with rows of all kinds; nothing that is done to it stays."""
    folder = tmp_path_factory.mktemp("audited")
    url = f"sqlite:///{folder / 'ledger.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_database")
    with open_ledger(url) as opened:
        fill(opened, folder)
        yield opened


def spread(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give the first, one in the middle, and the last."""
    return [rows[place] for place in sorted({0, len(rows) // 2, len(rows) - 1})]


def not_found(ledger: Ledger, table: sa.Table) -> set[str]:
    """Edit every column of some rows of a table, a cell at a time, and give the cells whose edit is not found."""
    cells = set()
    rows = spread(rows_of(ledger, table))
    for column in table.columns:
        edits = 0
        for row in rows:
            for value in other_values(column, row[column.name], ledger.engine.dialect.name):
                with undone(ledger) as connection:
                    try:
                        edit(connection, table, row, column, value)
                    except sa.exc.IntegrityError:
                        continue
                    edits += 1
                    if verify_rows(connection).is_intact:
                        cells.add(f"{table.name}.{column.name}")
        assert edits, f"no other value for {table.name}.{column.name}"
    return cells


def documented() -> set[str]:
    text = DOCUMENT.read_text(encoding="utf-8").split("### Single cells")[1].split("\n#")[0]
    return set(re.findall(r"^\| `(\w+\.\w+)` \|", text, re.MULTILINE))


def test_it_is_intact_before_anything_is_edited(ledger: Ledger) -> None:
    result = verify(ledger.engine)

    assert (result.damages, result.is_intact, result.is_empty) == ([], True, False)
    assert (result.runs, result.computations, result.entries > 8) == (4, 2, True)
    assert all(rows_of(ledger, table) for table in ALL_TABLES), "a table without a row"


@pytest.mark.parametrize("table", ALL_TABLES, ids=lambda table: table.name)
def test_every_edited_cell_is_found_or_on_the_list(ledger: Ledger, table: sa.Table) -> None:
    assert not_found(ledger, table) == {cell for cell in documented() if cell.startswith(f"{table.name}.")}


def test_the_list_is_short() -> None:
    assert 0 < len(documented()) < 5


@pytest.mark.parametrize("table", ALL_TABLES, ids=lambda table: table.name)
def test_a_deleted_row_is_found(ledger: Ledger, table: sa.Table) -> None:
    for row in spread(rows_of(ledger, table)):
        with undone(ledger) as connection:
            with unguarded(connection, table.name):
                its = sa.and_(*(key == row[key.name] for key in table.primary_key))
                connection.execute(sa.delete(table).where(its))
            is_intact = verify_rows(connection).is_intact
        assert is_intact == (table.name in COME_AND_GO), row
