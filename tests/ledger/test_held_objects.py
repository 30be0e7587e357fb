"""The objects that a snapshot holds, of blocks whose ids lie between each other, are given once, in order."""

import itertools

import numpy as np
import pytest
import sqlalchemy as sa

from dicom_sieve import Ledger
from dicom_sieve.clock import now
from dicom_sieve.columns.chunk import column_of
from dicom_sieve.ledger.database.chunks import ADDED_IN, HEADER, SIZE, BlockKind, write_block
from dicom_sieve.ledger.database.engine import writing
from dicom_sieve.ledger.database.locations import find_or_add_location
from dicom_sieve.ledger.database.tables import snapshot
from dicom_sieve.ledger.reading import held_objects as reading
from dicom_sieve.ledger.reading.held_objects import held_objects
from tests.support.simulated_store import PLACE

TAG = "00201041"
BLOCKS = (range(1, 40, 3), range(2, 60, 3), range(3, 20, 3), range(70, 75), range(63, 70))
"""Ids of objects; those of the first three lie between each other."""


@pytest.mark.parametrize("together", [1, 20, 1 << 18])
def test_each_object_comes_once_with_what_is_its_own(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, together: int
) -> None:
    monkeypatch.setattr(reading, "OBJECTS_TOGETHER", together)
    with writing(ledger.engine, 10) as connection:
        place = find_or_add_location(connection, PLACE)
        for number in (1, 2):
            row = {"id": number, "location_id": place, "state": "COMPLETE", "started_at": now()}
            connection.execute(sa.insert(snapshot).values(row))
        for ids in BLOCKS:
            # Of some blocks no object has it; text beyond ASCII is of one block alone.
            entries = [f"{number}é\0" if ids.start == 63 else f"{number // 2}\0" for number in ids]
            columns = {TAG: column_of(entries)} if ids.start != 3 else {}
            numbers = {
                HEADER: [number % 7 for number in ids],
                SIZE: [1000 + number for number in ids],
                ADDED_IN: [1 + number % 2 for number in ids],
            }
            write_block(connection, BlockKind.OBJECT, 1, ids, columns=columns, numbers=numbers, location_id=place)

    parts = list(held_objects(ledger.engine, 2, place, [TAG], with_sizes=True))

    found = {
        number: (header, size, value)
        for part in parts
        for number, header, size, value in zip(
            part.ids.tolist(), part.headers.tolist(), part.bytes.tolist(), part.columns[TAG].rows(), strict=True
        )
    }
    expected = {
        number: (
            number % 7,
            1000 + number,
            None if ids.start == 3 else f"{number}é\0" if ids.start == 63 else f"{number // 2}\0",
        )
        for ids in BLOCKS
        for number in ids
    }
    assert found == expected
    assert sum(len(part.ids) for part in parts) == len(expected)
    assert all((np.diff(part.ids) > 0).all() for part in parts)
    for before, after in itertools.pairwise(parts):
        assert before.complete_below <= after.ids.min()
    former = list(held_objects(ledger.engine, 1, place, [TAG]))
    odd = [number for part in former for number in part.ids.tolist()]
    assert not any(len(part.bytes) for part in former)
    assert sorted(odd) == sorted(number for number in expected if number % 2 == 0)
