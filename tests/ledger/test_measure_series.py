"""All facts of series, measured in one pass: what measures say that are worked out one by one."""

import random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dicom_sieve import Ledger, open_ledger
from dicom_sieve.columns.series_pass import MEASURED
from dicom_sieve.errors import LedgerError
from dicom_sieve.ledger.reading.held_headers import headers_held
from dicom_sieve.ledger.reading.measure_series import measure_series
from dicom_sieve.objects import Damaged, Location
from dicom_sieve.screening import Limits
from tests.ledger.measured_facts import HELD, in_one_pass, one_by_one
from tests.ledger.some_stacks import some_stacks
from tests.ledger.vandal import vandal
from tests.screening.made_series import HEADER_LIMIT, MOST_SEED, some_world
from tests.screening.screenings import ct, screen_ct
from tests.support.simulated_store import SimulatedStore


def fill(ledger: Ledger, chance: random.Random, series: int, shard_objects: int = 7) -> None:
    objects = {key: each.data for key, each in some_world(chance, "1", series).items()}
    objects |= some_stacks(chance, "2", series)
    store = SimulatedStore(objects, location=Location("https://made", "made"))
    screen_ct(store, ledger, "run", shard_objects=shard_objects, limits=Limits(header_limit_bytes=HEADER_LIMIT))


class TestOnePass:
    @pytest.mark.slow
    @settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
    @given(st.integers(0, MOST_SEED), st.sampled_from(list(Damaged)))
    def test_gives_what_measures_give(self, seed: int, damaged: Damaged) -> None:
        with open_ledger("sqlite:///:memory:") as ledger:
            fill(ledger, random.Random(seed), 12)

            found = in_one_pass(ledger, damaged)

            assert found == {kind: one_by_one(ledger, kind, damaged) for kind in MEASURED}

    @pytest.mark.parametrize("damaged", list(Damaged))
    @pytest.mark.parametrize("waiting", [1, 50])
    def test_does_not_depend_on_how_much_waits(
        self, ledger: Ledger, damaged: Damaged, waiting: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fill(ledger, random.Random(18), 80, 11)
        expected = {kind: one_by_one(ledger, kind, damaged) for kind in MEASURED}
        monkeypatch.setattr("dicom_sieve.columns.series_pass.MOST_WAITING", waiting)
        monkeypatch.setattr("dicom_sieve.ledger.database.packed_blocks.ROWS_TOGETHER", 20)

        assert in_one_pass(ledger, damaged) == expected
        assert len({entry for facts in expected.values() for entry in facts.values()}) > 50

    def test_series_come_in_the_order_of_their_first_headers(self, ledger: Ledger) -> None:
        objects = {f"{number}": ct(f"1.5.{number}", f"1.6.{number}") for number in range(9)}
        screen_ct(SimulatedStore(objects), ledger, "run", shard_objects=2)

        measured = measure_series(ledger.engine, HELD, headers_held(ledger.engine, *HELD))

        assert (measured.of_headers == np.arange(9)).all()
        assert measured.header_ids.tolist() == list(range(1, 10))

    def test_objects_without_values_are_an_error(self, ledger: Ledger) -> None:
        screen_ct(SimulatedStore({"1": ct(), "2": ct()}), ledger, "run")
        with vandal(ledger) as connection:
            connection.exec_driver_sql(
                "DELETE FROM chunk WHERE block_id = (SELECT id FROM block WHERE kind = 'OBJECT')"
            )
            connection.exec_driver_sql("DELETE FROM block WHERE kind = 'OBJECT'")

        with pytest.raises(LedgerError, match="counts 2 objects of 1 headers, and holds values of 0"):
            in_one_pass(ledger, Damaged.DISCARD)

    def test_a_location_without_objects_has_no_series(self, ledger: Ledger) -> None:
        screen_ct(SimulatedStore({}), ledger, "run")

        assert in_one_pass(ledger, Damaged.DISCARD) == {kind: {} for kind in MEASURED}
