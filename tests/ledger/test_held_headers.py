"""The headers that a snapshot holds, added up by numpy, are those that the database adds up; of any block."""

import pytest

from dicom_sieve import Ledger
from dicom_sieve.ledger.database import chunks, held_pages
from dicom_sieve.ledger.reading.header_counts import headers_of
from dicom_sieve.ledger.reading.held_headers import headers_held, held_blocks
from dicom_sieve.objects import Location
from tests.screening.screenings import ct, screen_ct
from tests.support.simulated_store import SimulatedStore


class TestHeldHeaders:
    def test_are_those_that_the_database_adds_up_in_every_snapshot(
        self, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(held_pages, "IDS_TOGETHER", 3)
        monkeypatch.setattr(chunks, "CHUNKS_TOGETHER", 1)
        store = SimulatedStore({f"{n:02}": ct(f"1.5.{n // 3}") for n in range(1, 30)})
        elsewhere = SimulatedStore(
            {"1": ct("1.5.2"), "2": ct("1.6.1")}, location=Location("https://simulated", "there")
        )
        screen_ct(store, ledger, "first")
        for key in list(store.objects())[:9]:
            store.delete(key)
        screen_ct(elsewhere, ledger, "there")
        screen_ct(store, ledger, "less")
        store.put("01", ct("1.5.0"))
        store.put("99", ct("1.7.1"))
        screen_ct(store, ledger, "again")

        for snapshot_id, location_id in ((1, 1), (2, 2), (3, 1), (4, 1)):
            with ledger.engine.connect() as connection:
                expected = sorted(tuple(row) for row in connection.execute(headers_of(snapshot_id, location_id)))
            held = headers_held(ledger.engine, snapshot_id, location_id)
            assert len(expected) >= 2
            assert list(zip(held.ids.tolist(), held.instances.tolist(), held.bytes.tolist(), strict=True)) == expected
            blocks = list(held_blocks(ledger.engine, snapshot_id, location_id, ["00080060"]))
            assert [number for block in blocks for number in block.ids.tolist()] == held.ids.tolist()
            assert [number for block in blocks for number in block.instances.tolist()] == held.instances.tolist()
            modalities = [entry for block in blocks for entry in block.values.columns["00080060"].rows()]
            assert modalities == ["CT\0"] * len(expected)

    def test_of_a_location_without_objects_are_none(self, ledger: Ledger) -> None:
        assert headers_held(ledger.engine, 1, 1).ids.tolist() == []
        assert list(held_blocks(ledger.engine, 1, 1, ["00080060"])) == []
