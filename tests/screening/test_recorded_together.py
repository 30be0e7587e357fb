"""Headers of several shards are recorded in one transaction: few large blocks, and nothing lost but by a kill."""

from typing import Any

import pytest

from dicom_sieve import Ledger
from dicom_sieve.screening import refresh
from tests.screening.screenings import ct, screen_ct, sql, state_of, verdicts
from tests.support.simulated_store import SimulatedStore

BLOCKS = "SELECT row_count FROM block WHERE kind = 'OBJECT' ORDER BY first_id"


def store_of(count: int) -> SimulatedStore:
    return SimulatedStore({f"{number:03}": ct("1.5.1", f"1.6.{number + 1}") for number in range(count)})


class Watching:
    """Notes how many objects were told of at a time."""

    def __init__(self) -> None:
        self.told: list[int] = []
        self._phase = ""

    def begin(self, phase: str, total: int | None) -> None:
        self._phase = phase

    def advance(self, count: int) -> None:
        if self._phase == "index":
            self.told.append(count)

    def note(self, text: str) -> None:
        """Nothing to note."""


def together(**means: Any) -> dict[str, Any]:
    return {"shard_objects": 5, **means}


class TestBlocks:
    @pytest.fixture(autouse=True)
    def _slow_clock(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(refresh, "SECONDS_TOGETHER", 3600.0)

    @pytest.mark.parametrize(
        ("objects_together", "blocks"), [(1, [5, 5, 5, 5, 3]), (10, [10, 10, 3]), (12, [15, 8]), (16_384, [23])]
    )
    def test_shards_are_recorded_as_one_block(self, ledger: Ledger, objects_together: int, blocks: list[int]) -> None:
        watching = Watching()

        screen_ct(store_of(23), ledger, "run", **together(objects_together=objects_together, observer=watching))

        assert [count for (count,) in sql(ledger, BLOCKS)] == blocks
        assert watching.told == blocks  # progress tells what is recorded
        assert {verdict for verdict, _ in verdicts(ledger, "run").values()} == {"PASSED"}

    def test_what_was_read_before_an_error_is_recorded(self, ledger: Ledger) -> None:
        def breaking(work: Any, shards: Any) -> Any:
            for number, shard in enumerate(shards):
                if number == 2:
                    raise OSError("no more")
                yield work(shard)

        with pytest.raises(OSError, match="no more"):
            screen_ct(store_of(23), ledger, "run", **together(objects_together=16_384, run_shards=breaking))

        assert state_of(ledger, "run")[0] == "FAILED"
        assert sql(ledger, BLOCKS) == [(10,)]
        assert screen_ct(store_of(23), ledger, "again").counts["indexed"] == 13


def test_headers_wait_for_seconds_at_most(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refresh, "SECONDS_TOGETHER", 0.0)

    screen_ct(store_of(23), ledger, "run", **together(objects_together=16_384))

    assert [count for (count,) in sql(ledger, BLOCKS)] == [5, 5, 5, 5, 3]
