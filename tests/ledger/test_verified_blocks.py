"""Whatever is changed in the blocks of headers, verification names the header, the column or the block."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
import sqlalchemy as sa

from dicom_sieve import Ledger
from dicom_sieve.columns.chunk import Column, as_entry, encode, encode_numbers
from dicom_sieve.columns.coded import Codes
from dicom_sieve.errors import LedgerError
from dicom_sieve.ledger.audit.verify import verify
from dicom_sieve.ledger.database.tables import block, chunk, header
from dicom_sieve.ledger.reading.snapshots import last_snapshot
from dicom_sieve.ledger.reading.values import values_held
from dicom_sieve.screening import preview_known
from tests.ledger.vandal import vandal
from tests.screening.screenings import ct, mr, one_of, screen_ct, sql
from tests.support.blocks import copy_block, digest_again, edit_column
from tests.support.simulated_store import PLACE, SimulatedStore

MODALITY, AGE = "00080060", "00101010"
Named = set[tuple[str, str, int, str | None]]


@pytest.fixture
def screened(ledger: Ledger) -> Ledger:
    """A ledger of one run on three headers in one block."""
    store = SimulatedStore({"1": ct(uid="1.5.1"), "2": mr(uid="1.5.2"), "3": mr("1.2.3.6", "1.5.3", PatientAge="010Y")})
    store.put("4", b"no DICOM")
    screen_ct(store, ledger, "a")
    assert sql(ledger, "SELECT first_id, last_id, row_count FROM block WHERE kind = 'HEADER'") == [(1, 4, 4)]
    return ledger


def header_of(ledger: Ledger, series: str) -> int:
    """Give the id of the header of a series."""
    [(header_id,)] = sql(ledger, "SELECT id FROM header WHERE series_instance_uid = :uid", uid=series)
    return int(header_id)


def named(ledger: Ledger, run: str | None = None) -> Named:
    result = verify(ledger.engine, run)
    assert result.is_intact == (not result.damages)
    return {(damage.kind.value, damage.table, damage.row, damage.part) for damage in result.damages}


def test_a_value_that_was_edited_is_found_in_its_header_and_its_block(screened: Ledger) -> None:
    header_id = header_of(screened, "1.2.3.5")
    with vandal(screened) as connection:
        edit_column(connection, 1, MODALITY, header_id - 1, as_entry(["CT"]))

    expected: Named = {("EDITED", "block", 1, None), ("EDITED", "header", header_id, None)}
    assert named(screened) == named(screened, "a") == expected


def test_a_value_that_was_edited_with_the_digest_of_its_block_is_found_in_its_header(screened: Ledger) -> None:
    header_id = header_of(screened, "1.2.3.5")
    with vandal(screened) as connection:
        edit_column(connection, 1, MODALITY, header_id - 1, as_entry(["CT"]))
        digest_again(connection, 1)

    assert named(screened) == {("EDITED", "header", header_id, None)}


class Edit(NamedTuple):
    """One edit of a column by someone who digests the block again."""

    name: str
    data: Callable[[], bytes]


def codes(*places: int) -> Codes:
    return np.array(places, np.uint8)


@pytest.mark.parametrize(
    "edit",
    [
        Edit("series", lambda: encode_numbers(np.array([1, 2, 3, 4]))),
        Edit("study", lambda: encode_numbers(np.array([1, 2, 3, 4]))),
        Edit("patient", lambda: b"nothing"),
        Edit("digest", lambda: b"x" * 128),
        Edit("extent", lambda: encode(Column((None, "CORRUPT"), codes(0, 1, 0, 0)))),
        Edit("id", lambda: b"nothing"),
        Edit(MODALITY, lambda: b"\x03nothing"),
        Edit(MODALITY, lambda: encode(Column(("CT\0MR", None), codes(0, 0, 0, 1)))),
        Edit(MODALITY, lambda: encode(Column(("CT\0", "MR\0", None, "US\0"), codes(0, 1, 1, 2)))),
        Edit(MODALITY, lambda: encode(Column(("CT\0", "MR\0", "MR\0", None), codes(0, 1, 2, 3)))),
    ],
    ids=["series", "study", "no patient", "digest", "extent", "no ids", "no chunk", "half a value", "unused", "twice"],
)
def test_a_column_that_no_version_writes_is_named(screened: Ledger, edit: Edit) -> None:
    with vandal(screened) as connection:
        its = sa.and_(chunk.c.tag == edit.name, chunk.c.block_id == 1)
        connection.execute(sa.update(chunk).where(its).values(data=edit.data()))
        digest_again(connection, 1)

    assert named(screened) == {("EDITED", "chunk", 1, edit.name)}
    assert f"column {edit.name} of block 1 was edited" in {
        damage.describe() for damage in verify(screened.engine).damages
    }


@pytest.mark.parametrize(
    "values",
    [
        {"kind": "OBJECT"},
        {"location_id": 1},
        {"first_id": 0},
        {"last_id": 7},
        {"row_count": 3},
        {"row_count": 5},
        {"digest": "x"},
    ],
    ids=str,
)
def test_a_block_of_which_a_cell_was_edited_is_named_and_nothing_else(
    screened: Ledger, values: dict[str, object]
) -> None:
    with vandal(screened) as connection:
        connection.execute(sa.update(block).where(block.c.id == 1).values(values))

    assert named(screened) == {("EDITED", "block", 1, None)}


def test_a_block_that_was_deleted_leaves_headers_without_one(screened: Ledger) -> None:
    with vandal(screened) as connection:
        connection.execute(sa.delete(chunk).where(chunk.c.block_id == 1))
        connection.execute(sa.delete(block).where(block.c.id == 1))

    assert named(screened) == {("MISSING", "header", header_id, "block") for header_id in range(1, 5)}
    assert named(screened, "a") == named(screened)
    assert "the block of header 1 is missing" in {damage.describe() for damage in verify(screened.engine).damages}
    with pytest.raises(LedgerError, match="the ledger has no values of header 1: "):
        values_held(screened.engine, last_snapshot(screened.engine, PLACE), MODALITY)
    with pytest.raises(LedgerError, match="the ledger has no values of header 1: "):
        preview_known(PLACE, one_of("MR"), screened)
    with pytest.raises(LedgerError) as caught:
        screened.trace("1.2.3.5")
    assert str(caught.value) == (
        f"the ledger has no values of header {header_of(screened, '1.2.3.5')}: "
        "run 'dicom-sieve verify' to see what else is missing"
    )


def test_a_block_whose_row_alone_was_deleted_is_named(screened: Ledger) -> None:
    with vandal(screened) as connection:
        connection.execute(sa.delete(block))

    assert ("MISSING", "block", 1, None) in named(screened)


def test_a_block_that_gives_headers_other_values_a_second_time_is_named(screened: Ledger) -> None:
    with vandal(screened) as connection:
        copy_block(connection, 1, 9)

    assert named(screened) == {("ADDED", "block", 9, None)}


def test_a_header_that_was_deleted_with_all_that_counts_it_is_still_in_its_block(screened: Ledger) -> None:
    with vandal(screened) as connection:
        connection.execute(sa.delete(header).where(header.c.id == 3))

    assert ("MISSING", "header", 3, None) in named(screened)


def test_a_run_is_verified_by_the_blocks_of_its_headers_alone(screened: Ledger) -> None:
    screen_ct(SimulatedStore({"other": mr(uid="1.6.6", PatientAge="050Y")}), screened, "b")
    assert sql(screened, "SELECT id FROM block WHERE kind = 'HEADER' ORDER BY id") == [(1,), (3,)]
    with vandal(screened) as connection:
        edit_column(connection, 3, AGE, 0, as_entry(["060Y"]))

    assert named(screened, "a") == set()
    assert named(screened, "b") >= {("EDITED", "block", 3, None), ("EDITED", "header", 5, None)}
