"""Long values of many rows are more than one chunk may hold: then a block has fewer rows."""

import numpy as np
import pytest

from dicom_sieve import Ledger
from dicom_sieve.columns.chunk import LARGEST_WRITTEN, column_of
from dicom_sieve.ledger.database.chunks import (
    ADDED_IN,
    EXTENT,
    HEADER,
    ID,
    SERIES,
    SIZE,
    BlockKind,
    blocks_of,
    read_digests,
    write_block,
)
from dicom_sieve.ledger.database.engine import writing
from dicom_sieve.ledger.database.locations import find_or_add_location
from dicom_sieve.ledger.database.packed_blocks import read_packed
from dicom_sieve.ledger.reading.held_objects import held_objects
from tests.support.simulated_store import PLACE

SEQUENCE, SHORT = "52009230", "00180050"
ROWS = 1_000


@pytest.fixture
def texts() -> list[str]:
    """Of functional groups, each another one: together 30 times what a chunk holds."""
    return [f"[{number}{'x' * (30 * LARGEST_WRITTEN // ROWS)}]\0" for number in range(ROWS)]


def test_objects_with_long_values_are_read_as_they_were_written(ledger: Ledger, texts: list[str]) -> None:
    ids = range(5, 5 + ROWS)
    with writing(ledger.engine, 10) as connection:
        place = find_or_add_location(connection, PLACE)
        write_block(
            connection,
            BlockKind.OBJECT,
            1,
            ids,
            columns={SEQUENCE: column_of(texts), SHORT: column_of([f"{number % 3}\0" for number in ids])},
            numbers={HEADER: [7] * ROWS, SIZE: list(ids), ADDED_IN: [1] * ROWS},
            location_id=place,
        )

    parts = list(held_objects(ledger.engine, 1, place, [SEQUENCE, SHORT], with_sizes=True))

    found = {
        number: (size, text, short)
        for part in parts
        for number, size, text, short in zip(
            part.ids.tolist(),
            part.bytes.tolist(),
            part.columns[SEQUENCE].rows(),
            part.columns[SHORT].rows(),
            strict=True,
        )
    }
    expected = zip(ids, texts, strict=True)
    assert found == {number: (number, text, f"{number % 3}\0") for number, text in expected}


def test_headers_with_long_values_are_read_as_they_were_written(ledger: Ledger, texts: list[str]) -> None:
    ids, digests = list(range(1, 1 + ROWS)), [f"{number:064x}" for number in range(ROWS)]
    columns = {EXTENT: column_of([None] * ROWS), SEQUENCE: column_of(texts)}
    with writing(ledger.engine, 10) as connection:
        numbers = {SERIES: [number % 5 for number in ids]}
        write_block(connection, BlockKind.HEADER, 1, ids, columns=columns, numbers=numbers, digests=digests)

    with ledger.engine.connect() as connection:
        blocks = blocks_of(connection, BlockKind.HEADER)
        found = read_packed(connection, blocks, [ID, SERIES], [SEQUENCE])
        read = np.concatenate(list(read_digests(connection, blocks)))

    assert found.numbers[ID].tolist() == ids
    assert found.numbers[SERIES].tolist() == [number % 5 for number in ids]
    assert found.columns[SEQUENCE].as_column().rows() == texts
    assert [digest.tobytes().hex() for digest in read] == digests
    assert max(len(text) for text in texts) < LARGEST_WRITTEN
